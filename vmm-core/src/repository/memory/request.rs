//! Requests.

use async_trait::async_trait;

use super::effect;
use super::record::request::{by_id, decide, insert, open, replace_plan, required, row, set_state, shown};
use super::record::{audit, job, user, vm};
use super::state::{RequestRow, State};
use super::store::Store;
use super::table::page;
use crate::error::Result;
use crate::model::{
    AuditEntry, Budget, NewJob, NewRequest, Plan, PlanHash, Request, RequestFilter, RequestId, RequestState, Stored,
    Subject, UserId,
};
use crate::repository::rules::{check_share, is_repeat, require_closing, require_state};
use crate::repository::{RequestRepository, Submitted, outcome, refusal};

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
            outcome::not_started(id, reason).into_iter().for_each(|effect| effect::apply(state, effect));
            Ok(())
        })
    }
}

/// Returns the request, which must be in this state.
fn expect(state: &State, id: &RequestId, wanted: RequestState) -> Result<Request> {
    let request = required(state, id)?;
    require_state(&request, wanted)?;
    Ok(request)
}
