//! Long operations.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Transaction, params};
use uuid::Uuid;

use super::effect::apply;
use super::error::Result;
use super::list::List;
use super::record::job::{by_id, job, open_on_vm, required, set_state, unfinished};
use super::record::request;
use super::row::{Columns, all, execute, exists};
use super::store::Store;
use crate::error;
use crate::model::{
    AuditEntry, Closing, Job, JobFilter, JobId, JobState, RequestId, StepState, Subject, Timestamp, VmId,
};
use crate::repository::outcome::{self, JobOfRequest};
use crate::repository::rules::{closing_error, now};
use crate::repository::{JobRepository, refusal};

#[async_trait]
impl JobRepository for Store {
    async fn lease(&self, owner: Uuid, now: Timestamp, ttl: Duration) -> error::Result<bool> {
        self.write("taking the worker's lease", move |tx| {
            let until = chrono::Duration::from_std(ttl).ok().and_then(|ttl| now.checked_add_signed(ttl));
            let until = until.ok_or_else(refusal::lease_too_long)?;
            let taken = execute(
                tx,
                "INSERT INTO worker_lease (only, owner, expires_at) VALUES (1, ?1, ?2)
                 ON CONFLICT DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
                 WHERE owner = excluded.owner OR expires_at <= ?3",
                params![owner.to_string(), until.timestamp_micros(), now.timestamp_micros()],
            )?;
            Ok(taken > 0)
        })
        .await
    }

    async fn release(&self, owner: Uuid) -> error::Result<()> {
        self.write("giving up the worker's lease", move |tx| {
            execute(tx, "DELETE FROM worker_lease WHERE owner = ?1", [owner.to_string()]).map(drop)
        })
        .await
    }

    async fn open(&self) -> error::Result<Vec<Job>> {
        self.read("listing open jobs", |connection| {
            let sql = "SELECT * FROM job WHERE state IN ('queued', 'running', 'undoing') ORDER BY id";
            all(connection, sql, [], |row| job(connection, row))
        })
        .await
    }

    async fn by_id(&self, id: JobId) -> error::Result<Option<Job>> {
        self.read("reading a job", move |connection| by_id(connection, id)).await
    }

    async fn on_vm(&self, vm: VmId) -> error::Result<Option<Job>> {
        self.read("looking for a machine's job", move |connection| open_on_vm(connection, vm)).await
    }

