//! Requests.

use async_trait::async_trait;

use super::state::{RequestRow, State};
use super::store::Store;
use super::table::page;
use super::{audit, job, os, user, vm};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Budget, NewJob, NewRequest, Plan, PlanHash, Request, RequestEvent, RequestEventId, RequestEventKind,
    RequestFilter, RequestId, RequestState, Stored, Subject, Timestamp, UserId,
};
use crate::repository::rules::{check_share, event, is_repeat, now, require_closing, require_state};
use crate::repository::{KEPT_REQUEST_EVENTS, RequestRepository, Submitted, outcome, refusal};

#[async_trait]
impl RequestRepository for Store {
    async fn submit(&self, request: NewRequest, limits: Stored, audit: AuditEntry) -> Result<Submitted> {
        let key = self.audit_key()?;
        self.write(|state| {
            if let Some(existing) = by_id(state, &request.id) {
                let repeat = is_repeat(&existing, &request);
                return if repeat {
                    Ok(Submitted::Existing(existing))
                } else {
                    Err(refusal::request_id_taken(&request.id))
                };
            }
            let (id, open) = (request.id.clone(), open(state, request.requester));
            check_share(Budget::OpenRequests, open, open + 1, limits.open_requests)?;
            insert(state, request, audit.user)?;
            audit::append(state, key, &audit)?;
            required(state, &id).map(Submitted::Created)
        })
    }

    async fn by_id(&self, id: &RequestId) -> Result<Option<Request>> {
        Ok(self.read(|state| by_id(state, id)))
    }

    async fn list(&self, filter: &RequestFilter) -> Result<Vec<Request>> {
        let RequestFilter { requester, state: in_state, open, after, limit } = filter;
        Ok(self.read(|state| {
            // What does not exist is nobody's, and nothing comes behind it.
            let requester = requester.as_ref().map(|name| user::by_name(state, name).map(|user| user.id));
            let after = after.as_ref().map(|id| row(state, id).map(|row| row.number));
            let is_wanted = |row: &&RequestRow| {
                requester.is_none_or(|requester| requester == Some(row.request.requester))
                    && in_state.is_none_or(|state| row.request.state == state)
                    && (!open || !row.request.state.is_final())
                    && after.is_none_or(|after| after.is_some_and(|after| row.number < after))
            };
            let rows = state.requests.values().rev().filter(is_wanted);
            page(rows.filter_map(|row| shown(state, row)), *limit)
        }))
    }

    async fn approve(
        &self,
        id: &RequestId,
        plan: PlanHash,
        by: UserId,
        job: NewJob,
        audit: AuditEntry,
    ) -> Result<Request> {
        self.change(&audit, |state| {
            let request = expect(state, id, RequestState::Pending)?;
            if request.plan_hash != plan {
                return Err(refusal::other_plan(id));
            }
            decide(state, id, by)?;
            set_state(state, id, RequestState::Approved, None, audit.user);
            job::insert(state, &job, Subject::Request(id.clone()), id.as_str(), Some(id))?;
            required(state, id)
        })
    }

    async fn close<'a>(
        &self,
        id: &RequestId,
        to: RequestState,
        by: UserId,
        reason: Option<&'a str>,
        audit: AuditEntry,
    ) -> Result<Request> {
        self.change(&audit, |state| {
            require_closing(to)?;
            expect(state, id, RequestState::Pending)?;
            decide(state, id, by)?;
            set_state(state, id, to, reason, audit.user);
            vm::remove_requested(state, id);
            required(state, id)
        })
    }

    async fn return_for_approval(&self, id: &RequestId, plan: Plan, reason: &str) -> Result<()> {
        self.write(|state| {
            let request = required(state, id)?;
            if request.state == RequestState::Pending && request.plan_hash == plan.hash() {
                return Ok(());
            }
            require_state(&request, RequestState::Approved)?;
            vm::remove_requested(state, id);
            replace_plan(state, &request, plan)?;
            set_state(state, id, RequestState::Pending, Some(reason), None);
            Ok(())
        })
    }

    async fn start(&self, id: &RequestId, making: NewJob) -> Result<()> {
        self.write(|state| {
            if matches!(required(state, id)?.state, RequestState::Running | RequestState::Done) {
                return Ok(());
            }
            expect(state, id, RequestState::Approved)?;
            set_state(state, id, RequestState::Running, None, None);
            vm::of_request(state, id).into_iter().try_for_each(|(vm, name)| {
                job::insert(state, &making, Subject::Vm(vm), name.as_str(), Some(id)).map(drop)
            })
        })
    }

    async fn fail(&self, id: &RequestId, reason: &str) -> Result<()> {
        self.write(|state| {
            if required(state, id)?.state == RequestState::Failed {
                return Ok(());
            }
            expect(state, id, RequestState::Approved)?;
            outcome::not_started(id, reason).into_iter().for_each(|effect| job::apply(state, effect));
            Ok(())
        })
    }
}

