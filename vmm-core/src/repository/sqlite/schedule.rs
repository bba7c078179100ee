//! Schedules of scripts, and what became of their moments.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::{Error, Result};
use super::list::List;
use super::record::script;
use super::row::{Columns, all, execute, first, integer};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, CronExpression, Firing, FiringOf, FiringState, NewSchedule, RunId, Schedule, ScheduleFilter,
    ScheduleId, ScriptId, Timestamp, UserId, When,
};
use crate::repository::rules::now;
use crate::repository::{KEPT_FIRINGS, MOST_SCHEDULES, ScheduleRepository, refusal};

const SELECT: &str = "SELECT schedule.*, script.name AS script_name, script.owner AS owner, user.name AS made_by_name
    FROM schedule JOIN script ON script.id = schedule.script JOIN user ON user.id = schedule.made_by";

#[async_trait]
impl ScheduleRepository for Store {
    async fn create(&self, schedule: NewSchedule, audit: AuditEntry) -> error::Result<Schedule> {
        self.change("making a schedule", audit, move |tx| insert(tx, &schedule)).await
    }

    async fn by_id(&self, id: ScheduleId) -> error::Result<Option<Schedule>> {
        self.read("reading a schedule", move |connection| by_id(connection, id)).await
    }

    async fn list(&self, filter: &ScheduleFilter) -> error::Result<Vec<Schedule>> {
        let ScheduleFilter { script, after, limit } = filter.clone();
        self.read("listing schedules", move |connection| {
            List::of(SELECT)
                .only("script.name = ?", script.map(|name| name.to_string()))
                .only("schedule.id > ?", after.map(|id| id.0))
                .read(connection, "schedule.id", limit, schedule)
        })
        .await
    }

    async fn due(&self, now: Timestamp) -> error::Result<Vec<Schedule>> {
        self.read("looking for due schedules", move |connection| {
            let sql = format!("{SELECT} WHERE next_at <= ?1 ORDER BY next_at, schedule.id");
            all(connection, &sql, [now.timestamp_micros()], schedule)
        })
        .await
    }

    async fn set_next(&self, id: ScheduleId, next_at: Option<Timestamp>, audit: AuditEntry) -> error::Result<Schedule> {
        self.change("changing a schedule", audit, move |tx| {
            let sql = "UPDATE schedule SET enabled = ?2 IS NOT NULL, next_at = ?2 WHERE id = ?1";
            execute(tx, sql, params![id.0, micros(next_at)])?;
            required(tx, id)
        })
        .await
    }

    async fn pass(
        &self,
        id: ScheduleId,
        due_at: Timestamp,
        firing: Firing,
        next_at: Option<Timestamp>,
    ) -> error::Result<bool> {
        self.write("recording what became of a schedule", move |tx| {
            let of = FiringOf { schedule: id, due_at, next_at };
            if !go_on(tx, &of)? {
                return Ok(false);
            }
            record(tx, id, &firing)?;
            Ok(true)
        })
        .await
    }

    async fn firings(&self, id: ScheduleId) -> error::Result<Vec<Firing>> {
        self.read("reading what became of a schedule", move |connection| {
            all(connection, "SELECT * FROM firing WHERE schedule = ?1 ORDER BY due_at DESC", [id.0], firing)
        })
        .await
    }

    async fn delete(&self, id: ScheduleId, audit: AuditEntry) -> error::Result<()> {
        self.change("removing a schedule", audit, move |tx| {
            match execute(tx, "DELETE FROM schedule WHERE id = ?1", [id.0])? {
                0 => Err(error::Error::not_found(Kind::Schedule, id).into()),
                _ => Ok(()),
            }
        })
        .await
    }
}

/// Records that a run is for a moment of a schedule.
pub(super) fn fired(tx: &Transaction<'_>, of: &FiringOf, run: RunId) -> Result<()> {
    if !go_on(tx, of)? {
        return Err(refusal::not_due(of).into());
    }
    let FiringOf { schedule, due_at, .. } = of;
    let (run, state) = (Some(run), FiringState::Fired);
    let firing = Firing { due_at: *due_at, last_due_at: *due_at, times: 1, state, run, reason: None };
    record(tx, *schedule, &firing)
}

/// Sets the next moment of a schedule whose next one is this; gives whether it is.
fn go_on(tx: &Transaction<'_>, of: &FiringOf) -> Result<bool> {
    let FiringOf { schedule, due_at, next_at } = of;
    let sql = "UPDATE schedule SET next_at = ?3 WHERE id = ?1 AND next_at = ?2";
    Ok(execute(tx, sql, params![schedule.0, due_at.timestamp_micros(), micros(*next_at)])? > 0)
}

