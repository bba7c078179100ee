//! Requests.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::Result;
use super::list::List;
use super::row::{Columns, execute, exists, first, integer};
use super::store::Store;
use super::{audit, job, plan, user, vm};
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, Budget, HostFigures, NewJob, NewRequest, Plan, PlanHash, Request, RequestFilter, RequestId,
    RequestState, Stored, Subject, Timestamp, UserId,
};
use crate::repository::rules::{check_share, is_repeat, now, require_closing, require_state};
use crate::repository::{RequestRepository, Submitted, outcome, refusal};

const SELECT: &str = "SELECT request.*, requester.name AS requester_name, decider.name AS decided_by_name
    FROM request CROSS JOIN user requester ON requester.id = request.requester
    LEFT JOIN user decider ON decider.id = request.decided_by";

#[async_trait]
impl RequestRepository for Store {
    async fn submit(&self, request: NewRequest, limits: Stored, audit: AuditEntry) -> error::Result<Submitted> {
        let key = self.audit_key()?.clone();
        self.write("recording a request", move |tx| {
            if let Some(existing) = by_id(tx, &request.id)? {
                return if is_repeat(&existing, &request) {
                    Ok(Submitted::Existing(existing))
                } else {
                    Err(refusal::request_id_taken(&request.id).into())
                };
            }
            let open = open(tx, request.requester)?;
            check_share(Budget::OpenRequests, open, open + 1, limits.open_requests)?;
            insert(tx, &request, audit.user)?;
            audit::append(tx, &key, &audit)?;
            required(tx, &request.id).map(Submitted::Created)
        })
        .await
    }

    async fn by_id(&self, id: &RequestId) -> error::Result<Option<Request>> {
        let id = id.clone();
        self.read("reading a request", move |connection| by_id(connection, &id)).await
    }

    async fn list(&self, filter: &RequestFilter) -> error::Result<Vec<Request>> {
        let RequestFilter { requester, state, open, after, limit } = filter.clone();
        self.read("listing requests", move |connection| {
            List::of(SELECT)
                .only(
                    "request.requester = (SELECT id FROM user WHERE name = ?)",
                    requester.map(|name| name.to_string()),
                )
                .only("request.state = ?", state.map(|state| state.as_str().to_owned()))
                .only_all::<i64, 0>("request.state IN ('pending', 'approved', 'running')", open.then_some([]))
                .only("request.number < (SELECT number FROM request WHERE id = ?)", after.map(|id| id.to_string()))
                .read(connection, "request.number DESC", limit, |row| request(connection, row))
        })
        .await
    }

    async fn approve(
        &self,
        id: &RequestId,
        plan: PlanHash,
        by: UserId,
        job: NewJob,
        audit: AuditEntry,
    ) -> error::Result<Request> {
        let (id, actor) = (id.clone(), audit.user);
        self.change("approving a request", audit, move |tx| {
            let request = expect(tx, &id, RequestState::Pending)?;
            if request.plan_hash != plan {
                return Err(refusal::other_plan(&id).into());
            }
            decide(tx, &id, by)?;
            set_state(tx, &id, RequestState::Approved, None, actor)?;
            job::insert(tx, &job, &Subject::Request(id.clone()), id.as_str(), Some(&id))?;
            required(tx, &id)
        })
        .await
    }

    async fn close<'a>(
        &self,
        id: &RequestId,
        to: RequestState,
        by: UserId,
        reason: Option<&'a str>,
        audit: AuditEntry,
    ) -> error::Result<Request> {
        let (id, reason, actor) = (id.clone(), reason.map(str::to_owned), audit.user);
        self.change("closing a request", audit, move |tx| {
            require_closing(to)?;
            expect(tx, &id, RequestState::Pending)?;
            decide(tx, &id, by)?;
            set_state(tx, &id, to, reason.as_deref(), actor)?;
            vm::remove_requested(tx, &id)?;
            required(tx, &id)
        })
        .await
    }

    async fn return_for_approval(&self, id: &RequestId, plan: Plan, reason: &str) -> error::Result<()> {
        let (id, reason) = (id.clone(), reason.to_owned());
        self.write("returning a request for approval", move |tx| {
            let request = required(tx, &id)?;
            if request.state == RequestState::Pending && request.plan_hash == plan.hash() {
                return Ok(());
            }
            expect(tx, &id, RequestState::Approved)?;
            vm::remove_requested(tx, &id)?;
            replace_plan(tx, &request, &plan)?;
            set_state(tx, &id, RequestState::Pending, Some(&reason), None)
        })
        .await
    }

    async fn start(&self, id: &RequestId, making: NewJob) -> error::Result<()> {
        let id = id.clone();
        self.write("starting a request", move |tx| {
            if matches!(required(tx, &id)?.state, RequestState::Running | RequestState::Done) {
                return Ok(());
            }
            expect(tx, &id, RequestState::Approved)?;
            set_state(tx, &id, RequestState::Running, None, None)?;
            vm::of_request(tx, &id)?.iter().try_for_each(|(vm, name)| {
                job::insert(tx, &making, &Subject::Vm(*vm), name.as_str(), Some(&id)).map(drop)
            })
        })
        .await
    }

    async fn fail(&self, id: &RequestId, reason: &str) -> error::Result<()> {
        let (id, reason) = (id.clone(), reason.to_owned());
        self.write("failing a request", move |tx| {
            if required(tx, &id)?.state == RequestState::Failed {
                return Ok(());
            }
            expect(tx, &id, RequestState::Approved)?;
            outcome::not_started(&id, &reason).iter().try_for_each(|effect| job::apply(tx, effect))
        })
        .await
    }
}

fn insert(tx: &Transaction<'_>, new: &NewRequest, actor: Option<UserId>) -> Result<()> {
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

fn replace_plan(tx: &Transaction<'_>, request: &Request, plan: &Plan) -> Result<()> {
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

fn decide(tx: &Transaction<'_>, id: &RequestId, by: UserId) -> Result<()> {
    let by = user::required(tx, by)?.id;
    execute(tx, "UPDATE request SET decided_by = ?1 WHERE id = ?2", params![by.0, id.as_str()]).map(drop)
}

/// Changes the state; a trigger makes an event of it. `actor` is `None` for what vmm does by itself.
pub(super) fn set_state(
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

pub(super) fn state(connection: &Connection, id: &RequestId) -> Result<RequestState> {
    first(connection, "SELECT state FROM request WHERE id = ?1", [id.as_str()], |row| row.parsed("state"))?
        .ok_or_else(|| error::Error::not_found(Kind::Request, id).into())
}

/// The request, which must be in this state.
fn expect(connection: &Connection, id: &RequestId, state: RequestState) -> Result<Request> {
    let request = required(connection, id)?;
    require_state(&request, state)?;
    Ok(request)
}

fn required(connection: &Connection, id: &RequestId) -> Result<Request> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Request, id).into())
}

/// How many requests of a person are not decided on, or being carried out.
pub(super) fn open(connection: &Connection, requester: UserId) -> Result<u64> {
    let count =
        "SELECT count(*) AS open FROM request WHERE requester = ?1 AND state IN ('pending', 'approved', 'running')";
    Ok(first(connection, count, [requester.0], |row| row.size("open"))?.unwrap_or_default())
}

fn by_id(connection: &Connection, id: &RequestId) -> Result<Option<Request>> {
    first(connection, &format!("{SELECT} WHERE request.id = ?1"), [id.as_str()], |row| request(connection, row))
}

fn request(connection: &Connection, row: &Row<'_>) -> Result<Request> {
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
