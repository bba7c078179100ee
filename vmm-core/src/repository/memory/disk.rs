//! Disks of machines.

use async_trait::async_trait;

use super::record::disk::{insert, of_vm, required, row, set_path, set_size};
use super::record::{job, vm};
use super::state::State;
use super::store::Store;
use super::table::{fits, page};
use crate::error::Result;
use crate::model::{
    AuditEntry, Disk, DiskFilter, DiskId, DiskRole, JobId, MAX_DISKS, NewDisk, NewJob, PlannedDisk, Subject, Vm, VmId,
    VmStatus,
};
use crate::repository::{DiskRepository, refusal};

#[async_trait]
impl DiskRepository for Store {
    async fn of_vm(&self, vm: VmId) -> Result<Vec<Disk>> {
        Ok(self.read(|state| of_vm(state, vm)))
    }

    async fn by_id(&self, id: DiskId) -> Result<Option<Disk>> {
        Ok(self.read(|state| state.disks.get(&id).cloned()))
    }

    async fn list(&self, filter: &DiskFilter) -> Result<Vec<Disk>> {
        let DiskFilter { vm, after, limit } = filter;
        let is_wanted = |disk: &&Disk| fits(vm.as_ref(), &disk.vm_name) && after.is_none_or(|after| disk.id > after);
        Ok(self.read(|state| page(state.disks.values().filter(is_wanted).cloned(), *limit)))
    }

    async fn add(&self, disk: NewDisk, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)> {
        self.change(&audit, |state| {
            let NewDisk { vm, volume, disk_size: size } = disk;
            let vm = changeable(state, vm)?;
            if of_vm(state, vm.id).len() >= MAX_DISKS {
                return Err(refusal::too_many_disks(&vm.name));
            }
            let id = insert(state, vm.id, &vm.name, &PlannedDisk { role: DiskRole::Data, volume, size })?;
            enqueue(state, id, &job)
        })
    }

    async fn grow(&self, id: DiskId, size: u32, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)> {
        self.change(&audit, |state| {
            let disk = required(state, id)?;
            changeable(state, disk.vm)?;
            if size <= disk.disk_size {
                return Err(refusal::disk_not_larger(size, disk));
            }
            row(state, id)?.grow_to = Some(size);
            enqueue(state, id, &job)
        })
    }

    async fn start_delete(&self, id: DiskId, job: NewJob, audit: AuditEntry) -> Result<JobId> {
        self.change(&audit, |state| {
            let disk = required(state, id)?;
            changeable(state, disk.vm)?;
            if disk.role == DiskRole::System {
                return Err(refusal::system_disk(disk));
            }
            enqueue(state, id, &job).map(|(_, job)| job)
        })
    }

    async fn set_path(&self, id: DiskId, path: Option<String>) -> Result<()> {
        self.write(|state| set_path(state, id, path))
    }

    async fn set_size(&self, id: DiskId, size: u32) -> Result<()> {
        self.write(|state| {
            required(state, id)?;
            set_size(state, id, size);
            Ok(())
        })
    }
}

/// Returns a machine whose disks may be changed now.
fn changeable(state: &State, id: VmId) -> Result<Vm> {
    let vm = vm::required(state, id)?;
    vm::refuse_while_changed(state, &vm)?;
    if vm.adopted {
        return Err(refusal::disks_of_adopted(&vm.name));
    }
    if vm.status == VmStatus::Request {
        return Err(refusal::disks_of_requested(&vm.name));
    }
    Ok(vm)
}

fn enqueue(state: &mut State, id: DiskId, job: &NewJob) -> Result<(Disk, JobId)> {
    let disk = required(state, id)?.clone();
    let title = format!("disk {id} of {}", disk.vm_name);
    let job = job::insert(state, job, Subject::Disk(id), &title, None)?;
    Ok((disk, job))
}