fn record(tx: &Transaction<'_>, id: ScheduleId, firing: &Firing) -> Result<()> {
    execute(
        tx,
        "INSERT INTO firing (schedule, due_at, last_due_at, times, state, run, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.0,
            firing.due_at.timestamp_micros(),
            firing.last_due_at.timestamp_micros(),
            firing.times,
            firing.state.as_str(),
            firing.run.map(|run| run.0),
            firing.reason,
        ],
    )?;
    let sql = "DELETE FROM firing WHERE schedule = ?1 AND due_at NOT IN
               (SELECT due_at FROM firing WHERE schedule = ?1 ORDER BY due_at DESC LIMIT ?2)";
    execute(tx, sql, params![id.0, KEPT_FIRINGS]).map(drop)
}

fn insert(tx: &Transaction<'_>, new: &NewSchedule) -> Result<Schedule> {
    let script = script::required(tx, new.script)?;
    let sql = "SELECT count(*) AS count FROM schedule WHERE script = ?1";
    let present = first(tx, sql, [new.script.to_string()], |row| row.value::<u32>("count"))?;
    if present >= Some(MOST_SCHEDULES) {
        return Err(refusal::too_many_schedules(script.name).into());
    }
    let (at, cron, time_zone) = match &new.when {
        When::At(at) => (Some(at.timestamp_micros()), None, None),
        When::Cron(cron) => (None, Some(cron.to_string()), Some(cron.time_zone())),
    };
    execute(
        tx,
        "INSERT INTO schedule (script, made_by, at, cron, time_zone, vm, arguments, timeout, at_once, next_at, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            new.script.to_string(),
            new.made_by.0,
            at,
            cron,
            time_zone,
            new.targets.as_ref().map(|targets| script::listed(targets)),
            script::listed_arguments(&new.arguments),
            new.timeout.map(|timeout| integer("timeout", timeout.as_secs())).transpose()?,
            new.at_once,
            new.next_at.timestamp_micros(),
            now().timestamp_micros(),
        ],
    )?;
    required(tx, ScheduleId(tx.last_insert_rowid()))
}

fn micros(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_micros())
}

fn required(connection: &Connection, id: ScheduleId) -> Result<Schedule> {
    by_id(connection, id)?.ok_or_else(|| error::Error::not_found(Kind::Schedule, id).into())
}

fn by_id(connection: &Connection, id: ScheduleId) -> Result<Option<Schedule>> {
    first(connection, &format!("{SELECT} WHERE schedule.id = ?1"), [id.0], schedule)
}

fn cron(row: &Row<'_>) -> Result<CronExpression> {
    let (text, time_zone): (String, String) = (row.value("cron")?, row.value("time_zone")?);
    CronExpression::new(&text, Some(&time_zone)).map_err(|source| Error::corrupt("cron", source))
}

fn schedule(row: &Row<'_>) -> Result<Schedule> {
    let when = match row.time_opt("at")? {
        Some(at) => When::At(at),
        None => When::Cron(cron(row)?),
    };
    let seconds = |seconds: i64| u64::try_from(seconds).map_err(|source| Error::corrupt("timeout", source));
    Ok(Schedule {
        id: ScheduleId(row.value("id")?),
        script: ScriptId(row.parsed("script")?),
        script_name: row.parsed("script_name")?,
        owner: UserId(row.value("owner")?),
        made_by: UserId(row.value("made_by")?),
        made_by_name: row.parsed("made_by_name")?,
        when,
        targets: row.value::<Option<String>>("vm")?.map(|names| script::targets(&names)).transpose()?,
        arguments: Some(script::arguments(row)?),
        timeout: row.value::<Option<i64>>("timeout")?.map(seconds).transpose()?.map(Duration::from_secs),
        at_once: row.value("at_once")?,
        enabled: row.value("enabled")?,
        next_at: row.time_opt("next_at")?,
        created_at: row.time("created_at")?,
    })
}

fn firing(row: &Row<'_>) -> Result<Firing> {
    Ok(Firing {
        due_at: row.time("due_at")?,
        last_due_at: row.time("last_due_at")?,
        times: row.value("times")?,
        state: row.parsed("state")?,
        run: row.value::<Option<i64>>("run")?.map(RunId),
        reason: row.value("reason")?,
    })
}
