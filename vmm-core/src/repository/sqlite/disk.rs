//! Disks of machines.

use async_trait::async_trait;
use rusqlite::{Transaction, params};

use super::error::Result;
use super::list::List;
use super::record::disk::{by_id, disk, insert, of_vm, required, set_path, set_size};
use super::record::{job, vm};
use super::row::execute;
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, Disk, DiskFilter, DiskId, DiskRole, JobId, MAX_DISKS, NewDisk, NewJob, PlannedDisk, Subject, Vm, VmId,
    VmStatus,
};
use crate::repository::{DiskRepository, refusal};

#[async_trait]
impl DiskRepository for Store {
    async fn of_vm(&self, vm: VmId) -> error::Result<Vec<Disk>> {
        self.read("listing disks", move |connection| of_vm(connection, vm)).await
    }

    async fn by_id(&self, id: DiskId) -> error::Result<Option<Disk>> {
        self.read("reading a disk", move |connection| by_id(connection, id)).await
    }

    async fn list(&self, filter: &DiskFilter) -> error::Result<Vec<Disk>> {
        let DiskFilter { vm, after, limit } = filter.clone();
        self.read("listing disks", move |connection| {
            List::of("SELECT disk.*, vm.name AS vm_name FROM disk JOIN vm ON vm.id = disk.vm_id")
                .only("vm.name = ?", vm.map(|name| name.to_string()))
                .only("disk.id > ?", after.map(|id| id.0))
                .read(connection, "disk.id", limit, disk)
        })
        .await
    }

    async fn add(&self, disk: NewDisk, job: NewJob, audit: AuditEntry) -> error::Result<(Disk, JobId)> {
        self.change("adding a disk", audit, move |tx| {
            let NewDisk { vm, volume, disk_size: size } = disk;
            let vm = changeable(tx, vm)?;
            if of_vm(tx, vm.id)?.len() >= MAX_DISKS {
                return Err(refusal::too_many_disks(&vm.name).into());
            }
            let id = insert(tx, vm.id, &PlannedDisk { role: DiskRole::Data, volume, size })?;
            enqueue(tx, id, &job)
        })
        .await
    }

    async fn grow(&self, id: DiskId, size: u32, job: NewJob, audit: AuditEntry) -> error::Result<(Disk, JobId)> {
        self.change("growing a disk", audit, move |tx| {
            let disk = required(tx, id)?;
            changeable(tx, disk.vm)?;
            if size <= disk.disk_size {
                return Err(refusal::disk_not_larger(size, &disk).into());
            }
            execute(tx, "UPDATE disk SET grow_to = ?1 WHERE id = ?2", params![size, id.0])?;
            enqueue(tx, id, &job)
        })
        .await
    }

    async fn start_delete(&self, id: DiskId, job: NewJob, audit: AuditEntry) -> error::Result<JobId> {
        self.change("starting the removal of a disk", audit, move |tx| {
            let disk = required(tx, id)?;
            changeable(tx, disk.vm)?;
            if disk.role == DiskRole::System {
                return Err(refusal::system_disk(&disk).into());
            }
            enqueue(tx, id, &job).map(|(_, job)| job)
        })
        .await
    }

    async fn set_path(&self, id: DiskId, path: Option<String>) -> error::Result<()> {
        self.write("recording a disk's path", move |tx| set_path(tx, id, path.as_deref())).await
    }

    async fn set_size(&self, id: DiskId, size: u32) -> error::Result<()> {
        self.write("recording a disk's size", move |tx| {
            if set_size(tx, id, size)? { Ok(()) } else { Err(error::Error::not_found(Kind::Disk, id).into()) }
        })
        .await
    }
}

/// A machine whose disks may be changed now.
fn changeable(tx: &Transaction<'_>, id: VmId) -> Result<Vm> {
    let vm = vm::required(tx, id)?;
    vm::refuse_while_changed(tx, &vm)?;
    if vm.adopted {
        return Err(refusal::disks_of_adopted(&vm.name).into());
    }
    if vm.status == VmStatus::Request {
        return Err(refusal::disks_of_requested(&vm.name).into());
    }
    Ok(vm)
}

fn enqueue(tx: &Transaction<'_>, id: DiskId, job: &NewJob) -> Result<(Disk, JobId)> {
    let disk = required(tx, id)?;
    let title = format!("disk {id} of {}", disk.vm_name);
    let job = job::insert(tx, job, &Subject::Disk(id), &title, None)?;
    Ok((disk, job))
}
