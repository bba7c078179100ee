//! Disks of machines.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::{Error, Result};
use super::row::{Columns, all, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{Disk, DiskId, PlannedDisk, VmId};
use crate::repository::DiskRepository;

#[async_trait]
impl DiskRepository for Store {
    async fn of_vm(&self, vm: VmId) -> error::Result<Vec<Disk>> {
        self.read("listing disks", move |connection| {
            all(connection, "SELECT * FROM disk WHERE vm_id = ?1 ORDER BY role = 'data', id", [vm.0], disk)
        })
        .await
    }

    async fn set_path(&self, id: DiskId, path: Option<String>) -> error::Result<()> {
        self.write("recording a disk's path", move |tx| {
            let changed = execute(tx, "UPDATE disk SET disk_path = ?1 WHERE id = ?2", params![path, id.0])?;
            if changed == 0 { Err(error::Error::not_found(Kind::Disk, id).into()) } else { Ok(()) }
        })
        .await
    }
}

/// Adds a planned disk to a machine.
pub(super) fn insert(tx: &Transaction<'_>, vm: VmId, planned: &PlannedDisk) -> Result<()> {
    let PlannedDisk { role, volume, size } = planned;
    let inserted = execute(
        tx,
        "INSERT INTO disk (vm_id, role, volume, disk_size) VALUES (?1, ?2, ?3, ?4)",
        params![vm.0, role.as_str(), volume.as_str(), size],
    );
    match inserted {
        Err(error) if error.is_taken() => Err(taken(tx, planned)?),
        result => result.map(drop),
    }
}

fn taken(tx: &Transaction<'_>, planned: &PlannedDisk) -> Result<Error> {
    let holder: Option<String> = first(
        tx,
        "SELECT vm.name FROM disk JOIN vm ON vm.id = disk.vm_id WHERE disk.volume = ?1",
        [planned.volume.as_str()],
        |row| row.value("name"),
    )?;
    let reason = format!("it is a disk of vm {} already", holder.unwrap_or_default());
    Ok(error::Error::conflict(Kind::Volume, &planned.volume, reason).into())
}

fn disk(row: &Row<'_>) -> Result<Disk> {
    Ok(Disk {
        id: DiskId(row.value("id")?),
        vm: VmId(row.value("vm_id")?),
        role: row.parsed("role")?,
        volume: row.parsed("volume")?,
        disk_size: row.value("disk_size")?,
        disk_path: row.value("disk_path")?,
    })
}
