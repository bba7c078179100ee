//! Records of disks.

use super::super::state::State;
use crate::error::{Error, Kind, Result};
use crate::model::{Disk, DiskId, DiskRole, PlannedDisk, VmId, VmName};
use crate::repository::refusal;

/// Adds a planned disk to a machine.
pub(in super::super) fn insert(state: &mut State, vm: VmId, vm_name: &VmName, planned: &PlannedDisk) -> Result<DiskId> {
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
pub(in super::super) fn insert_foreign(
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
pub(in super::super) fn set_size(state: &mut State, id: DiskId, size: u32) {
    if let Some(disk) = state.disks.get_mut(&id) {
        (disk.disk_size, disk.grow_to) = (size, None);
    }
}

/// Records where a disk is.
pub(in super::super) fn set_path(state: &mut State, id: DiskId, path: Option<String>) -> Result<()> {
    row(state, id)?.disk_path = path;
    Ok(())
}

/// Records that a disk grows no more, and whether it has grown.
pub(in super::super) fn settle(state: &mut State, id: DiskId, grown: bool) {
    if let Some(disk) = state.disks.get_mut(&id) {
        let grow_to = disk.grow_to.take().filter(|_| grown);
        disk.disk_size = grow_to.unwrap_or(disk.disk_size);
    }
}

/// Returns the disk of this id, which must be there.
pub(in super::super) fn required(state: &State, id: DiskId) -> Result<&Disk> {
    state.disks.get(&id).ok_or_else(|| Error::not_found(Kind::Disk, id))
}

pub(in super::super) fn row(state: &mut State, id: DiskId) -> Result<&mut Disk> {
    state.disks.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Disk, id))
}

pub(in super::super) fn of_vm(state: &State, vm: VmId) -> Vec<Disk> {
    let mut disks: Vec<_> = state.disks.values().filter(|disk| disk.vm == vm).cloned().collect();
    disks.sort_by_key(|disk| (disk.role == DiskRole::Data, disk.id));
    disks
}
