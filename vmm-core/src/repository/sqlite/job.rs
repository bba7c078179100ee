//! Long operations.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};
use uuid::Uuid;

use super::error::{Error, Result};
use super::list::List;
use super::row::{Columns, all, execute, exists, first, now};
use super::store::Store;
use super::{disk, request, vm};
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, ClosedRecords, Closing, DiskId, Job, JobFilter, JobId, JobKind, JobState, JobStep, NewJob, OsId,
    RequestId, StepState, Timestamp, VmId,
};
use crate::repository::JobRepository;

#[async_trait]
impl JobRepository for Store {
    async fn lease(&self, owner: Uuid, now: Timestamp, ttl: Duration) -> error::Result<bool> {
        self.write("taking the worker's lease", move |tx| {
            let until = chrono::Duration::from_std(ttl).ok().and_then(|ttl| now.checked_add_signed(ttl));
            let until = until.ok_or_else(|| error::Error::invalid("ttl", "is too long"))?;
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
                return Err(error::Error::not_found(Kind::Job, format!("{id} step {step}")).into());
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
                return Err(error::Error::invalid("state", format!("{state} is not the end of a job")).into());
            }
            if required(tx, id)?.state == state {
                return Ok(());
            }
            let job = unfinished(tx, id)?;
            set_state(tx, id, state, error.as_deref())?;
            follow(tx, &job, state, error.as_deref())
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
            refuse_without_subject(tx, &job)?;
            let (state, error) = match job.goes_backward() {
                true => (JobState::Undoing, job.error),
                false => (JobState::Queued, None),
            };
            execute(
                tx,
                "UPDATE job SET state = ?2, error = ?3, changed_at = ?4 WHERE id = ?1",
                params![id.0, state.as_str(), error, now().timestamp_micros()],
            )?;
            if let (JobKind::CreateVm(_), JobState::Queued, Some(request)) = (&job.kind, state, &job.request) {
                request::run_again(tx, request, actor)?;
            }
            required(tx, id)
        })
        .await
    }

    async fn close(&self, id: JobId, closing: Closing, audit: AuditEntry) -> error::Result<Job> {
        self.change("closing a job", audit, move |tx| {
            let job = stuck(tx, id)?;
            let Closing { note, records } = closing;
            let error = job.error.map(|error| format!("{error}; ")).unwrap_or_default();
            set_state(tx, id, JobState::Closed, Some(&format!("{error}closed: {note}")))?;
            match (records, job.vm, &job.kind) {
                (ClosedRecords::Machine(state), Some(vm), _) => vm::set_state(tx, vm, state)?,
                (ClosedRecords::NoMachine, Some(vm), _) => vm::remove(tx, vm)?,
                (
                    ClosedRecords::Disk(size),
                    _,
                    JobKind::AddDisk(disk) | JobKind::GrowDisk(disk) | JobKind::DeleteDisk(disk),
                ) => {
                    disk::set_size(tx, *disk, size)?;
                }
                (ClosedRecords::NoDisk, _, JobKind::AddDisk(disk) | JobKind::DeleteDisk(disk)) => {
                    disk::remove(tx, *disk)?;
                }
                _ => {}
            }
            required(tx, id)
        })
        .await
    }
}

/// A job that is stuck, on whose machine no other job works.
fn stuck(tx: &Transaction<'_>, id: JobId) -> Result<Job> {
    let job = required(tx, id)?;
    if job.state != JobState::Stuck {
        return Err(error::Error::conflict(Kind::Job, id, format!("it is {}, not stuck", job.state)).into());
    }
    if let Some(other) = job.vm.map(|vm| open_on_vm(tx, vm)).transpose()?.flatten() {
        let reason = format!("job {} ({}) works on its machine; wait for it", other.id, other.kind.word());
        return Err(error::Error::conflict(Kind::Job, id, reason).into());
    }
    Ok(job)
}