fn insert(state: &mut State, new: NewRequest, actor: Option<UserId>) -> Result<()> {
    let NewRequest { id, requester, description, spec, plan } = new;
    let (requester_name, at) = (user::required(state, requester)?.name.clone(), now());
    let request = Request {
        id: id.clone(),
        requester,
        requester_name,
        description,
        spec,
        plan_hash: plan.hash(),
        plan: plan.clone(),
        state: RequestState::Pending,
        decided_by: None,
        reason: None,
        created_at: at,
        changed_at: at,
    };
    record(state, &request, RequestEventKind::Submitted, actor);
    let number = state.requests.next_id();
    state.requests.insert(number, RequestRow { number, request, decided_by: None });
    insert_vms(state, &id, requester, &plan, at)
}

fn insert_vms(state: &mut State, id: &RequestId, requester: UserId, plan: &Plan, at: Timestamp) -> Result<()> {
    let requester = user::required(state, requester)?.clone();
    for planned in &plan.vms {
        os::required(state, planned.os)?;
        vm::insert(state, id, &requester, planned, at)?;
    }
    Ok(())
}

fn replace_plan(state: &mut State, request: &Request, plan: Plan) -> Result<()> {
    if let Some(row) = row_mut(state, &request.id) {
        row.decided_by = None;
        row.request.plan_hash = plan.hash();
        row.request.plan = plan.clone();
    }
    insert_vms(state, &request.id, request.requester, &plan, request.created_at)
}

fn decide(state: &mut State, id: &RequestId, by: UserId) -> Result<()> {
    let by = user::required(state, by)?.id;
    if let Some(row) = row_mut(state, id) {
        row.decided_by = Some(by);
    }
    Ok(())
}

/// Changes the state and makes an event of it. `actor` is `None` for what vmm does by itself.
pub(super) fn set_state(
    state: &mut State,
    id: &RequestId,
    to: RequestState,
    reason: Option<&str>,
    actor: Option<UserId>,
) {
    let Some(RequestRow { request, .. }) = row_mut(state, id) else { return };
    let changed = request.state != to;
    (request.state, request.reason, request.changed_at) = (to, reason.map(str::to_owned), now());
    if changed {
        let request = request.clone();
        record(state, &request, event(to), actor);
    }
}

/// Records an event of a request as it is now, and forgets the oldest event.
fn record(state: &mut State, request: &Request, kind: RequestEventKind, actor: Option<UserId>) {
    let id = RequestEventId(state.request_events.next_id());
    let event = RequestEvent {
        id,
        request: request.id.clone(),
        kind,
        plan_hash: request.plan_hash,
        actor,
        actor_name: None,
        reason: request.reason.clone(),
        at: request.changed_at,
    };
    state.request_events.insert(id, event);
    state.request_events.remove(&RequestEventId(id.0 - i64::from(KEPT_REQUEST_EVENTS)));
}

/// Returns the state of a request, which must be there.
pub(super) fn state_of(state: &State, id: &RequestId) -> Result<RequestState> {
    row(state, id).map(|row| row.request.state).ok_or_else(|| Error::not_found(Kind::Request, id))
}

/// Returns the request, which must be in this state.
fn expect(state: &State, id: &RequestId, wanted: RequestState) -> Result<Request> {
    let request = required(state, id)?;
    require_state(&request, wanted)?;
    Ok(request)
}

fn required(state: &State, id: &RequestId) -> Result<Request> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::Request, id))
}

/// Returns how many requests of a person are not decided on, or being carried out.
pub(super) fn open(state: &State, requester: UserId) -> u64 {
    let is_open = |row: &RequestRow| row.request.requester == requester && !row.request.state.is_final();
    state.requests.keys_of(is_open).len() as u64
}

/// Returns who asked for a request.
pub(super) fn requester(state: &State, id: &RequestId) -> Option<UserId> {
    row(state, id).map(|row| row.request.requester)
}

fn row<'a>(state: &'a State, id: &RequestId) -> Option<&'a RequestRow> {
    state.requests.find(|row| row.request.id == *id)
}

fn row_mut<'a>(state: &'a mut State, id: &RequestId) -> Option<&'a mut RequestRow> {
    let number = row(state, id)?.number;
    state.requests.get_mut(&number)
}

fn by_id(state: &State, id: &RequestId) -> Option<Request> {
    shown(state, row(state, id)?)
}

/// Returns a request with the present names of the accounts that it names.
fn shown(state: &State, row: &RequestRow) -> Option<Request> {
    let name = |id| user::by_id(state, id).map(|user| user.name.clone());
    let (requester_name, decided_by) = (name(row.request.requester)?, row.decided_by.and_then(name));
    Some(Request { requester_name, decided_by, ..row.request.clone() })
}
