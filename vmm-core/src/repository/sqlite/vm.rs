//! Machines.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use super::error::{Error, Result};
use super::list::List;
use super::row::{Columns, InOrder, all, execute, first};
use super::store::Store;
use super::{disk, history, job, user};
use crate::error::{self, Kind};
use crate::model::{
    AcceptedDefinition, Adoption, AuditEntry, DiskRole, Facts, GroupName, HostKey, JobId, MacAddress, NewJob, OsId,
    PlannedVm, RequestId, Revision, Seen, SeenStates, StatusReason, Subject, Timestamp, UserId, Vm, VmChange, VmFilter,
    VmId, VmName, VmState, VmStatus,
};
use crate::repository::rules::{expected, now};
use crate::repository::{VmRepository, refusal};

/// The columns in the order in which [`vm`] reads them. The cross join keeps the machines in the outer loop, whose order
/// a page needs.
const SELECT: &str = "SELECT vm.id, vm.user, user.name AS user_name, vm.group_name, vm.name, vm.hostname, vm.ip,
        vm.ip_fixed, vm.vcpu, vm.memory, vm.os, vm.status, vm.status_reason, vm.on_since, vm.run, vm.uuid, vm.mac,
        vm.host_key, vm.login, vm.adopted, vm.request, vm.description, vm.revision, vm.created_at
    FROM vm CROSS JOIN user ON user.id = vm.user";

#[async_trait]
impl VmRepository for Store {
    async fn by_id(&self, id: VmId) -> error::Result<Option<Vm>> {
        self.read("reading a machine", move |connection| by_id(connection, id)).await
    }

    async fn by_name(&self, name: &VmName) -> error::Result<Option<Vm>> {
        let name = name.clone();
        self.read("reading a machine", move |connection| {
            first(connection, &format!("{SELECT} WHERE vm.name = ?1"), [name.as_str()], vm)
        })
        .await
    }

    async fn list(&self, filter: &VmFilter) -> error::Result<Vec<Vm>> {
        let filter = filter.clone();
        self.read("listing machines", move |connection| list(connection, &filter)).await
    }

    async fn list_seen(&self, filter: &VmFilter, seen: Arc<SeenStates>) -> error::Result<Vec<Vm>> {
        let filter = filter.clone();
        self.read("listing machines", move |connection| list_seen(connection, &filter, &seen)).await
    }

    async fn count(&self) -> error::Result<Vec<(VmStatus, u64)>> {
        self.read("counting machines", |connection| {
            all(connection, "SELECT status, count(*) AS number FROM vm GROUP BY status", [], |row| {
                Ok((row.parsed("status")?, row.size("number")?))
            })
        })
        .await
    }

    async fn observe(&self, seen: Vec<Seen>) -> error::Result<()> {
        self.write("recording what was seen", move |tx| {
            seen.iter().filter(|seen| seen.state.status != VmStatus::Request).try_for_each(|seen| observe(tx, seen))
        })
        .await
    }

    async fn adopt(&self, adoption: Adoption, job: NewJob, audit: AuditEntry) -> error::Result<(Vm, JobId)> {
        self.change("recording a machine to adopt", audit, move |tx| {
            let id = insert_adopted(tx, &adoption)?;
            let job = job::insert(tx, &job, &Subject::Vm(id), adoption.name.as_str(), None)?;
            Ok((required(tx, id)?, job))
        })
        .await
    }

    async fn definition(&self, id: VmId) -> error::Result<Option<Facts>> {
        self.read("reading a definition", move |connection| {
            let kept = first(connection, "SELECT definition FROM vm WHERE id = ?1", [id.0], |row| {
                row.value::<Option<String>>("definition")
            })?;
            let kept = kept.ok_or_else(|| error::Error::not_found(Kind::Vm, id))?;
            let read = |kept: String| Facts::from_kept(&kept).map_err(|source| Error::corrupt("definition", source));
            Ok(kept.map(read).transpose()?.flatten())
        })
        .await
    }

    async fn keep_definition(&self, id: VmId, facts: Facts) -> error::Result<()> {
        self.write("keeping a definition", move |tx| keep_definition(tx, id, &facts)).await
    }

    async fn accept_definition(
        &self,
        id: VmId,
        accepted: AcceptedDefinition,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<Vm> {
        self.change("accepting a definition", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            refuse_while_changed(tx, &vm)?;
            accept_definition(tx, &vm, &accepted)?;
            required(tx, id)
        })
        .await
    }

    async fn update(
        &self,
        id: VmId,
        change: VmChange,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<Vm> {
        self.change("changing a machine's record", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            update(tx, &vm, change)?;
            required(tx, id)
        })
        .await
    }

