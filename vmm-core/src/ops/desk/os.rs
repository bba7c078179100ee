//! The catalog.

use tracing::warn;

use crate::desk::{Desk, Vmm, image};
use crate::error::{Error, Kind, Result};
use crate::job::kinds::import_os::ImportOs;
use crate::model::{
    Description, ImageSource, JobId, NewJob, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Page, Revision,
    one_more,
};
use crate::policy::{Action, Actor, Target};

use crate::ops::changed;

impl Vmm {
    /// Adds to the catalog and starts the import of the image. The image is inspected again when it is imported.
    ///
    /// # Errors
    /// `Invalid` if the file is not a self-contained qcow2 image, or in none of the directories of
    /// [`Settings::image_dirs`](crate::Settings::image_dirs); `Conflict` if name and version are taken.
    pub async fn create_os(&self, actor: &Actor, mut os: NewOs) -> Result<(Os, Option<JobId>)> {
        let target = Target::new(format!("os {}:{}", os.name, os.version));
        let by = actor.clone();
        self.change(actor, Action::OsCreate, target, |desk, audit| async move {
            Description::check("description", &os.description)?;
            match (os.qcow2, &os.iso) {
                (Some(text), _) => {
                    let source = source_of(&by, &text)?;
                    image::check(&desk, &source).await?;
                    os.qcow2 = Some(source.to_string());
                }
                (None, Some(_)) => os.qcow2 = None,
                (None, None) => return Err(Error::invalid("qcow2", "name a qcow2 image, or an iso")),
            }
            let created = desk.repository().oses().create(os, NewJob::of::<ImportOs>(), audit).await?;
            desk.work().notify_one();
            Ok(created)
        })
        .await
    }

    /// Catalog entries, in order of name and version.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn oses(&self, actor: &Actor, filter: &OsFilter) -> Result<Page<Os, (OsName, OsVersion)>> {
        let desk = self.read(actor, Action::OsRead, &Target::none())?;
        let asked = OsFilter { limit: one_more(filter.limit), ..filter.clone() };
        let oses = desk.repository().oses().list(&asked).await?;
        let oses = image::inspected_if_possible(&desk, oses).await;
        let oses = oses.into_iter().map(|os| shown_to(self, actor, os)).collect();
        Ok(Page::cut(oses, filter.limit, |os| (os.name.clone(), os.version.clone())))
    }

    /// One catalog entry.
    ///
    /// # Errors
    /// `NotFound` if there is none of this id.
    pub async fn os(&self, actor: &Actor, id: OsId) -> Result<Os> {
        let desk = self.read(actor, Action::OsRead, &Target::none())?;
        let os = desk.repository().oses().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Os, id))?;
        let os = image::inspected_if_possible(&desk, vec![os.clone()]).await.pop().unwrap_or(os);
        Ok(shown_to(self, actor, os))
    }

    /// Imports the image of an entry again: one that is missing from the pool, was changed there, or whose import
    /// failed. A volume that holds what was imported stays as it is; another one is replaced, unless something uses it.
    ///
    /// # Errors
    /// `Conflict` while it is being imported, and for an entry that has no image to import.
    pub async fn import_os(&self, actor: &Actor, id: OsId) -> Result<(Os, JobId)> {
        let os = self.find_or_audit_failure(actor, Action::OsImport, format!("os {id}"), self.os(actor, id)).await?;
        self.change(actor, Action::OsImport, target(&os), |desk, audit| async move {
            let Some(text) = &os.qcow2 else {
                let reason = "it has only an installer; there is no image to import";
                return Err(Error::conflict(Kind::Os, format!("{}:{}", os.name, os.version), reason));
            };
            image::check(&desk, &text.parse()?).await?;
            let started = desk.repository().oses().start_import(id, NewJob::of::<ImportOs>(), audit).await?;
            desk.work().notify_one();
            Ok(started)
        })
        .await
    }

    /// Changes a catalog entry. Machines that are made already stay as they are.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`.
    pub async fn update_os(&self, actor: &Actor, id: OsId, change: OsChange, expect: Option<Revision>) -> Result<Os> {
        let os = self.find_or_audit_failure(actor, Action::OsUpdate, format!("os {id}"), self.os(actor, id)).await?;
        self.change(actor, Action::OsUpdate, target(&os), |desk, mut audit| async move {
            Description::check("description", change.description.as_deref().unwrap_or_default())?;
            audit.detail = changed([
                change.description.as_ref().map(|_| "description".to_owned()),
                change.login.as_ref().map(|login| format!("login {login}")),
            ])
            .into();
            desk.repository().oses().update(id, change, expect, audit).await
        })
        .await
    }

    /// Removes a catalog entry, and its image from the pool, unless something else stands on that. If the host does not
    /// answer, the image is removed later.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` while a machine is made from it or it is being
    /// imported.
    pub async fn delete_os(&self, actor: &Actor, id: OsId, expect: Option<Revision>) -> Result<()> {
        let os = self.find_or_audit_failure(actor, Action::OsDelete, format!("os {id}"), self.os(actor, id)).await?;
        self.change(actor, Action::OsDelete, target(&os), |desk, audit| async move {
            desk.repository().oses().delete(id, expect, audit).await?;
            if let Err(error) = tidy_images(&desk).await {
                warn!(%error, "the image of a removed catalog entry is still in the pool; it is tried again");
            }
            Ok(())
        })
        .await
    }
}

/// Removes the images of catalog entries that are gone. One that something else uses stays, and is not vmm's any more.
///
/// # Errors
/// `Unavailable` if the host does not answer.
pub(crate) async fn tidy_images(desk: &Desk) -> Result<()> {
    for volume in desk.repository().oses().removed_images().await? {
        match desk.hypervisor().volumes().delete(&volume).await {
            Err(Error::Conflict { reason, .. }) => warn!(%volume, reason, "the image of a removed entry stays"),
            deleted => deleted?,
        }
        desk.repository().oses().forget_removed_image(&volume).await?;
    }
    Ok(())
}

/// The place that an image is to be taken from. A file is one of the actor's own.
fn source_of(actor: &Actor, text: &str) -> Result<ImageSource> {
    match (text.parse()?, actor) {
        (ImageSource::File { owner: Some(owner), name }, Actor::User { name: own, .. }) if owner != *own => {
            Err(Error::invalid("qcow2", format!("{name} of {owner} is not your file; upload it to your own files")))
        }
        (ImageSource::File { name, .. }, Actor::User { name: own, .. }) => {
            Ok(ImageSource::File { owner: Some(own.clone()), name })
        }
        (source, _) => Ok(source),
    }
}

/// An entry as somebody may see it: where the server has its images is for those who add to the catalog.
fn shown_to(vmm: &Vmm, actor: &Actor, os: Os) -> Os {
    let adds = vmm.allows(actor, Action::OsCreate, &target(&os));
    if adds { os } else { Os { iso: None, qcow2: None, ..os } }
}

fn target(os: &Os) -> Target {
    Target::new(format!("os {}:{}", os.name, os.version))
}