/// Refuses a job that has nothing to work on any more.
fn refuse_without_subject(tx: &Transaction<'_>, job: &Job) -> Result<()> {
    let table = match &job.kind {
        JobKind::StartRequest(_) => {
            let reason = "its request has failed with it; close the job and submit the request again";
            return Err(error::Error::conflict(Kind::Job, job.id, reason).into());
        }
        JobKind::CreateVm(_) | JobKind::DeleteVm(_) | JobKind::AdoptVm(_) | JobKind::ReleaseVm(_) => "vm",
        JobKind::ImportOs(_) => "os",
        JobKind::AddDisk(_) | JobKind::GrowDisk(_) | JobKind::DeleteDisk(_) => "disk",
    };
    let sql = format!("SELECT 1 FROM {table} WHERE id = CAST(?1 AS INTEGER)");
    if exists(tx, &sql, [job.kind.subject()])? {
        return Ok(());
    }
    let reason = "what it works on is gone from the records; close the job";
    Err(error::Error::conflict(Kind::Job, job.id, reason).into())
}

/// Enqueues a job.
pub(super) fn insert(tx: &Transaction<'_>, new: &NewJob) -> Result<JobId> {
    let NewJob { kind, title, request, steps } = new;
    let request = if let JobKind::StartRequest(id) = kind { Some(id) } else { request.as_ref() };
    let at = now().timestamp_micros();
    let inserted = execute(
        tx,
        "INSERT INTO job (kind, subject, vm, title, request, state, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 'queued', ?6, ?6)",
        params![
            kind.word(),
            kind.subject(),
            vm_of(tx, kind)?.map(|id| id.0),
            title,
            request.map(RequestId::as_str),
            at
        ],
    );
    match inserted {
        Err(error) if error.is_taken() => {
            return Err(error::Error::conflict(Kind::Vm, title, "another job works on it already").into());
        }
        result => result?,
    };
    let id = JobId(tx.last_insert_rowid());
    for (position, name) in (0_u32..).zip(steps) {
        execute(
            tx,
            "INSERT INTO job_step (job, position, name, state, changed_at) VALUES (?1, ?2, ?3, 'waiting', ?4)",
            params![id.0, position, name, at],
        )?;
    }
    Ok(id)
}

/// The machine that a job of this kind changes.
fn vm_of(connection: &Connection, kind: &JobKind) -> Result<Option<VmId>> {
    match kind {
        JobKind::CreateVm(id) | JobKind::DeleteVm(id) | JobKind::AdoptVm(id) | JobKind::ReleaseVm(id) => Ok(Some(*id)),
        JobKind::AddDisk(id) | JobKind::GrowDisk(id) | JobKind::DeleteDisk(id) => {
            disk::required(connection, *id).map(|disk| Some(disk.vm))
        }
        JobKind::StartRequest(_) | JobKind::ImportOs(_) => Ok(None),
    }
}

/// The open job that changes this machine.
pub(super) fn open_on_vm(connection: &Connection, vm: VmId) -> Result<Option<Job>> {
    first(connection, "SELECT * FROM job WHERE vm = ?1 AND state IN ('queued', 'running', 'undoing')", [vm.0], |row| {
        job(connection, row)
    })
}

/// The open job of this kind on this subject.
pub(super) fn open_on(connection: &Connection, kind: &str, subject: &str) -> Result<Option<JobId>> {
    first(
        connection,
        "SELECT id FROM job WHERE subject = ?1 AND kind = ?2 AND state IN ('queued', 'running', 'undoing')",
        [subject, kind],
        |row| row.value("id").map(JobId),
    )
}

/// The job that could neither make this machine nor undo what it had begun.
pub(super) fn stuck_making(connection: &Connection, vm: VmId) -> Result<Option<JobId>> {
    first(
        connection,
        "SELECT id FROM job WHERE subject = ?1 AND kind = 'create-vm' AND state = 'stuck'",
        [vm.to_string()],
        |row| row.value("id").map(JobId),
    )
}

/// Whether a request waits for one of its jobs.
pub(super) fn any_open(connection: &Connection, request: &RequestId) -> Result<bool> {
    exists(
        connection,
        "SELECT 1 FROM job WHERE request = ?1 AND kind IN ('start-request', 'create-vm')
           AND state IN ('queued', 'running', 'undoing')",
        [request.as_str()],
    )
}

/// What each of a request's jobs that were not done says. Jobs of an approval before the last one do not count.
pub(super) fn failures(connection: &Connection, request: &RequestId) -> Result<Vec<String>> {
    all(
        connection,
        "SELECT title, state, error FROM job
         WHERE request = ?1 AND kind IN ('start-request', 'create-vm') AND state <> 'done'
           AND id >= (SELECT coalesce(max(id), 0) FROM job WHERE request = ?1 AND kind = 'start-request')
         ORDER BY id",
        [request.as_str()],
        |row| {
            let (title, state): (String, String) = (row.value("title")?, row.value("state")?);
            let error: Option<String> = row.value("error")?;
            Ok(format!("{title}: {}", error.unwrap_or(state)))
        },
    )
}

