//! Records of jobs and their steps.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::{Error, Result};
use super::super::row::{Columns, all, execute, first};
use super::disk;
use crate::error::{self, Kind};
use crate::model::{DiskId, Job, JobId, JobKind, JobState, JobStep, NewJob, OsId, RequestId, Subject, VmId};
use crate::repository::refusal;
use crate::repository::rules::{now, require_unfinished};

/// Enqueues a job on a subject of this title, which belongs to a request or to none.
pub(in super::super) fn insert(
    tx: &Transaction<'_>,
    new: &NewJob,
    subject: &Subject,
    title: &str,
    request: Option<&RequestId>,
) -> Result<JobId> {
    let NewJob { kind, steps, cancellable, if_done, if_undone } = new;
    let at = now().timestamp_micros();
    let inserted = execute(
        tx,
        "INSERT INTO job (kind, subject_kind, subject, vm, title, request, state, cancellable, if_done, if_undone,
                          created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'queued', ?7, ?8, ?9, ?10, ?10)",
        params![
            kind.as_str(),
            subject.word(),
            subject.id(),
            vm_of(tx, subject)?.map(|id| id.0),
            title,
            request.map(RequestId::as_str),
            cancellable,
            if_done.as_str(),
            if_undone.as_str(),
            at
        ],
    );
    match inserted {
        Err(error) if error.is_taken() => return Err(refusal::another_job(title).into()),
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

/// The machine that a job on this subject changes.
fn vm_of(connection: &Connection, subject: &Subject) -> Result<Option<VmId>> {
    match subject {
        Subject::Vm(id) => Ok(Some(*id)),
        Subject::Disk(id) => disk::required(connection, *id).map(|disk| Some(disk.vm)),
        Subject::Request(_) | Subject::Os(_) => Ok(None),
    }
}

/// The open job that changes this machine.
pub(in super::super) fn open_on_vm(connection: &Connection, vm: VmId) -> Result<Option<Job>> {
    first(connection, "SELECT * FROM job WHERE vm = ?1 AND state IN ('queued', 'running', 'undoing')", [vm.0], |row| {
        job(connection, row)
    })
}

/// The open job on this subject.
pub(in super::super) fn open_on(connection: &Connection, subject: &Subject) -> Result<Option<JobId>> {
    first(
        connection,
        "SELECT id FROM job WHERE subject = ?1 AND subject_kind = ?2 AND state IN ('queued', 'running', 'undoing')",
        [&subject.id(), subject.word()],
        |row| row.value("id").map(JobId),
    )
}

/// The job that could neither make this machine of a request nor undo what it had begun.
pub(in super::super) fn stuck_making(connection: &Connection, vm: VmId) -> Result<Option<JobId>> {
    first(
        connection,
        "SELECT id FROM job
         WHERE subject = ?1 AND subject_kind = 'vm' AND request IS NOT NULL AND state = 'stuck'",
        [vm.to_string()],
        |row| row.value("id").map(JobId),
    )
}

pub(in super::super) fn set_state(tx: &Transaction<'_>, id: JobId, state: JobState, error: Option<&str>) -> Result<()> {
    execute(
        tx,
        "UPDATE job SET state = ?2, error = coalesce(?3, error), changed_at = ?4 WHERE id = ?1",
        params![id.0, state.as_str(), error, now().timestamp_micros()],
    )
    .map(drop)
}

pub(in super::super) fn unfinished(connection: &Connection, id: JobId) -> Result<Job> {
    let job = required(connection, id)?;
    require_unfinished(&job)?;
    Ok(job)
}

pub(in super::super) fn required(connection: &Connection, id: JobId) -> Result<Job> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Job, id).into())
}

pub(in super::super) fn by_id(connection: &Connection, id: JobId) -> Result<Option<Job>> {
    first(connection, "SELECT * FROM job WHERE id = ?1", [id.0], |row| job(connection, row))
}

pub(in super::super) fn job(connection: &Connection, row: &Row<'_>) -> Result<Job> {
    let id = JobId(row.value("id")?);
    Ok(Job {
        id,
        kind: JobKind::from(row.value::<String>("kind")?),
        subject: subject(row)?,
        title: row.value("title")?,
        request: row.parsed_opt("request")?,
        vm: row.value::<Option<_>>("vm")?.map(VmId),
        state: row.parsed("state")?,
        steps: steps(connection, id)?,
        cancellable: row.value("cancellable")?,
        cancel: row.value("cancel")?,
        if_done: row.parsed("if_done")?,
        if_undone: row.parsed("if_undone")?,
        error: row.value("error")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn subject(row: &Row<'_>) -> Result<Subject> {
    let word: String = row.value("subject_kind")?;
    Ok(match word.as_str() {
        "request" => Subject::Request(row.parsed("subject")?),
        "vm" => Subject::Vm(VmId(row.parsed("subject")?)),
        "os" => Subject::Os(OsId(row.parsed("subject")?)),
        "disk" => Subject::Disk(DiskId(row.parsed("subject")?)),
        _ => return Err(Error::corrupt("subject_kind", word)),
    })
}

fn steps(connection: &Connection, id: JobId) -> Result<Vec<JobStep>> {
    all(connection, "SELECT * FROM job_step WHERE job = ?1 ORDER BY position", [id.0], |row| {
        Ok(JobStep { name: row.value("name")?, state: row.parsed("state")?, changed_at: row.time("changed_at")? })
    })
}
