//! Records of machines.

use std::net::IpAddr;

use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use super::super::error::{Error, Result};
use super::super::history;
use super::super::row::{Columns, InOrder, all, execute, first};
use super::{disk, job, user};
use crate::error::{self, Kind};
use crate::model::{
    AcceptedDefinition, Adoption, DiskRole, Facts, GroupName, HostKey, MacAddress, OsId, PlannedVm, RequestId,
    Revision, StatusReason, Timestamp, UserId, Vm, VmChange, VmId, VmName, VmState, VmStatus,
};
use crate::repository::refusal;
use crate::repository::rules::now;

/// The columns in the order in which [`vm`] reads them. The cross join keeps the machines in the outer loop, whose
/// order a page needs.
pub(in super::super) const SELECT: &str =
    "SELECT vm.id, vm.user, user.name AS user_name, vm.group_name, vm.name, vm.hostname, vm.ip,
        vm.ip_fixed, vm.vcpu, vm.memory, vm.os, vm.status, vm.status_reason, vm.on_since, vm.run, vm.uuid, vm.mac,
        vm.host_key, vm.login, vm.adopted, vm.request, vm.description, vm.revision, vm.created_at
    FROM vm CROSS JOIN user ON user.id = vm.user";

/// Adds a planned machine, with the status `request`, and its disks.
pub(in super::super) fn insert(
    tx: &Transaction<'_>,
    request: &RequestId,
    user: UserId,
    planned: &PlannedVm,
    at: Timestamp,
) -> Result<()> {
    let inserted = execute(
        tx,
        "INSERT INTO vm (user, group_name, name, hostname, ip, ip_fixed, vcpu, memory, os, status, uuid, mac,
                         host_key, login, request, description, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        params![
            user.0,
            planned.group_name.as_ref().map(GroupName::as_str),
            planned.name.as_str(),
            planned.hostname.as_str(),
            planned.ip.map(|ip| ip.to_string()),
            planned.ip.is_some(),
            planned.vcpu,
            planned.memory,
            planned.os.0,
            VmStatus::Request.as_str(),
            planned.uuid.to_string(),
            planned.mac.to_string(),
            planned.host_key.to_string(),
            planned.login.as_str(),
            request.as_str(),
            planned.description,
            at.timestamp_micros(),
        ],
    );
    match inserted {
        Ok(_) => {}
        Err(error) if error.is_taken() => {
            let PlannedVm { name, uuid, mac, ip, .. } = planned;
            return Err(taken(tx, name, *uuid, *mac, ip.map(IpAddr::V4))?);
        }
        Err(error) => return Err(error),
    }
    let id = VmId(tx.last_insert_rowid());
    planned.disks.iter().try_for_each(|planned| disk::insert(tx, id, planned).map(drop))
}

pub(in super::super) fn insert_adopted(tx: &Transaction<'_>, adoption: &Adoption) -> Result<VmId> {
    let Adoption { name, uuid, mac, ip, .. } = adoption;
    let inserted = execute(
        tx,
        "INSERT INTO vm (user, group_name, name, hostname, ip, ip_fixed, vcpu, memory, os, status, uuid, mac,
                         host_key, login, adopted, description, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1, ?15, ?16)",
        params![
            user::required(tx, adoption.user)?.id.0,
            adoption.group_name.as_ref().map(GroupName::as_str),
            name.as_str(),
            adoption.hostname.as_str(),
            ip.map(|ip| ip.to_string()),
            ip.is_some(),
            adoption.vcpu,
            adoption.memory,
            adoption.os.map(|id| id.0),
            VmStatus::Request.as_str(),
            uuid.to_string(),
            mac.to_string(),
            adoption.host_key.to_string(),
            adoption.login.as_str(),
            adoption.description,
            now().timestamp_micros(),
        ],
    );
    match inserted {
        Ok(_) => {}
        Err(error) if error.is_taken() => return Err(taken(tx, name, *uuid, *mac, *ip)?),
        Err(error) => return Err(error),
    }
    let id = VmId(tx.last_insert_rowid());
    adoption.disks.iter().enumerate().try_for_each(|(index, (size, path))| {
        disk::insert_foreign(tx, id, if index == 0 { DiskRole::System } else { DiskRole::Data }, *size, path.as_deref())
    })?;
    Ok(id)
}

/// The machines of a request, in order of id.
pub(in super::super) fn of_request(tx: &Transaction<'_>, request: &RequestId) -> Result<Vec<(VmId, VmName)>> {
    all(tx, "SELECT id, name FROM vm WHERE request = ?1 ORDER BY id", [request.as_str()], |row| {
        Ok((VmId(row.value("id")?), row.parsed("name")?))
    })
}

/// Removes the rows of a request's machines that do not exist yet, and thereby frees their names.
pub(in super::super) fn remove_requested(tx: &Transaction<'_>, request: &RequestId) -> Result<()> {
    execute(tx, "DELETE FROM vm WHERE request = ?1 AND status = 'request'", [request.as_str()])?;
    Ok(())
}

/// Records the state that a machine was found in, also of one that was only asked for.
pub(in super::super) fn set_state(tx: &Transaction<'_>, id: VmId, state: VmState) -> Result<()> {
    let sql = "UPDATE vm SET status = ?2, status_reason = ?3 WHERE id = ?1";
    execute(tx, sql, params![id.0, state.status.as_str(), state.reason.map(StatusReason::as_str)]).map(drop)
}

