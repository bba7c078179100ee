//! The catalog.

use async_trait::async_trait;

use super::record::job;
use super::record::os::required;
use super::state::State;
use super::store::Store;
use super::table::{fits, page};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Image, JobId, NewJob, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Revision, Subject,
    VolumeName,
};
use crate::repository::refusal::label;
use crate::repository::rules::{expected, now};
use crate::repository::{OsRepository, refusal};

#[async_trait]
impl OsRepository for Store {
    async fn create(&self, os: NewOs, import: NewJob, audit: AuditEntry) -> Result<(Os, Option<JobId>)> {
        self.change(&audit, |state| {
            let os = insert(state, os)?;
            let job = os.qcow2.is_some().then(|| enqueue(state, &os, import)).transpose()?;
            Ok((os, job))
        })
    }

    async fn by_id(&self, id: OsId) -> Result<Option<Os>> {
        Ok(self.read(|state| state.oses.get(&id).cloned()))
    }

    async fn find<'a>(&self, name: &OsName, version: Option<&'a OsVersion>) -> Result<Vec<Os>> {
        let is_wanted = |os: &&Os| os.name == *name && fits(version, &os.version);
        Ok(self.read(|state| state.oses.values().filter(is_wanted).cloned().collect()))
    }

    async fn list(&self, filter: &OsFilter) -> Result<Vec<Os>> {
        let OsFilter { name, after, limit } = filter;
        let is_behind =
            |os: &Os| after.as_ref().is_none_or(|(name, version)| (&os.name, &os.version) > (name, version));
        Ok(self.read(|state| {
            let mut oses: Vec<_> =
                state.oses.values().filter(|os| fits(name.as_ref(), &os.name) && is_behind(os)).collect();
            oses.sort_by(|one, next| (&one.name, &one.version).cmp(&(&next.name, &next.version)));
            page(oses.into_iter().cloned(), *limit)
        }))
    }

    async fn set_image(&self, id: OsId, image: Image) -> Result<()> {
        self.write(|state| {
            let os = state.oses.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Os, id))?;
            os.image = Some(image);
            Ok(())
        })
    }

    async fn start_import(&self, id: OsId, import: NewJob, audit: AuditEntry) -> Result<(Os, JobId)> {
        self.change(&audit, |state| {
            let os = required(state, id)?.clone();
            if let Some(job) = job::open_on(state, &Subject::Os(id)) {
                return Err(refusal::os_is_imported(&os, job));
            }
            let job = enqueue(state, &os, import)?;
            Ok((os, job))
        })
    }

    async fn update(&self, id: OsId, change: OsChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Os> {
        self.change(&audit, |state| {
            let before = required(state, id)?;
            expected(Kind::Os, label(&before.name, &before.version), before.revision, expect)?;
            let OsChange { description, login } = change;
            let after = Os {
                description: description.unwrap_or_else(|| before.description.clone()),
                login: login.unwrap_or_else(|| before.login.clone()),
                revision: Revision(before.revision.0 + 1),
                ..before.clone()
            };
            state.oses.insert(id, after.clone());
            Ok(after)
        })
    }

    async fn delete(&self, id: OsId, expect: Option<Revision>, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let os = required(state, id)?.clone();
            expected(Kind::Os, label(&os.name, &os.version), os.revision, expect)?;
            refuse_while_used(state, &os)?;
            if let Some(image) = os.image {
                state.removed_images.insert(image.volume, ());
            }
            state.oses.remove(&id);
            Ok(())
        })
    }

    async fn removed_images(&self) -> Result<Vec<VolumeName>> {
        Ok(self.read(|state| state.removed_images.iter().map(|(volume, ())| volume.clone()).collect()))
    }

    async fn forget_removed_image(&self, volume: &VolumeName) -> Result<()> {
        self.write(|state| {
            state.removed_images.remove(volume);
            Ok(())
        })
    }
}

fn insert(state: &mut State, new: NewOs) -> Result<Os> {
    let NewOs { name, version, iso, qcow2, description, login } = new;
    if state.oses.find(|os| os.name == name && os.version == version).is_some() {
        return Err(refusal::os_taken(&name, &version));
    }
    let id = OsId(state.oses.next_id());
    let (image, problem, revision, created_at) = (None, None, Revision(1), now());
    let os = Os { id, name, version, iso, qcow2, description, login, image, problem, revision, created_at };
    state.oses.insert(id, os.clone());
    Ok(os)
}

fn enqueue(state: &mut State, os: &Os, import: NewJob) -> Result<JobId> {
    job::insert(state, &import, Subject::Os(os.id), &label(&os.name, &os.version), None)
}

fn refuse_while_used(state: &State, os: &Os) -> Result<()> {
    if let Some(row) = state.vms.find(|row| row.vm.os == Some(os.id)) {
        return Err(refusal::os_has_vm(os, &row.vm.name));
    }
    match job::open_on(state, &Subject::Os(os.id)) {
        Some(job) => Err(refusal::os_needs_import(os, job)),
        None => Ok(()),
    }
}
