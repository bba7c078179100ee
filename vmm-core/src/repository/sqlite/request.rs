//! Requests.

use async_trait::async_trait;
use rusqlite::Connection;

use super::effect;
use super::error::Result;
use super::list::List;
use super::record::request::{SELECT, by_id, decide, insert, open, replace_plan, request, required, set_state};
use super::record::{audit, job, vm};
use super::store::Store;
use crate::error;
use crate::model::{
    AuditEntry, Budget, NewJob, NewRequest, Plan, PlanHash, Request, RequestFilter, RequestId, RequestState, Stored,
    Subject, UserId,
};
use crate::repository::rules::{check_share, is_repeat, require_closing, require_state};
use crate::repository::{RequestRepository, Submitted, outcome, refusal};

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
            outcome::not_started(&id, &reason).iter().try_for_each(|effect| effect::apply(tx, effect))
        })
        .await
    }
}

/// The request, which must be in this state.
fn expect(connection: &Connection, id: &RequestId, state: RequestState) -> Result<Request> {
    let request = required(connection, id)?;
    require_state(&request, state)?;
    Ok(request)
}
