//! Long operations.

use std::time::Duration;

use crate::desk::Vmm;
use crate::error::{Error, Kind, Result};
use crate::model::{Job, JobFilter, JobId, Page, RequestId, one_more};
use crate::policy::{Action, Actor, Target};

use crate::ops::job_label;
use crate::ops::watch::Watch;

/// The interval at which a job that is watched is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// A job that is watched; see [`Vmm::watch_job`]. It costs nothing but while [`next`](Self::next) is awaited.
#[derive(Debug)]
pub struct JobWatch {
    vmm: Vmm,
    actor: Actor,
    id: JobId,
    last: Option<Job>,
    watch: Watch<Job>,
}

impl JobWatch {
    /// Waits for the next change; `None` after the last. May be dropped while it waits and called again.
    ///
    /// # Errors
    /// `NotFound` when the actor may not see the job at this moment, `Unauthenticated` when the account is gone or
    /// disabled, `Unavailable` if the database does not answer.
    pub async fn next(&mut self) -> Result<Option<Job>> {
        if self.last.as_ref().is_some_and(|job| job.state.is_final()) {
            return Ok(None);
        }
        loop {
            let look = || async { self.vmm.lookup(&self.actor)?.job(self.id).await };
            let Some(seen) = self.watch.changed(&self.actor, look).await? else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            self.actor = self.vmm.at_this_moment(&self.actor).await?;
            let (job, _) = self.vmm.visible_job(&self.actor, self.id).await?;
            self.watch.told(seen);
            if self.last.as_ref() != Some(&job) {
                self.last = Some(job.clone());
                return Ok(Some(job));
            }
        }
    }
}

impl Vmm {
    /// The jobs of a request, newest first.
    ///
    /// # Errors
    /// `NotFound` if there is no such request that the actor may see.
    pub async fn request_jobs(&self, actor: &Actor, id: &RequestId) -> Result<Vec<Job>> {
        let request = self.request(actor, id).await?;
        let desk = self.read(actor, Action::JobRead, &Target::from(&request))?;
        desk.repository().jobs().list(&JobFilter { request: Some(id.clone()), ..JobFilter::default() }).await
    }

    /// Jobs that the actor may see, newest first.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn jobs(&self, actor: &Actor, filter: &JobFilter) -> Result<Page<Job, JobId>> {
        let mut asked = JobFilter { limit: one_more(filter.limit), ..filter.clone() };
        let mut target = Target::none();
        if let Some(id) = actor.user_id()
            && !self.allows(actor, Action::JobRead, &target)
        {
            target = Target::of(id, "");
            if asked.owner.replace(id).is_some_and(|asked| asked != id) {
                asked.limit = Some(0);
            }
        }
        let jobs = self.read(actor, Action::JobRead, &target)?.repository().jobs().list(&asked).await?;
        Ok(Page::cut(jobs, filter.limit, |job| job.id))
    }

    /// Watches a job: its present state at once, then each change of it, also by another process on the same records.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see.
    pub async fn watch_job(&self, actor: &Actor, id: JobId) -> Result<JobWatch> {
        self.visible_job(actor, id).await?;
        let watch = Watch::new(self, actor, self.glances().jobs.join(id));
        Ok(JobWatch { vmm: self.clone(), actor: actor.clone(), id, last: None, watch })
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
        let looking = self.visible_job(actor, id);
        let (job, target) = self.find_or_audit_failure(actor, Action::JobCancel, format!("job {id}"), looking).await?;
        self.change(actor, Action::JobCancel, target, |desk, audit| async move {
            if !job.cancellable {
                return Err(Error::conflict(Kind::Job, id, format!("a {} job cannot be cancelled", job.kind)));
            }
            desk.repository().jobs().cancel(id, audit).await?;
            desk.work().notify_one();
            Ok(())
        })
        .await
    }

    pub(in crate::ops) async fn visible_job(&self, actor: &Actor, id: JobId) -> Result<(Job, Target)> {
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
