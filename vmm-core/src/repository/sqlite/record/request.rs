//! Records of requests.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::Result;
use super::super::row::{Columns, execute, exists, first, integer};
use super::plan;
use super::{user, vm};
use crate::error::{self, Kind};
use crate::model::{HostFigures, NewRequest, Plan, Request, RequestId, RequestState, Timestamp, UserId};
use crate::repository::rules::now;

pub(in super::super) const SELECT: &str =
    "SELECT request.*, requester.name AS requester_name, decider.name AS decided_by_name
    FROM request CROSS JOIN user requester ON requester.id = request.requester
    LEFT JOIN user decider ON decider.id = request.decided_by";

pub(in super::super) fn insert(tx: &Transaction<'_>, new: &NewRequest, actor: Option<UserId>) -> Result<()> {
    let NewRequest { id, requester, description, spec, plan } = new;
    user::required(tx, *requester)?;
    let at = now();
    execute(
        tx,
        "INSERT INTO request (id, requester, description, spec, pool, host, host_vcpus, host_memory, host_disk_free,
                              host_addresses_free, understood, plan_hash, state, changed_by, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'pending', ?13, ?14, ?14)",
        params![
            id.as_str(),
            requester.0,
            description,
            spec,
            plan.pool,
            plan.host,
            plan.seen.vcpus,
            integer("host_memory", plan.seen.memory)?,
            integer("host_disk_free", plan.seen.disk_free)?,
            plan.seen.addresses_free,
            plan::texts(&plan.understood),
            plan.hash().to_string(),
            actor.map(|actor| actor.0),
            at.timestamp_micros(),
        ],
    )?;
    plan::replace(tx, tx.last_insert_rowid(), plan)?;
    insert_vms(tx, id, *requester, plan, at)
}

fn insert_vms(tx: &Transaction<'_>, id: &RequestId, requester: UserId, plan: &Plan, at: Timestamp) -> Result<()> {
    for planned in &plan.vms {
        if !exists(tx, "SELECT 1 FROM os WHERE id = ?1", [planned.os.0])? {
            return Err(error::Error::not_found(Kind::Os, planned.os).into());
        }
        vm::insert(tx, id, requester, planned, at)?;
    }
    Ok(())
}

pub(in super::super) fn replace_plan(tx: &Transaction<'_>, request: &Request, plan: &Plan) -> Result<()> {
    let number: i64 =
        tx.query_row("SELECT number FROM request WHERE id = ?1", [request.id.as_str()], |row| row.get(0))?;
    execute(
        tx,
        "UPDATE request SET pool = ?2, host = ?3, host_vcpus = ?4, host_memory = ?5, host_disk_free = ?6,
                            host_addresses_free = ?7, understood = ?8, plan_hash = ?9, decided_by = NULL
         WHERE number = ?1",
        params![
            number,
            plan.pool,
            plan.host,
            plan.seen.vcpus,
            integer("host_memory", plan.seen.memory)?,
            integer("host_disk_free", plan.seen.disk_free)?,
            plan.seen.addresses_free,
            plan::texts(&plan.understood),
            plan.hash().to_string(),
        ],
    )?;
    plan::replace(tx, number, plan)?;
    insert_vms(tx, &request.id, request.requester, plan, request.created_at)
}

pub(in super::super) fn decide(tx: &Transaction<'_>, id: &RequestId, by: UserId) -> Result<()> {
    let by = user::required(tx, by)?.id;
    execute(tx, "UPDATE request SET decided_by = ?1 WHERE id = ?2", params![by.0, id.as_str()]).map(drop)
}

/// Changes the state; a trigger makes an event of it. `actor` is `None` for what vmm does by itself.
pub(in super::super) fn set_state(
    tx: &Transaction<'_>,
    id: &RequestId,
    to: RequestState,
    reason: Option<&str>,
    actor: Option<UserId>,
) -> Result<()> {
    let actor = actor.map(|actor| actor.0);
    execute(
        tx,
        "UPDATE request SET state = ?1, reason = ?2, changed_by = ?3, changed_at = ?4 WHERE id = ?5",
        params![to.as_str(), reason, actor, now().timestamp_micros(), id.as_str()],
    )
    .map(drop)
}

pub(in super::super) fn state(connection: &Connection, id: &RequestId) -> Result<RequestState> {
    first(connection, "SELECT state FROM request WHERE id = ?1", [id.as_str()], |row| row.parsed("state"))?
        .ok_or_else(|| error::Error::not_found(Kind::Request, id).into())
}

pub(in super::super) fn required(connection: &Connection, id: &RequestId) -> Result<Request> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Request, id).into())
}

/// Returns the number of requests of a person that are not decided on, or being carried out.
pub(in super::super) fn open(connection: &Connection, requester: UserId) -> Result<u64> {
    let count =
        "SELECT count(*) AS open FROM request WHERE requester = ?1 AND state IN ('pending', 'approved', 'running')";
    Ok(first(connection, count, [requester.0], |row| row.size("open"))?.unwrap_or_default())
}

pub(in super::super) fn by_id(connection: &Connection, id: &RequestId) -> Result<Option<Request>> {
    first(connection, &format!("{SELECT} WHERE request.id = ?1"), [id.as_str()], |row| request(connection, row))
}

pub(in super::super) fn request(connection: &Connection, row: &Row<'_>) -> Result<Request> {
    Ok(Request {
        id: row.parsed("id")?,
        requester: UserId(row.value("requester")?),
        requester_name: row.parsed("requester_name")?,
        description: row.value("description")?,
        spec: row.value("spec")?,
        plan: Plan {
            host: row.value("host")?,
            pool: row.value("pool")?,
            seen: HostFigures {
                vcpus: row.value("host_vcpus")?,
                memory: row.size("host_memory")?,
                disk_free: row.size("host_disk_free")?,
                addresses_free: row.value("host_addresses_free")?,
            },
            understood: plan::strings("understood", &row.value::<String>("understood")?)?,
            vms: plan::vms(connection, row.value("number")?)?,
        },
        plan_hash: row.parsed("plan_hash")?,
        state: row.parsed("state")?,
        decided_by: row.parsed_opt("decided_by_name")?,
        reason: row.value("reason")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}
