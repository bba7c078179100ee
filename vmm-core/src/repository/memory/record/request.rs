//! Records of requests.

use super::super::state::{RequestRow, State};
use super::{os, user, vm};
use crate::error::{Error, Kind, Result};
use crate::mail::KEPT_REQUEST_EVENTS;
use crate::model::{
    NewRequest, Plan, Request, RequestEvent, RequestEventId, RequestEventKind, RequestId, RequestState, Timestamp,
    UserId,
};
use crate::repository::rules::{event, now};

pub(in super::super) fn insert(state: &mut State, new: NewRequest, actor: Option<UserId>) -> Result<()> {
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

pub(in super::super) fn replace_plan(state: &mut State, request: &Request, plan: Plan) -> Result<()> {
    if let Some(row) = row_mut(state, &request.id) {
        row.decided_by = None;
        row.request.plan_hash = plan.hash();
        row.request.plan = plan.clone();
    }
    insert_vms(state, &request.id, request.requester, &plan, request.created_at)
}

pub(in super::super) fn decide(state: &mut State, id: &RequestId, by: UserId) -> Result<()> {
    let by = user::required(state, by)?.id;
    if let Some(row) = row_mut(state, id) {
        row.decided_by = Some(by);
    }
    Ok(())
}

/// Changes the state and makes an event of it. `actor` is `None` for what vmm does by itself.
pub(in super::super) fn set_state(
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
pub(in super::super) fn state_of(state: &State, id: &RequestId) -> Result<RequestState> {
    row(state, id).map(|row| row.request.state).ok_or_else(|| Error::not_found(Kind::Request, id))
}

pub(in super::super) fn required(state: &State, id: &RequestId) -> Result<Request> {
    by_id(state, id).ok_or_else(|| Error::not_found(Kind::Request, id))
}

/// Returns how many requests of a person are not decided on, or being carried out.
pub(in super::super) fn open(state: &State, requester: UserId) -> u64 {
    let is_open = |row: &RequestRow| row.request.requester == requester && !row.request.state.is_final();
    state.requests.keys_of(is_open).len() as u64
}

/// Returns who asked for a request.
pub(in super::super) fn requester(state: &State, id: &RequestId) -> Option<UserId> {
    row(state, id).map(|row| row.request.requester)
}

pub(in super::super) fn row<'a>(state: &'a State, id: &RequestId) -> Option<&'a RequestRow> {
    state.requests.find(|row| row.request.id == *id)
}

fn row_mut<'a>(state: &'a mut State, id: &RequestId) -> Option<&'a mut RequestRow> {
    let number = row(state, id)?.number;
    state.requests.get_mut(&number)
}

pub(in super::super) fn by_id(state: &State, id: &RequestId) -> Option<Request> {
    shown(state, row(state, id)?)
}

/// Returns a request with the present names of the accounts that it names.
pub(in super::super) fn shown(state: &State, row: &RequestRow) -> Option<Request> {
    let name = |id| user::by_id(state, id).map(|user| user.name.clone());
    let (requester_name, decided_by) = (name(row.request.requester)?, row.decided_by.and_then(name));
    Some(Request { requester_name, decided_by, ..row.request.clone() })
}
