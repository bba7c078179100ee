//! The rows of a request's plan.

use std::collections::HashMap;

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::{Error, Result};
use super::super::row::{Columns, all, execute};
use crate::model::{GroupName, OsId, Plan, PlannedDisk, PlannedVm};

/// Writes the machines of a plan in place of those that were there.
pub(in super::super) fn replace(tx: &Transaction<'_>, request: i64, plan: &Plan) -> Result<()> {
    execute(tx, "DELETE FROM request_vm WHERE request = ?1", [request])?;
    (0_u32..).zip(&plan.vms).try_for_each(|(position, vm)| insert(tx, request, position, vm))
}

/// The machines of a request's plan, in order.
pub(in super::super) fn vms(connection: &Connection, request: i64) -> Result<Vec<PlannedVm>> {
    let mut disks = disks(connection, request)?;
    all(connection, "SELECT * FROM request_vm WHERE request = ?1 ORDER BY position", [request], |row| {
        Ok((row.value::<u32>("position")?, planned_vm(row)?))
    })
    .map(|vms| {
        vms.into_iter()
            .map(|(position, vm)| PlannedVm { disks: disks.remove(&position).unwrap_or_default(), ..vm })
            .collect()
    })
}

fn insert(tx: &Transaction<'_>, request: i64, position: u32, vm: &PlannedVm) -> Result<()> {
    execute(
        tx,
        "INSERT INTO request_vm (request, position, csv_row, name, hostname, group_name, vcpu, memory, os, os_name,
                                 os_version, image_sha256, login, ip, uuid, mac, host_key, description, warnings)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        params![
            request,
            position,
            vm.row,
            vm.name.as_str(),
            vm.hostname.as_str(),
            vm.group_name.as_ref().map(GroupName::as_str),
            vm.vcpu,
            vm.memory,
            vm.os.0,
            vm.os_name.as_str(),
            vm.os_version.as_str(),
            vm.image_sha256,
            vm.login.as_str(),
            vm.ip.map(|ip| ip.to_string()),
            vm.uuid.to_string(),
            vm.mac.to_string(),
            vm.host_key.to_string(),
            vm.description,
            texts(&vm.warnings),
        ],
    )?;
    (0_u32..).zip(&vm.disks).try_for_each(|(index, disk)| insert_disk(tx, request, position, index, disk))
}

fn insert_disk(tx: &Transaction<'_>, request: i64, vm: u32, position: u32, disk: &PlannedDisk) -> Result<()> {
    let PlannedDisk { role, volume, size } = disk;
    execute(
        tx,
        "INSERT INTO request_disk (request, vm, position, role, volume, disk_size) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![request, vm, position, role.as_str(), volume.as_str(), size],
    )?;
    Ok(())
}

fn disks(connection: &Connection, request: i64) -> Result<HashMap<u32, Vec<PlannedDisk>>> {
    let rows = all(
        connection,
        "SELECT vm, role, volume, disk_size FROM request_disk WHERE request = ?1 ORDER BY vm, position",
        [request],
        |row| {
            let (role, volume, size) = (row.parsed("role")?, row.parsed("volume")?, row.value("disk_size")?);
            Ok((row.value("vm")?, PlannedDisk { role, volume, size }))
        },
    )?;
    let mut disks = HashMap::<u32, Vec<PlannedDisk>>::new();
    for (vm, disk) in rows {
        disks.entry(vm).or_default().push(disk);
    }
    Ok(disks)
}

fn planned_vm(row: &Row<'_>) -> Result<PlannedVm> {
    let warnings: String = row.value("warnings")?;
    Ok(PlannedVm {
        row: row.value("csv_row")?,
        name: row.parsed("name")?,
        hostname: row.parsed("hostname")?,
        group_name: row.parsed_opt("group_name")?,
        vcpu: row.value("vcpu")?,
        memory: row.value("memory")?,
        os: OsId(row.value("os")?),
        os_name: row.parsed("os_name")?,
        os_version: row.parsed("os_version")?,
        image_sha256: row.value("image_sha256")?,
        login: row.parsed("login")?,
        disks: Vec::new(),
        ip: row.parsed_opt("ip")?,
        uuid: row.parsed("uuid")?,
        mac: row.parsed("mac")?,
        host_key: row.parsed("host_key")?,
        description: row.value("description")?,
        warnings: strings("warnings", &warnings)?,
    })
}

/// Texts as one cell.
pub(in super::super) fn texts(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// The texts of one cell.
pub(in super::super) fn strings(column: &'static str, json: &str) -> Result<Vec<String>> {
    let value = serde_json::from_str(json).map_err(|source| Error::corrupt(column, source))?;
    let list: Vec<serde_json::Value> = match value {
        serde_json::Value::Array(list) => list,
        other => vec![other],
    };
    Ok(list.into_iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect())
}
