//! Runs of scripts.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::Result;
use super::list::List;
use super::record::script;
use super::row::{Columns, all, execute, exists, first, integer};
use super::schedule;
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, Exit, NewRun, Run, RunEnd, RunFilter, RunId, RunMachine, RunOutput, RunState, ScriptId, Stream,
    Timestamp, UserId, VmId,
};
use crate::repository::rules::{BROKEN_OFF, CANCELLED, MachineEnd, NEVER_BEGAN, now};
use crate::repository::{RunRepository, refusal};

const SELECT: &str = "SELECT *, (SELECT count(*) FROM run_vm WHERE run = id) AS machines,
        (SELECT count(*) FROM run_vm WHERE run = id AND run_vm.state NOT IN ('queued', 'running')) AS ended
    FROM run";

#[async_trait]
impl RunRepository for Store {
    async fn create(&self, run: NewRun, alive_until: Timestamp, audit: AuditEntry) -> error::Result<Run> {
        self.change("recording a run", audit, move |tx| insert(tx, &run, alive_until)).await
    }

    async fn by_id(&self, id: RunId) -> error::Result<Option<Run>> {
        self.read("reading a run", move |connection| by_id(connection, id)).await
    }

    async fn machines(&self, id: RunId) -> error::Result<Vec<RunMachine>> {
        self.read("reading a run's machines", move |connection| {
            all(connection, "SELECT * FROM run_vm WHERE run = ?1 ORDER BY position", [id.0], machine)
        })
        .await
    }

    async fn list(&self, filter: &RunFilter) -> error::Result<Vec<Run>> {
        let RunFilter { script, state, before, limit } = filter.clone();
        self.read("listing runs", move |connection| {
            List::of(SELECT)
                .only("script_name = ?", script.map(|name| name.to_string()))
                .only("state = ?", state.map(|state| state.as_str().to_owned()))
                .only("id < ?", before.map(|id| id.0))
                .read(connection, "id DESC", limit, run)
        })
        .await
    }

    async fn begin(&self, id: RunId, position: usize) -> error::Result<bool> {
        self.write("recording a machine's beginning", move |tx| {
            let sql = "UPDATE run_vm SET state = 'running' WHERE run = ?1 AND position = ?2 AND state = 'queued'";
            let begun = execute(tx, sql, params![id.0, place(position)])? > 0;
            if begun {
                settle(tx, id)?;
            }
            Ok(begun)
        })
        .await
    }

    async fn finish(&self, id: RunId, position: usize, end: RunEnd) -> error::Result<()> {
        self.write("recording a machine's end", move |tx| {
            if finish(tx, id, position, &end.into())? == 0 {
                return Err(refusal::machine_not_running(id, position).into());
            }
            settle(tx, id)
        })
        .await
    }

    async fn keep(&self, ids: Vec<RunId>, alive_until: Timestamp) -> error::Result<Vec<RunId>> {
        self.write("keeping runs alive", move |tx| {
            let mut cancelled = Vec::new();
            for id in ids {
                let sql = "UPDATE run SET alive_until = ?2 WHERE id = ?1";
                execute(tx, sql, params![id.0, alive_until.timestamp_micros()])?;
                if exists(tx, "SELECT 1 FROM run WHERE id = ?1 AND cancel", [id.0])? {
                    cancelled.push(id);
                }
            }
            Ok(cancelled)
        })
        .await
    }

    async fn interrupt(&self, id: RunId) -> error::Result<()> {
        self.write("interrupting a run", move |tx| interrupt(tx, id)).await
    }

    async fn interrupt_lost(&self, now: Timestamp) -> error::Result<Vec<RunId>> {
        // Nearly always there is none, which should cost no write.
        let now = now.timestamp_micros();
        if self.read("looking for lost runs", move |connection| lost(connection, now)).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write("interrupting lost runs", move |tx| {
            let lost = lost(tx, now)?;
            lost.iter().try_for_each(|id| interrupt(tx, *id))?;
            Ok(lost)
        })
        .await
    }

