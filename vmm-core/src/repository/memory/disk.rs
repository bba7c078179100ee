//! Disks of machines.

use async_trait::async_trait;

use super::state::State;
use super::store::Store;
use super::table::{fits, page};
use super::{job, vm};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Disk, DiskFilter, DiskId, DiskRole, JobId, MAX_DISKS, NewDisk, NewJob, PlannedDisk, Subject, Vm, VmId,
    VmName, VmStatus,
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

/// Adds a planned disk to a machine.
pub(super) fn insert(state: &mut State, vm: VmId, vm_name: &VmName, planned: &PlannedDisk) -> Result<DiskId> {
    let PlannedDisk { role, volume, size } = planned;
    if let Some(holder) = state.disks.find(|disk| disk.volume.as_ref() == Some(volume)) {
        return Err(refusal::volume_taken(volume, &holder.vm_name));
    }
    let (id, vm_name, volume) = (DiskId(state.disks.next_id()), vm_name.clone(), Some(volume.clone()));
    let disk = Disk { id, vm, vm_name, role: *role, volume, disk_size: *size, grow_to: None, disk_path: None };
    state.disks.insert(id, disk);
    Ok(id)
}

/// Records a disk of a machine that is adopted.
pub(super) fn insert_foreign(
    state: &mut State,
    vm: VmId,
    vm_name: &VmName,
    role: DiskRole,
    disk_size: u32,
    disk_path: Option<String>,
) {
    let (id, vm_name) = (DiskId(state.disks.next_id()), vm_name.clone());
    let disk = Disk { id, vm, vm_name, role, volume: None, disk_size, grow_to: None, disk_path };
    state.disks.insert(id, disk);
}

/// Records the size of a disk that grows no more.
pub(super) fn set_size(state: &mut State, id: DiskId, size: u32) {
    if let Some(disk) = state.disks.get_mut(&id) {
        (disk.disk_size, disk.grow_to) = (size, None);
    }
}

/// Records where a disk is.
pub(super) fn set_path(state: &mut State, id: DiskId, path: Option<String>) -> Result<()> {
    row(state, id)?.disk_path = path;
    Ok(())
}

/// Records that a disk grows no more, and whether it has grown.
pub(super) fn settle(state: &mut State, id: DiskId, grown: bool) {
    if let Some(disk) = state.disks.get_mut(&id) {
        let grow_to = disk.grow_to.take().filter(|_| grown);
        disk.disk_size = grow_to.unwrap_or(disk.disk_size);
    }
}

/// Returns the disk of this id, which must be there.
pub(super) fn required(state: &State, id: DiskId) -> Result<&Disk> {
    state.disks.get(&id).ok_or_else(|| Error::not_found(Kind::Disk, id))
}

fn row(state: &mut State, id: DiskId) -> Result<&mut Disk> {
    state.disks.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Disk, id))
}

fn of_vm(state: &State, vm: VmId) -> Vec<Disk> {
    let mut disks: Vec<_> = state.disks.values().filter(|disk| disk.vm == vm).cloned().collect();
    disks.sort_by_key(|disk| (disk.role == DiskRole::Data, disk.id));
    disks
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
