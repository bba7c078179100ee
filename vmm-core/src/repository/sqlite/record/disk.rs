//! Records of disks.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::{Error, Result};
use super::super::row::{Columns, all, execute, first};
use crate::error::{self, Kind};
use crate::model::{Disk, DiskId, DiskRole, PlannedDisk, VmId};
use crate::repository::refusal;

/// Adds a planned disk to a machine.
pub(in super::super) fn insert(tx: &Transaction<'_>, vm: VmId, planned: &PlannedDisk) -> Result<DiskId> {
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
pub(in super::super) fn insert_foreign(
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
pub(in super::super) fn set_size(tx: &Transaction<'_>, id: DiskId, size: u32) -> Result<bool> {
    let changed = execute(tx, "UPDATE disk SET disk_size = ?1, grow_to = NULL WHERE id = ?2", params![size, id.0])?;
    Ok(changed > 0)
}

/// Records where a disk is.
pub(in super::super) fn set_path(tx: &Transaction<'_>, id: DiskId, path: Option<&str>) -> Result<()> {
    let changed = execute(tx, "UPDATE disk SET disk_path = ?1 WHERE id = ?2", params![path, id.0])?;
    if changed == 0 { Err(error::Error::not_found(Kind::Disk, id).into()) } else { Ok(()) }
}

/// Removes a disk's row.
pub(in super::super) fn remove(tx: &Transaction<'_>, id: DiskId) -> Result<()> {
    execute(tx, "DELETE FROM disk WHERE id = ?1", [id.0]).map(drop)
}

/// Records that a disk grows no more, and whether it has grown.
pub(in super::super) fn settle(tx: &Transaction<'_>, id: DiskId, grown: bool) -> Result<()> {
    execute(
        tx,
        "UPDATE disk SET disk_size = CASE WHEN ?2 THEN coalesce(grow_to, disk_size) ELSE disk_size END, grow_to = NULL
         WHERE id = ?1",
        params![id.0, grown],
    )
    .map(drop)
}

pub(in super::super) fn required(connection: &Connection, id: DiskId) -> Result<Disk> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Disk, id).into())
}

pub(in super::super) fn by_id(connection: &Connection, id: DiskId) -> Result<Option<Disk>> {
    let sql = "SELECT disk.*, vm.name AS vm_name FROM disk JOIN vm ON vm.id = disk.vm_id WHERE disk.id = ?1";
    first(connection, sql, [id.0], disk)
}

pub(in super::super) fn of_vm(connection: &Connection, vm: VmId) -> Result<Vec<Disk>> {
    all(
        connection,
        "SELECT disk.*, vm.name AS vm_name FROM disk JOIN vm ON vm.id = disk.vm_id
         WHERE disk.vm_id = ?1 ORDER BY disk.role = 'data', disk.id",
        [vm.0],
        disk,
    )
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

pub(in super::super) fn disk(row: &Row<'_>) -> Result<Disk> {
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