    async fn forget(&self, ended_before: Timestamp, keep: u32) -> error::Result<usize> {
        let before = ended_before.timestamp_micros();
        // Nearly always there is none, which should cost no write.
        if self.read("looking for old runs", move |connection| old(connection, before, keep)).await?.is_empty() {
            return Ok(0);
        }
        self.write("forgetting old runs", move |tx| {
            let old = old(tx, before, keep)?;
            for id in &old {
                execute(tx, "DELETE FROM run WHERE id = ?1", [id.0])?;
            }
            script::forget_contents(tx)?;
            Ok(old.len())
        })
        .await
    }

    async fn cancel(&self, id: RunId, audit: AuditEntry) -> error::Result<Run> {
        self.change("cancelling a run", audit, move |tx| {
            let run = required(tx, id)?;
            if run.state.is_final() {
                return Err(refusal::run_over(&run).into());
            }
            cancel(tx, id)?;
            required(tx, id)
        })
        .await
    }
}

fn insert(tx: &Transaction<'_>, new: &NewRun, alive_until: Timestamp) -> Result<Run> {
    let at = now().timestamp_micros();
    execute(
        tx,
        "INSERT INTO run (script, script_name, file, command, version, sha256, arguments, user, user_name, login,
                          timeout, at_once, rerun_of, state, alive_until, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'queued', ?14, ?15, ?15)",
        params![
            new.script.to_string(),
            new.script_name.as_str(),
            new.file.as_str(),
            new.command.to_string(),
            new.version,
            script::remember(tx, &new.content)?,
            script::listed_arguments(&new.arguments),
            new.user.map(|id| id.0),
            new.user_name,
            new.login,
            integer("timeout", new.timeout.as_secs())?,
            new.at_once,
            new.rerun_of.map(|id| id.0),
            alive_until.timestamp_micros(),
            at,
        ],
    )?;
    let id = RunId(tx.last_insert_rowid());
    for (position, (vm, name)) in new.machines.iter().enumerate() {
        execute(
            tx,
            "INSERT INTO run_vm (run, position, vm, name, state) VALUES (?1, ?2, ?3, ?4, 'queued')",
            params![id.0, place(position), vm.0, name.as_str()],
        )?;
    }
    if let Some(firing) = &new.firing {
        schedule::fired(tx, firing, id)?;
    }
    required(tx, id)
}

/// The runs that ended before a moment, and those of each script beyond the newest.
fn old(connection: &Connection, before: i64, keep: u32) -> Result<Vec<RunId>> {
    let sql = "SELECT id FROM
            (SELECT id, changed_at, row_number() OVER (PARTITION BY script_name ORDER BY id DESC) AS place
             FROM run WHERE state NOT IN ('queued', 'running'))
        WHERE changed_at < ?1 OR place > ?2";
    all(connection, sql, params![before, keep], |row| row.value("id").map(RunId))
}

fn finish(tx: &Transaction<'_>, id: RunId, position: usize, end: &MachineEnd) -> Result<usize> {
    let MachineEnd { state, exit, output, duration, error } = end;
    let streams = output.as_ref().map(|output| (&output.stdout, &output.stderr));
    let (exit_code, signal) = match exit {
        Some(Exit::Code(code)) => (Some(*code), None),
        Some(Exit::Signal(name)) => (None, Some(name)),
        None => (None, None),
    };
    let total = |stream: &Stream| integer("output", stream.total);
    execute(
        tx,
        "UPDATE run_vm SET state = ?3, exit_code = ?4, signal = ?5, stdout = ?6, stdout_total = ?7, stderr = ?8,
                           stderr_total = ?9, duration = ?10, error = ?11
         WHERE run = ?1 AND position = ?2 AND state = 'running'",
        params![
            id.0,
            place(position),
            state.as_str(),
            exit_code,
            signal,
            streams.map(|(stdout, _)| &stdout.bytes),
            streams.map(|(stdout, _)| total(stdout)).transpose()?,
            streams.map(|(_, stderr)| &stderr.bytes),
            streams.map(|(_, stderr)| total(stderr)).transpose()?,
            duration.map(|duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)),
            error,
        ],
    )
}

