//! The catalog.

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::job;
use crate::model::{JobId, JobKind, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Page, Revision, one_more};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

use super::{changed, text};

impl Vmm {
    /// Adds to the catalog and starts the import of the image. The image is inspected again when it is imported.
    ///
    /// # Errors
    /// `Invalid` if the file is not a self-contained qcow2 image, `Conflict` if name and version are taken.
    pub async fn create_os(&self, actor: &Actor, os: NewOs) -> Result<(Os, Option<JobId>)> {
        let target = Target::new(format!("os {}:{}", os.name, os.version));
        self.change(actor, Action::OsCreate, target, |desk, audit| async move {
            text("description", &os.description)?;
            match (&os.qcow2, &os.iso) {
                (Some(path), _) => job::inspect(Path::new(path).to_owned()).await.map(|_| ())?,
                (None, Some(_)) => {}
                (None, None) => return Err(Error::invalid("qcow2", "name a qcow2 image, or an iso")),
            }
            let created =
                desk.repository().oses().create(os, job::step_names(&JobKind::ImportOs(OsId(0))), audit).await?;
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
        Ok(Page::cut(oses, filter.limit, |os| (os.name.clone(), os.version.clone())))
    }

    /// One catalog entry.
    ///
    /// # Errors
    /// `NotFound` if there is none of this id.
    pub async fn os(&self, actor: &Actor, id: OsId) -> Result<Os> {
        let desk = self.read(actor, Action::OsRead, &Target::none())?;
        desk.repository().oses().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Os, id))
    }

    /// Changes a catalog entry. Machines that are made already stay as they are.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`.
    pub async fn update_os(&self, actor: &Actor, id: OsId, change: OsChange, expect: Option<Revision>) -> Result<Os> {
        let os = self.seek(actor, Action::OsUpdate, format!("os {id}"), self.os(actor, id)).await?;
        self.change(actor, Action::OsUpdate, target(&os), |desk, mut audit| async move {
            text("description", change.description.as_deref().unwrap_or_default())?;
            audit.detail = changed([
                change.description.as_ref().map(|_| "description".to_owned()),
                change.login.as_ref().map(|login| format!("login {login}")),
            ]);
            desk.repository().oses().update(id, change, expect, audit).await
        })
        .await
    }

    /// Removes a catalog entry. The image that was imported for it stays in the pool.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` while a machine is made from it or it is being imported.
    pub async fn delete_os(&self, actor: &Actor, id: OsId, expect: Option<Revision>) -> Result<()> {
        let os = self.seek(actor, Action::OsDelete, format!("os {id}"), self.os(actor, id)).await?;
        self.change(actor, Action::OsDelete, target(&os), |desk, audit| async move {
            desk.repository().oses().delete(id, expect, audit).await
        })
        .await
    }
}

fn target(os: &Os) -> Target {
    Target::new(format!("os {}:{}", os.name, os.version))
}