/// What follows from a job's end.
fn follow(tx: &Transaction<'_>, job: &Job, state: JobState, error: Option<&str>) -> Result<()> {
    match (&job.kind, state) {
        (JobKind::CreateVm(vm) | JobKind::AdoptVm(vm), JobState::Done) => vm::set_on(tx, *vm)?,
        (JobKind::CreateVm(vm) | JobKind::AdoptVm(vm), JobState::Failed | JobState::Cancelled)
        | (JobKind::DeleteVm(vm) | JobKind::ReleaseVm(vm), JobState::Done) => {
            vm::remove(tx, *vm)?;
        }
        (JobKind::AddDisk(id), JobState::Failed | JobState::Cancelled) | (JobKind::DeleteDisk(id), JobState::Done) => {
            disk::remove(tx, *id)?;
        }
        (JobKind::GrowDisk(id), end) => disk::settle(tx, *id, end == JobState::Done)?,
        _ => {}
    }
    match (&job.kind, &job.request) {
        (JobKind::StartRequest(request), _) | (JobKind::CreateVm(_), Some(request)) => {
            request::settle(tx, request, error.or(job.error.as_deref()))
        }
        _ => Ok(()),
    }
}

fn set_state(tx: &Transaction<'_>, id: JobId, state: JobState, error: Option<&str>) -> Result<()> {
    execute(
        tx,
        "UPDATE job SET state = ?2, error = coalesce(?3, error), changed_at = ?4 WHERE id = ?1",
        params![id.0, state.as_str(), error, now().timestamp_micros()],
    )
    .map(drop)
}

fn unfinished(connection: &Connection, id: JobId) -> Result<Job> {
    let job = required(connection, id)?;
    if job.state.is_final() {
        return Err(error::Error::conflict(Kind::Job, id, format!("it is {} already", job.state)).into());
    }
    Ok(job)
}

fn required(connection: &Connection, id: JobId) -> Result<Job> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Job, id).into())
}

fn by_id(connection: &Connection, id: JobId) -> Result<Option<Job>> {
    first(connection, "SELECT * FROM job WHERE id = ?1", [id.0], |row| job(connection, row))
}

fn job(connection: &Connection, row: &Row<'_>) -> Result<Job> {
    let id = JobId(row.value("id")?);
    Ok(Job {
        id,
        kind: kind(row)?,
        title: row.value("title")?,
        request: row.parsed_opt("request")?,
        vm: row.value::<Option<_>>("vm")?.map(VmId),
        state: row.parsed("state")?,
        steps: steps(connection, id)?,
        cancel: row.value("cancel")?,
        error: row.value("error")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn kind(row: &Row<'_>) -> Result<JobKind> {
    let word: String = row.value("kind")?;
    Ok(match word.as_str() {
        "start-request" => JobKind::StartRequest(row.parsed("subject")?),
        "create-vm" => JobKind::CreateVm(VmId(row.parsed("subject")?)),
        "delete-vm" => JobKind::DeleteVm(VmId(row.parsed("subject")?)),
        "adopt-vm" => JobKind::AdoptVm(VmId(row.parsed("subject")?)),
        "release-vm" => JobKind::ReleaseVm(VmId(row.parsed("subject")?)),
        "import-os" => JobKind::ImportOs(OsId(row.parsed("subject")?)),
        "add-disk" => JobKind::AddDisk(DiskId(row.parsed("subject")?)),
        "grow-disk" => JobKind::GrowDisk(DiskId(row.parsed("subject")?)),
        "delete-disk" => JobKind::DeleteDisk(DiskId(row.parsed("subject")?)),
        _ => return Err(Error::corrupt("kind", word)),
    })
}

fn steps(connection: &Connection, id: JobId) -> Result<Vec<JobStep>> {
    all(connection, "SELECT * FROM job_step WHERE job = ?1 ORDER BY position", [id.0], |row| {
        Ok(JobStep { name: row.value("name")?, state: row.parsed("state")?, changed_at: row.time("changed_at")? })
    })
}