fn interrupt(tx: &Transaction<'_>, id: RunId) -> Result<()> {
    let changed = execute(
        tx,
        "UPDATE run_vm SET error = CASE state WHEN 'queued' THEN ?2 ELSE ?3 END, state = 'interrupted'
         WHERE run = ?1 AND state IN ('queued', 'running')",
        params![id.0, NEVER_BEGAN, BROKEN_OFF],
    )?;
    if changed > 0 { settle(tx, id) } else { Ok(()) }
}

fn lost(connection: &Connection, now: i64) -> Result<Vec<RunId>> {
    let sql = "SELECT id FROM run WHERE state IN ('queued', 'running') AND alive_until <= ?1 ORDER BY id";
    all(connection, sql, [now], |row| row.value("id").map(RunId))
}

/// Has a run that has not ended end early: machines that wait never begin.
pub(super) fn cancel(tx: &Transaction<'_>, id: RunId) -> Result<()> {
    execute(tx, "UPDATE run SET cancel = 1 WHERE id = ?1", [id.0])?;
    let sql = "UPDATE run_vm SET state = 'cancelled', error = ?2 WHERE run = ?1 AND state = 'queued'";
    execute(tx, sql, params![id.0, CANCELLED])?;
    settle(tx, id)
}

/// Gives a run the state that follows from its machines'.
fn settle(tx: &Transaction<'_>, id: RunId) -> Result<()> {
    let states: Vec<RunState> =
        all(tx, "SELECT DISTINCT state FROM run_vm WHERE run = ?1", [id.0], |row| row.parsed("state"))?;
    execute(
        tx,
        "UPDATE run SET state = ?2, changed_at = ?3 WHERE id = ?1",
        params![id.0, RunState::of(&states).as_str(), now().timestamp_micros()],
    )
    .map(drop)
}

fn place(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn required(connection: &Connection, id: RunId) -> Result<Run> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Run, id).into())
}

fn by_id(connection: &Connection, id: RunId) -> Result<Option<Run>> {
    first(connection, &format!("{SELECT} WHERE id = ?1"), [id.0], run)
}

fn run(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: RunId(row.value("id")?),
        script: row.parsed_opt("script")?.map(ScriptId),
        script_name: row.parsed("script_name")?,
        file: row.parsed("file")?,
        command: row.parsed("command")?,
        version: row.value("version")?,
        sha256: row.value("sha256")?,
        arguments: Some(script::arguments(row)?),
        user: row.value::<Option<i64>>("user")?.map(UserId),
        user_name: row.value("user_name")?,
        login: row.value("login")?,
        timeout: Duration::from_secs(row.size("timeout")?),
        at_once: row.value("at_once")?,
        rerun_of: row.value::<Option<i64>>("rerun_of")?.map(RunId),
        state: row.parsed("state")?,
        cancel: row.value("cancel")?,
        machines: row.value("machines")?,
        ended: row.value("ended")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn machine(row: &Row<'_>) -> Result<RunMachine> {
    let code: Option<i32> = row.value("exit_code")?;
    let exit = code.map(Exit::Code).or(row.value::<Option<String>>("signal")?.map(Exit::Signal));
    let stream = |bytes, total| -> Result<Option<Stream>> {
        let bytes: Option<Vec<u8>> = row.value(bytes)?;
        bytes.map(|bytes| Ok(Stream { bytes, total: row.size(total)? })).transpose()
    };
    let streams = stream("stdout", "stdout_total")?.zip(stream("stderr", "stderr_total")?);
    let output = streams.map(|(stdout, stderr)| RunOutput { stdout, stderr });
    let duration: Option<i64> = row.value("duration")?;
    Ok(RunMachine {
        vm: VmId(row.value("vm")?),
        name: row.parsed("name")?,
        state: row.parsed("state")?,
        exit,
        duration: duration.map(|micros| Duration::from_micros(micros.unsigned_abs())),
        error: row.value("error")?,
        output,
    })
}
