//! Begins the runs of schedules whose moment has come.
//!
//! For the holder of the worker's lease, and right without it: a run, what became of the moment, and the next moment
//! are one transaction, which fails if another process has moved the schedule on. So each moment fires once.

use chrono::Utc;
use tracing::warn;

use crate::crash;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::model::{Due, Firing, FiringOf, FiringState, Schedule, Timestamp};
use crate::policy::Actor;
use crate::{RunDraft, RunTerms};

/// Fires what is due.
pub(crate) async fn fire_schedules(vmm: &Vmm, desk: &Desk) -> Result<()> {
    for schedule in desk.repository().schedules().due(Utc::now()).await? {
        if let Err(error) = fire(vmm, desk, &schedule, Utc::now()).await {
            warn!(schedule = %schedule.id, %error, "a schedule could not fire; it is tried again");
        }
    }
    Ok(())
}

async fn fire(vmm: &Vmm, desk: &Desk, schedule: &Schedule, now: Timestamp) -> Result<()> {
    let schedules = desk.repository().schedules();
    let Some(first) = schedule.next_at else { return Ok(()) };
    crash::point("schedule", "fire", "due").await;
    let Due { missed, fires, next } = schedule.when.due(first, now);
    if let Some(missed) = missed {
        warn!(schedule = %schedule.id, times = missed.times, since = %missed.first, "a schedule was missed");
        if !schedules.pass(schedule.id, first, Firing::missed(missed), fires.or(next)).await? {
            return Ok(());
        }
        crash::point("schedule", "fire", "missed").await;
    }
    let Some(due_at) = fires else { return Ok(()) };
    let (state, reason) = match run_before(desk, schedule).await? {
        Some(reason) => (FiringState::Missed, reason),
        None => match begin(vmm, desk, schedule, FiringOf { schedule: schedule.id, due_at, next_at: next }).await {
            Ok(()) => {
                crash::point("schedule", "fire", "begun").await;
                return Ok(());
            }
            Err(error) => (FiringState::Failed, error.to_string()),
        },
    };
    warn!(schedule = %schedule.id, %reason, "a schedule began no run");
    crash::point("schedule", "fire", "refused").await;
    // If the moment is not the next one, another process has fired it.
    schedules.pass(schedule.id, due_at, Firing::without_run(due_at, state, reason), next).await.map(drop)
}

/// That the run before has not ended, in words.
async fn run_before(desk: &Desk, schedule: &Schedule) -> Result<Option<String>> {
    let firings = desk.repository().schedules().firings(schedule.id).await?;
    let Some(run) = firings.iter().find_map(|firing| firing.run) else { return Ok(None) };
    let run = desk.repository().runs().by_id(run).await?.filter(|run| !run.state.is_final());
    Ok(run.map(|run| format!("run {}, which it began before, had not ended", run.id)))
}

/// Begins the run in the name of who made the schedule, with the rights of that account now.
async fn begin(vmm: &Vmm, desk: &Desk, schedule: &Schedule, firing: FiringOf) -> Result<()> {
    let user = desk.repository().users().by_id(schedule.made_by).await?;
    let user = user.filter(|user| !user.disabled).ok_or_else(|| {
        let reason = "was made by an account that is disabled; enable it, or make the schedule anew";
        Error::conflict(Kind::Schedule, schedule.id, reason)
    })?;
    let draft = RunDraft {
        script: schedule.script_name.clone(),
        version: None,
        targets: schedule.targets.clone(),
        arguments: schedule.arguments.clone().unwrap_or_default(),
        terms: RunTerms { timeout: schedule.timeout, at_once: schedule.at_once, ..RunTerms::default() },
    };
    vmm.run_script_for(&Actor::from(&user), draft, Some(firing)).await.map(drop)
}
