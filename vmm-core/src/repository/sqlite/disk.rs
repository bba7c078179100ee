//! Disks of machines.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::{Error, Result};
use super::list::List;
use super::row::{Columns, all, execute, first};
use super::store::Store;
use super::{job, vm};
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

/// Adds a planned disk to a machine.
pub(super) fn insert(tx: &Transaction<'_>, vm: VmId, planned: &PlannedDisk) -> Result<DiskId> {
    let PlannedDisk { role, volume, size } = planned;
    let inserted = execute(
        tx,
        "INSERT INTO disk (vm_id, role, volume, disk_size) VALUES (?1, ?2, ?3, ?4)",
        params![vm.0, role.as_str(), volume.as_str(), size],
    );
    match inserted {
        Err(error) if error.is_taken() => Err(taken(tx, planned)?),
        result => result.map(|_| DiskId(tx.last_insert_rowid())),
    }
}

/// Records a disk of a machine that is adopted.
pub(super) fn insert_foreign(
    tx: &Transaction<'_>,
    vm: VmId,
    role: DiskRole,
    size: u32,
    path: Option<&str>,
) -> Result<()> {
    execute(
        tx,
        "INSERT INTO disk (vm_id, role, disk_size, disk_path) VALUES (?1, ?2, ?3, ?4)",
        params![vm.0, role.as_str(), size, path],
    )
    .map(drop)
}

/// Records the size of a disk that grows no more. `false` if there is no such disk.
pub(super) fn set_size(tx: &Transaction<'_>, id: DiskId, size: u32) -> Result<bool> {
    let changed = execute(tx, "UPDATE disk SET disk_size = ?1, grow_to = NULL WHERE id = ?2", params![size, id.0])?;
    Ok(changed > 0)
}

/// Records where a disk is.
pub(super) fn set_path(tx: &Transaction<'_>, id: DiskId, path: Option<&str>) -> Result<()> {
    let changed = execute(tx, "UPDATE disk SET disk_path = ?1 WHERE id = ?2", params![path, id.0])?;
    if changed == 0 { Err(error::Error::not_found(Kind::Disk, id).into()) } else { Ok(()) }
}

/// Removes a disk's row.
pub(super) fn remove(tx: &Transaction<'_>, id: DiskId) -> Result<()> {
    execute(tx, "DELETE FROM disk WHERE id = ?1", [id.0]).map(drop)
}

/// Records that a disk grows no more, and whether it has grown.
pub(super) fn settle(tx: &Transaction<'_>, id: DiskId, grown: bool) -> Result<()> {
    execute(
        tx,
        "UPDATE disk SET disk_size = CASE WHEN ?2 THEN coalesce(grow_to, disk_size) ELSE disk_size END, grow_to = NULL
         WHERE id = ?1",
        params![id.0, grown],
    )
    .map(drop)
}

pub(super) fn required(connection: &Connection, id: DiskId) -> Result<Disk> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Disk, id).into())
}

fn by_id(connection: &Connection, id: DiskId) -> Result<Option<Disk>> {
    let sql = "SELECT disk.*, vm.name AS vm_name FROM disk JOIN vm ON vm.id = disk.vm_id WHERE disk.id = ?1";
    first(connection, sql, [id.0], disk)
}

fn of_vm(connection: &Connection, vm: VmId) -> Result<Vec<Disk>> {
    all(
        connection,
        "SELECT disk.*, vm.name AS vm_name FROM disk JOIN vm ON vm.id = disk.vm_id
         WHERE disk.vm_id = ?1 ORDER BY disk.role = 'data', disk.id",
        [vm.0],
        disk,
    )
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

fn taken(tx: &Transaction<'_>, planned: &PlannedDisk) -> Result<Error> {
    let holder: Option<String> = first(
        tx,
        "SELECT vm.name FROM disk JOIN vm ON vm.id = disk.vm_id WHERE disk.volume = ?1",
        [planned.volume.as_str()],
        |row| row.value("name"),
    )?;
    Ok(refusal::volume_taken(&planned.volume, holder.unwrap_or_default()).into())
}

fn disk(row: &Row<'_>) -> Result<Disk> {
    Ok(Disk {
        id: DiskId(row.value("id")?),
        vm: VmId(row.value("vm_id")?),
        vm_name: row.parsed("vm_name")?,
        role: row.parsed("role")?,
        volume: row.parsed_opt("volume")?,
        disk_size: row.value("disk_size")?,
        grow_to: row.value("grow_to")?,
        disk_path: row.value("disk_path")?,
    })
}