/// Removes a machine's rows.
pub(in super::super) fn remove(tx: &Transaction<'_>, id: VmId) -> Result<()> {
    history::remove(tx, id)?;
    execute(tx, "DELETE FROM vm WHERE id = ?1", [id.0]).map(drop)
}

pub(in super::super) fn required(connection: &Connection, id: VmId) -> Result<Vm> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Vm, id).into())
}

pub(in super::super) fn by_id(connection: &Connection, id: VmId) -> Result<Option<Vm>> {
    first(connection, &format!("{SELECT} WHERE vm.id = ?1"), [id.0], vm)
}

pub(in super::super) fn update(tx: &Transaction<'_>, vm: &Vm, change: VmChange) -> Result<()> {
    let VmChange { user, group_name, description, host_key } = change;
    let user = user.map_or(Ok(vm.user), |user| user::required(tx, user).map(|user| user.id))?;
    let group_name = group_name.as_ref().unwrap_or(&vm.group_name).as_ref();
    execute(
        tx,
        "UPDATE vm SET user = ?2, group_name = ?3, description = coalesce(?4, description),
                       host_key = coalesce(?5, host_key), revision = revision + 1
         WHERE id = ?1",
        params![
            vm.id.0,
            user.0,
            group_name.map(GroupName::as_str),
            description,
            host_key.map(|host_key| host_key.to_string())
        ],
    )?;
    Ok(())
}

pub(in super::super) fn keep_definition(tx: &Transaction<'_>, id: VmId, facts: &Facts) -> Result<()> {
    match execute(tx, "UPDATE vm SET definition = ?2 WHERE id = ?1", params![id.0, facts.kept()])? {
        0 => Err(error::Error::not_found(Kind::Vm, id).into()),
        _ => Ok(()),
    }
}

pub(in super::super) fn accept_definition(tx: &Transaction<'_>, vm: &Vm, accepted: &AcceptedDefinition) -> Result<()> {
    let AcceptedDefinition { vcpu, memory, mac, paths, facts } = accepted;
    let updated = execute(
        tx,
        "UPDATE vm SET vcpu = ?2, memory = ?3, mac = ?4, revision = revision + 1 WHERE id = ?1",
        params![vm.id.0, vcpu, memory, mac.to_string()],
    );
    match updated {
        Err(error) if error.is_taken() => {
            return Err(refusal::mac_taken(&vm.name, mac).into());
        }
        updated => updated?,
    };
    for (disk, path) in paths {
        disk::set_path(tx, *disk, path.as_deref())?;
    }
    keep_definition(tx, vm.id, facts)
}

/// Two jobs never work on one machine at once.
pub(in super::super) fn refuse_while_changed(tx: &Transaction<'_>, vm: &Vm) -> Result<()> {
    let Some(job) = job::open_on_vm(tx, vm.id)? else { return Ok(()) };
    Err(refusal::vm_occupied(&vm.name, &job).into())
}

/// Says which of a new machine's unique values is taken, and by whose machine.
fn taken(tx: &Transaction<'_>, name: &VmName, uuid: Uuid, mac: MacAddress, ip: Option<IpAddr>) -> Result<Error> {
    let values = [
        ("name", "vm.name = ?1", Some(name.to_string())),
        ("address", "vm.ip_fixed AND vm.ip = ?1", ip.map(|ip| ip.to_string())),
        ("hardware address", "vm.mac = ?1", Some(mac.to_string())),
        ("domain id", "vm.uuid = ?1", Some(uuid.to_string())),
    ];
    for (what, condition, value) in values {
        let Some(value) = value else { continue };
        let sql = format!(
            "SELECT vm.name, user.name AS owner FROM vm JOIN user ON user.id = vm.user WHERE {condition} LIMIT 1"
        );
        let holder =
            first(tx, &sql, [&value], |row| Ok((row.value::<String>("name")?, row.value::<String>("owner")?)))?;
        if let Some((vm, owner)) = holder {
            return Ok(refusal::vm_value_taken(name, what, value, vm, owner).into());
        }
    }
    Ok(error::Error::conflict(Kind::Vm, name, "one of its values is taken").into())
}

pub(in super::super) fn vm(row: &Row<'_>) -> Result<Vm> {
    let row = InOrder::new(row);
    Ok(Vm {
        id: VmId(row.value("id")?),
        user: UserId(row.value("user")?),
        user_name: row.parsed("user_name")?,
        group_name: row.parsed_opt("group_name")?,
        name: row.parsed("name")?,
        hostname: row.parsed("hostname")?,
        ip: row.parsed_opt("ip")?,
        ip_fixed: row.value("ip_fixed")?,
        vcpu: row.value("vcpu")?,
        memory: row.value("memory")?,
        os: row.value::<Option<_>>("os")?.map(OsId),
        status: row.parsed("status")?,
        status_reason: row.parsed_opt("status_reason")?,
        on_since: row.time_opt("on_since")?,
        run: row.value("run")?,
        uuid: row.parsed("uuid")?,
        mac: row.parsed("mac")?,
        host_key: row.read("host_key", HostKey::recorded)?,
        login: row.parsed("login")?,
        adopted: row.value("adopted")?,
        request: row.parsed_opt("request")?,
        description: row.value("description")?,
        revision: Revision(row.value("revision")?),
        created_at: row.time("created_at")?,
    })
}
