//! Long operations.

use crate::error::{Error, Kind, Result};
use crate::model::{Job, JobId, JobKind, RequestId};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

use super::job_label;

impl Vmm {
    /// The jobs of a request, newest first.
    ///
    /// # Errors
    /// `NotFound` if there is no such request that the actor may see.
    pub async fn request_jobs(&self, actor: &Actor, id: &RequestId) -> Result<Vec<Job>> {
        let request = self.request(actor, id).await?;
        let desk = self.read(actor, Action::JobRead, &Target::from(&request))?;
        desk.repository().jobs().list(Some(id), u32::MAX).await
    }

    /// One job with its steps.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see.
    pub async fn job(&self, actor: &Actor, id: JobId) -> Result<Job> {
        self.visible_job(actor, id).await.map(|(job, _)| job)
    }

    /// Cancels a job: what it did is undone. A removal and a plan being made go on to their end.
    ///
    /// # Errors
    /// `Conflict` if it has ended, or cannot be cancelled.
    pub async fn cancel_job(&self, actor: &Actor, id: JobId) -> Result<()> {
        let (job, target) = self.visible_job(actor, id).await?;
        self.change(actor, Action::JobCancel, target, |desk, audit| async move {
            if matches!(
                job.kind,
                JobKind::DeleteVm(_) | JobKind::ReleaseVm(_) | JobKind::DeleteDisk(_) | JobKind::StartRequest(_)
            ) {
                return Err(Error::conflict(Kind::Job, id, format!("a {} job cannot be cancelled", job.kind.word())));
            }
            desk.repository().jobs().cancel(id, audit).await?;
            desk.work().notify_one();
            Ok(())
        })
        .await
    }

    async fn visible_job(&self, actor: &Actor, id: JobId) -> Result<(Job, Target)> {
        let lookup = self.lookup(actor)?;
        let job = lookup.job(id).await?;
        let owner = match (&job.request, job.vm) {
            (Some(request), _) => Some(lookup.request(request).await?.requester),
            (None, Some(vm)) => lookup.responsible(vm).await?,
            (None, None) => None,
        };
        let target = Target { label: job_label(&job), owner };
        if self.allows(actor, Action::JobRead, &target) {
            Ok((job, target))
        } else {
            Err(Error::not_found(Kind::Job, id))
        }
    }
}