    async fn list(&self, filter: &JobFilter) -> error::Result<Vec<Job>> {
        let JobFilter { state, request, owner, after, limit } = filter.clone();
        self.read("listing jobs", move |connection| {
            List::of("SELECT * FROM job")
                .only("state = ?", state.map(|state| state.as_str().to_owned()))
                .only("request = ?", request.map(|id| id.to_string()))
                .only_all(
                    "(request IN (SELECT id FROM request WHERE requester = ?)
                      OR request IS NULL AND vm IN (SELECT id FROM vm WHERE user = ?))",
                    owner.map(|owner| [owner.0, owner.0]),
                )
                .only("id < ?", after.map(|id| id.0))
                .read(connection, "id DESC", limit, |row| job(connection, row))
        })
        .await
    }

    async fn count(&self) -> error::Result<Vec<(JobState, u64)>> {
        self.read("counting jobs", |connection| {
            all(connection, "SELECT state, count(*) AS number FROM job GROUP BY state", [], |row| {
                Ok((row.parsed("state")?, row.size("number")?))
            })
        })
        .await
    }

    async fn step(&self, id: JobId, step: usize, state: StepState) -> error::Result<()> {
        self.write("recording a step", move |tx| {
            unfinished(tx, id)?;
            let (position, at) = (i64::try_from(step).unwrap_or(i64::MAX), now().timestamp_micros());
            let changed = execute(
                tx,
                "UPDATE job_step SET state = ?3, changed_at = ?4 WHERE job = ?1 AND position = ?2",
                params![id.0, position, state.as_str(), at],
            )?;
            if changed == 0 {
                return Err(refusal::no_step(id, step).into());
            }
            execute(
                tx,
                "UPDATE job SET state = CASE state WHEN 'queued' THEN 'running' ELSE state END, changed_at = ?2
                 WHERE id = ?1",
                params![id.0, at],
            )
            .map(drop)
        })
        .await
    }

    async fn undo(&self, id: JobId, error: &str) -> error::Result<()> {
        let error = error.to_owned();
        self.write("recording that undoing begins", move |tx| {
            if unfinished(tx, id)?.state == JobState::Undoing {
                return Ok(());
            }
            set_state(tx, id, JobState::Undoing, Some(&error))
        })
        .await
    }

    async fn finish(&self, id: JobId, state: JobState, error: Option<String>) -> error::Result<()> {
        self.write("recording a job's end", move |tx| {
            if !state.is_final() {
                return Err(refusal::not_an_end(state).into());
            }
            if required(tx, id)?.state == state {
                return Ok(());
            }
            let job = unfinished(tx, id)?;
            set_state(tx, id, state, error.as_deref())?;
            outcome::ended(&job, state).map_or(Ok(()), |effect| apply(tx, &effect))?;
            match &job.request {
                Some(request) => settle(tx, request, error.as_deref().or(job.error.as_deref())),
                None => Ok(()),
            }
        })
        .await
    }

    async fn cancel(&self, id: JobId, audit: AuditEntry) -> error::Result<()> {
        self.change("asking to cancel a job", audit, move |tx| {
            unfinished(tx, id)?;
            execute(tx, "UPDATE job SET cancel = 1 WHERE id = ?1", [id.0]).map(drop)
        })
        .await
    }

    async fn retry(&self, id: JobId, audit: AuditEntry) -> error::Result<Job> {
        let actor = audit.user;
        self.change("trying a job again", audit, move |tx| {
            let job = stuck(tx, id)?;
            let (state, error) = outcome::retried(&job, is_there(tx, &job.subject)?)?;
            execute(
                tx,
                "UPDATE job SET state = ?2, error = ?3, changed_at = ?4 WHERE id = ?1",
                params![id.0, state.as_str(), error, now().timestamp_micros()],
            )?;
            if let (JobState::Queued, Some(request)) = (state, &job.request)
                && let Some(effect) = outcome::runs_again(request, request::state(tx, request)?, actor)
            {
                apply(tx, &effect)?;
            }
            required(tx, id)
        })
        .await
    }

    async fn close(&self, id: JobId, closing: Closing, audit: AuditEntry) -> error::Result<Job> {
        self.change("closing a job", audit, move |tx| {
            let job = stuck(tx, id)?;
            let Closing { note, records } = closing;
            set_state(tx, id, JobState::Closed, Some(&closing_error(&job, &note)))?;
            outcome::closed(&job, records).map_or(Ok(()), |effect| apply(tx, &effect))?;
            required(tx, id)
        })
        .await
    }
}

/// Applies what follows for a request from the end of one of its jobs.
fn settle(tx: &Transaction<'_>, id: &RequestId, error: Option<&str>) -> Result<()> {
    // Most ends leave other jobs open. This query spares them the list of all jobs, from which the same would follow.
    let open = "SELECT 1 FROM job WHERE request = ?1 AND state IN ('queued', 'running', 'undoing')";
    if exists(tx, open, [id.as_str()])? {
        return Ok(());
    }
    let jobs = all(
        tx,
        "SELECT subject_kind = 'request' AS starts, title, state, error FROM job WHERE request = ?1 ORDER BY id",
        [id.as_str()],
        |row| {
            Ok(JobOfRequest {
                starts: row.value("starts")?,
                title: row.value("title")?,
                state: row.parsed("state")?,
                error: row.value("error")?,
            })
        },
    )?;
    let effects = outcome::settled(id, request::state(tx, id)?, &jobs, error);
    effects.iter().try_for_each(|effect| apply(tx, effect))
}

/// A job that is stuck, on whose machine no other job works.
fn stuck(tx: &Transaction<'_>, id: JobId) -> Result<Job> {
    let job = required(tx, id)?;
    let other = job.vm.map(|vm| open_on_vm(tx, vm)).transpose()?.flatten();
    outcome::require_stuck(&job, other.as_ref())?;
    Ok(job)
}

/// Returns whether the records have what a job works on.
fn is_there(tx: &Transaction<'_>, subject: &Subject) -> Result<bool> {
    let table = subject.word();
    let id = if matches!(subject, Subject::Request(_)) { "?1" } else { "CAST(?1 AS INTEGER)" };
    exists(tx, &format!("SELECT 1 FROM {table} WHERE id = {id}"), [subject.id()])
}
