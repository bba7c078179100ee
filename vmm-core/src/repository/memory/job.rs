//! Long operations.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use uuid::Uuid;

use super::effect::apply;
use super::record::job::{open_on_vm, required, row, set_state, unfinished};
use super::record::request;
use super::state::{Lease, State};
use super::store::Store;
use super::table::{fits, page};
use crate::error::Result;
use crate::model::{
    AuditEntry, Closing, Job, JobFilter, JobId, JobState, RequestId, StepState, Subject, Timestamp, UserId, VmId,
};
use crate::repository::outcome::{self, JobOfRequest};
use crate::repository::rules::{closing_error, now, stored};
use crate::repository::{JobRepository, refusal};

#[async_trait]
impl JobRepository for Store {
    async fn lease(&self, owner: Uuid, now: Timestamp, ttl: Duration) -> Result<bool> {
        self.write(|state| {
            let expires_at = TimeDelta::from_std(ttl).ok().and_then(|ttl| now.checked_add_signed(ttl));
            let expires_at = stored(expires_at.ok_or_else(refusal::lease_too_long)?);
            let free = |lease: Lease| lease.owner == owner || lease.expires_at <= stored(now);
            let taken = state.lease.is_none_or(free);
            if taken {
                state.lease = Some(Lease { owner, expires_at });
            }
            Ok(taken)
        })
    }

    async fn release(&self, owner: Uuid) -> Result<()> {
        self.write(|state| {
            state.lease = state.lease.filter(|lease| lease.owner != owner);
            Ok(())
        })
    }

    async fn open(&self) -> Result<Vec<Job>> {
        Ok(self.read(|state| state.jobs.values().filter(|job| !job.state.is_final()).cloned().collect()))
    }

    async fn by_id(&self, id: JobId) -> Result<Option<Job>> {
        Ok(self.read(|state| state.jobs.get(&id).cloned()))
    }

    async fn on_vm(&self, vm: VmId) -> Result<Option<Job>> {
        Ok(self.read(|state| open_on_vm(state, vm).cloned()))
    }

    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>> {
        let JobFilter { state: in_state, request, owner, after, limit } = filter;
        Ok(self.read(|state| {
            let is_wanted = |job: &&Job| {
                fits(in_state.as_ref(), &job.state)
                    && (request.is_none() || job.request == *request)
                    && owner.is_none_or(|owner| self::owner(state, job) == Some(owner))
                    && after.is_none_or(|after| job.id < after)
            };
            page(state.jobs.values().rev().filter(is_wanted).cloned(), *limit)
        }))
    }

    async fn count(&self) -> Result<Vec<(JobState, u64)>> {
        Ok(self.read(|state| {
            let number = |of| state.jobs.values().filter(|job| job.state == of).count() as u64;
            JobState::ALL.iter().map(|state| (*state, number(*state))).filter(|(_, number)| *number > 0).collect()
        }))
    }

    async fn step(&self, id: JobId, step: usize, to: StepState) -> Result<()> {
        self.write(|state| {
            let (job, at) = (unfinished(state, id)?, now());
            let moved = job.steps.get_mut(step).ok_or_else(|| refusal::no_step(id, step))?;
            (moved.state, moved.changed_at) = (to, at);
            if job.state == JobState::Queued {
                job.state = JobState::Running;
            }
            job.changed_at = at;
            Ok(())
        })
    }

    async fn undo(&self, id: JobId, error: &str) -> Result<()> {
        self.write(|state| {
            let job = unfinished(state, id)?;
            if job.state != JobState::Undoing {
                set_state(job, JobState::Undoing, Some(error));
            }
            Ok(())
        })
    }

    async fn finish(&self, id: JobId, end: JobState, error: Option<String>) -> Result<()> {
        self.write(|state| {
            if !end.is_final() {
                return Err(refusal::not_an_end(end));
            }
            if required(state, id)?.state == end {
                return Ok(());
            }
            let job = unfinished(state, id)?;
            let before = job.clone();
            set_state(job, end, error.as_deref());
            outcome::ended(&before, end).into_iter().for_each(|effect| apply(state, effect));
            match &before.request {
                Some(request) => settle(state, request, error.as_deref().or(before.error.as_deref())),
                None => Ok(()),
            }
        })
    }

    async fn cancel(&self, id: JobId, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            unfinished(state, id)?.cancel = true;
            Ok(())
        })
    }

    async fn retry(&self, id: JobId, audit: AuditEntry) -> Result<Job> {
        self.change(&audit, |state| {
            let before = stuck(state, id)?;
            let (to, error) = outcome::retried(&before, is_there(state, &before.subject))?;
            let job = row(state, id)?;
            (job.state, job.error, job.changed_at) = (to, error, now());
            if let (JobState::Queued, Some(request)) = (to, &before.request) {
                let effect = outcome::runs_again(request, request::state_of(state, request)?, audit.user);
                effect.into_iter().for_each(|effect| apply(state, effect));
            }
            required(state, id).cloned()
        })
    }

    async fn close(&self, id: JobId, closing: Closing, audit: AuditEntry) -> Result<Job> {
        self.change(&audit, |state| {
            let before = stuck(state, id)?;
            let Closing { note, records } = closing;
            set_state(row(state, id)?, JobState::Closed, Some(&closing_error(&before, &note)));
            outcome::closed(&before, records).into_iter().for_each(|effect| apply(state, effect));
            required(state, id).cloned()
        })
    }
}

/// Applies what follows for a request from the end of one of its jobs.
fn settle(state: &mut State, id: &RequestId, error: Option<&str>) -> Result<()> {
    let of_request = |job: &&Job| job.request.as_ref() == Some(id);
    let as_seen = |job: &Job| JobOfRequest {
        starts: matches!(job.subject, Subject::Request(_)),
        title: job.title.clone(),
        state: job.state,
        error: job.error.clone(),
    };
    let jobs: Vec<_> = state.jobs.values().filter(of_request).map(as_seen).collect();
    let effects = outcome::settled(id, request::state_of(state, id)?, &jobs, error);
    effects.into_iter().for_each(|effect| apply(state, effect));
    Ok(())
}

/// Returns a job that is stuck, on whose machine no other job works.
fn stuck(state: &State, id: JobId) -> Result<Job> {
    let job = required(state, id)?;
    outcome::require_stuck(job, job.vm.and_then(|vm| open_on_vm(state, vm)))?;
    Ok(job.clone())
}

/// Returns whether the records have what a job works on.
fn is_there(state: &State, subject: &Subject) -> bool {
    match subject {
        Subject::Request(id) => request::requester(state, id).is_some(),
        Subject::Vm(id) => state.vms.has(id),
        Subject::Os(id) => state.oses.has(id),
        Subject::Disk(id) => state.disks.has(id),
    }
}

/// Returns who asked for what a job does: the requester, or who is responsible for the machine.
fn owner(state: &State, job: &Job) -> Option<UserId> {
    match &job.request {
        Some(request) => request::requester(state, request),
        None => state.vms.get(&job.vm?).map(|row| row.vm.user),
    }
}