    async fn start_delete(
        &self,
        id: VmId,
        job: NewJob,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<JobId> {
        self.change("starting a removal", audit, move |tx| {
            let vm = required(tx, id)?;
            expected(Kind::Vm, &vm.name, vm.revision, expect)?;
            if vm.status == VmStatus::Request && !vm.adopted && job::stuck_making(tx, vm.id)?.is_none() {
                return Err(refusal::vm_not_made(&vm.name).into());
            }
            refuse_while_changed(tx, &vm)?;
            job::insert(tx, &job, &Subject::Vm(id), vm.name.as_str(), None)
        })
        .await
    }
}

/// Adds a planned machine, with the status `request`, and its disks.
pub(super) fn insert(
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

fn insert_adopted(tx: &Transaction<'_>, adoption: &Adoption) -> Result<VmId> {
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
pub(super) fn of_request(tx: &Transaction<'_>, request: &RequestId) -> Result<Vec<(VmId, VmName)>> {
    all(tx, "SELECT id, name FROM vm WHERE request = ?1 ORDER BY id", [request.as_str()], |row| {
        Ok((VmId(row.value("id")?), row.parsed("name")?))
    })
}

/// Removes the rows of a request's machines that do not exist yet, and thereby frees their names.
pub(super) fn remove_requested(tx: &Transaction<'_>, request: &RequestId) -> Result<()> {
    execute(tx, "DELETE FROM vm WHERE request = ?1 AND status = 'request'", [request.as_str()])?;
    Ok(())
}

/// Records the state that a machine was found in, also of one that was only asked for.
pub(super) fn set_state(tx: &Transaction<'_>, id: VmId, state: VmState) -> Result<()> {
    let sql = "UPDATE vm SET status = ?2, status_reason = ?3 WHERE id = ?1";
    execute(tx, sql, params![id.0, state.status.as_str(), state.reason.map(StatusReason::as_str)]).map(drop)
}

/// Removes a machine's rows.
pub(super) fn remove(tx: &Transaction<'_>, id: VmId) -> Result<()> {
    history::remove(tx, id)?;
    execute(tx, "DELETE FROM vm WHERE id = ?1", [id.0]).map(drop)
}

pub(super) fn required(connection: &Connection, id: VmId) -> Result<Vm> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Vm, id).into())
}

fn by_id(connection: &Connection, id: VmId) -> Result<Option<Vm>> {
    first(connection, &format!("{SELECT} WHERE vm.id = ?1"), [id.0], vm)
}

fn update(tx: &Transaction<'_>, vm: &Vm, change: VmChange) -> Result<()> {
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

fn keep_definition(tx: &Transaction<'_>, id: VmId, facts: &Facts) -> Result<()> {
    match execute(tx, "UPDATE vm SET definition = ?2 WHERE id = ?1", params![id.0, facts.kept()])? {
        0 => Err(error::Error::not_found(Kind::Vm, id).into()),
        _ => Ok(()),
    }
}

fn accept_definition(tx: &Transaction<'_>, vm: &Vm, accepted: &AcceptedDefinition) -> Result<()> {
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

fn list(connection: &Connection, filter: &VmFilter) -> Result<Vec<Vm>> {
    filtered(filter).only("vm.status = ?", filter.status.map(|status| status.as_str().to_owned())).read(
        connection,
        "vm.id",
        filter.limit,
        vm,
    )
}

fn list_seen(connection: &Connection, filter: &VmFilter, seen: &SeenStates) -> Result<Vec<Vm>> {
    if filter.status == Some(VmStatus::Request) {
        return list(connection, filter);
    }
    let list = filtered(filter).only("vm.status <> ?", filter.status.map(|_| "request".to_owned()));
    // Which machines have the status is not in the database, so the page's end is not either.
    let scanned = if filter.status.is_some() { None } else { filter.limit };
    list.pick(connection, "vm.id", scanned, filter.limit, |row| {
        if filter.status.is_some() && filter.status != Some(seen.of(&row.parsed("uuid")?).status) {
            return Ok(None);
        }
        let vm = vm(row)?;
        let state = seen.of(&vm.uuid);
        Ok(Some(vm.with_state(state)))
    })
}

/// Every condition but the one on the status.
fn filtered(filter: &VmFilter) -> List {
    let VmFilter { user, group_name, status: _, request, os, name_prefix, after, limit: _ } = filter;
    List::of(SELECT)
        .only("vm.user = (SELECT id FROM user WHERE name = ?)", user.as_ref().map(ToString::to_string))
        .only("vm.group_name = ?", group_name.as_ref().map(ToString::to_string))
        .only("vm.request = ?", request.as_ref().map(ToString::to_string))
        .only("vm.os = ?", os.map(|os| os.0))
        .named("vm.name", name_prefix.as_ref())
        .only("vm.id > ?", after.map(|id| id.0))
}

/// Writes nothing when nothing changed: a sweep that sees a thousand machines as they were costs no disk write.
///
/// A pause does not end a run. While the state is unknown, the run that was seen last is kept, in case it is found again.
fn observe(tx: &Transaction<'_>, seen: &Seen) -> Result<()> {
    let Seen { uuid, state, ip, run } = seen;
    execute(
        tx,
        "UPDATE vm SET status = CASE status WHEN 'request' THEN status ELSE ?2 END,
                       status_reason = CASE status WHEN 'request' THEN NULL ELSE ?6 END,
                       ip = CASE WHEN ip_fixed THEN ip ELSE coalesce(?3, ip) END,
                       on_since = CASE WHEN ?2 IN ('off', 'saved') THEN NULL
                                       WHEN ?2 = 'unknown' THEN on_since
                                       WHEN status IN ('off', 'saved') OR run <> ?4 THEN ?5
                                       WHEN status = 'request' THEN coalesce(on_since, ?5)
                                       ELSE on_since END,
                       run = CASE WHEN ?2 IN ('off', 'saved') THEN NULL ELSE coalesce(?4, run) END
         WHERE uuid = ?1
           AND (status NOT IN ('request', ?2) OR (status = ?2 AND status_reason IS NOT ?6)
                OR (NOT ip_fixed AND ?3 IS NOT NULL AND ip IS NOT ?3)
                OR (?2 IN ('on', 'paused')
                    AND ((?4 IS NOT NULL AND run IS NOT ?4) OR (status = 'request' AND on_since IS NULL))))",
        params![
            uuid.to_string(),
            state.status.as_str(),
            ip.map(|ip| ip.to_string()),
            run,
            now().timestamp_micros(),
            state.reason.map(StatusReason::as_str),
        ],
    )?;
    Ok(())
}

/// Two jobs never work on one machine at once.
pub(super) fn refuse_while_changed(tx: &Transaction<'_>, vm: &Vm) -> Result<()> {
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

fn vm(row: &Row<'_>) -> Result<Vm> {
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
