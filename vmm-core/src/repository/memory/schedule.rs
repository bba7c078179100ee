//! Schedules of scripts, and what became of their moments.

use std::time::Duration;

use async_trait::async_trait;

use super::record::schedule::{of_schedule, remove_if};
use super::record::{script, user};
use super::state::State;
use super::store::Store;
use super::table::page;
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Firing, FiringOf, FiringState, NewSchedule, RunId, Schedule, ScheduleFilter, ScheduleId, Timestamp,
    When,
};
use crate::repository::rules::{now, stored};
use crate::repository::{KEPT_FIRINGS, MOST_SCHEDULES, ScheduleRepository, refusal};

#[async_trait]
impl ScheduleRepository for Store {
    async fn create(&self, schedule: NewSchedule, audit: AuditEntry) -> Result<Schedule> {
        self.change(&audit, |state| insert(state, schedule))
    }

    async fn by_id(&self, id: ScheduleId) -> Result<Option<Schedule>> {
        Ok(self.read(|state| shown(state, state.schedules.get(&id)?)))
    }

    async fn list(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>> {
        let ScheduleFilter { script, after, limit } = filter;
        Ok(self.read(|state| {
            let all = state.schedules.values().filter(|schedule| after.is_none_or(|after| schedule.id > after));
            let of_script = |schedule: &Schedule| {
                script.as_ref().is_none_or(|script| script::is_same(&schedule.script_name, script))
            };
            page(all.filter_map(|schedule| shown(state, schedule)).filter(of_script), *limit)
        }))
    }

    async fn due(&self, now: Timestamp) -> Result<Vec<Schedule>> {
        let now = stored(now);
        let mut due: Vec<_> = self.read(|state| {
            let due = state.schedules.values().filter(|schedule| schedule.next_at.is_some_and(|next| next <= now));
            due.filter_map(|schedule| shown(state, schedule)).collect()
        });
        due.sort_by_key(|schedule| (schedule.next_at, schedule.id));
        Ok(due)
    }

    async fn set_next(&self, id: ScheduleId, next_at: Option<Timestamp>, audit: AuditEntry) -> Result<Schedule> {
        self.change(&audit, |state| {
            if let Some(schedule) = state.schedules.get_mut(&id) {
                (schedule.enabled, schedule.next_at) = (next_at.is_some(), next_at.map(stored));
            }
            required(state, id)
        })
    }

    async fn pass(
        &self,
        id: ScheduleId,
        due_at: Timestamp,
        firing: Firing,
        next_at: Option<Timestamp>,
    ) -> Result<bool> {
        self.write(|state| {
            let passed = go_on(state, &FiringOf { schedule: id, due_at, next_at });
            if passed {
                record(state, id, firing);
            }
            Ok(passed)
        })
    }

    async fn firings(&self, id: ScheduleId) -> Result<Vec<Firing>> {
        Ok(self.read(|state| of_schedule(state, id).rev().map(|(_, firing)| firing.clone()).collect()))
    }

    async fn delete(&self, id: ScheduleId, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let removed = remove_if(state, |schedule| schedule.id == id);
            if removed { Ok(()) } else { Err(Error::not_found(Kind::Schedule, id)) }
        })
    }
}

/// Records that a run is for a moment of a schedule.
pub(super) fn fired(state: &mut State, of: &FiringOf, run: RunId) -> Result<()> {
    if !go_on(state, of) {
        return Err(refusal::not_due(of));
    }
    let FiringOf { schedule, due_at, .. } = *of;
    let (run, state_of) = (Some(run), FiringState::Fired);
    let firing = Firing { due_at, last_due_at: due_at, times: 1, state: state_of, run, reason: None };
    record(state, schedule, firing);
    Ok(())
}

/// Sets the next moment of a schedule whose next one is this; returns whether it is.
fn go_on(state: &mut State, of: &FiringOf) -> bool {
    let schedule = state.schedules.get_mut(&of.schedule);
    match schedule.filter(|schedule| schedule.next_at == Some(stored(of.due_at))) {
        Some(schedule) => {
            schedule.next_at = of.next_at.map(stored);
            true
        }
        None => false,
    }
}

fn record(state: &mut State, id: ScheduleId, firing: Firing) {
    let (due_at, last_due_at) = (stored(firing.due_at), stored(firing.last_due_at));
    state.firings.insert((id, due_at), Firing { due_at, last_due_at, ..firing });
    let old: Vec<_> = of_schedule(state, id).rev().skip(KEPT_FIRINGS as usize).map(|(key, _)| *key).collect();
    state.firings.remove_all(&old);
}

fn insert(state: &mut State, new: NewSchedule) -> Result<Schedule> {
    let script = script::required(state, new.script)?;
    let made_by = user::required(state, new.made_by)?.clone();
    if state.schedules.keys_of(|schedule| schedule.script == script.id).len() >= MOST_SCHEDULES as usize {
        return Err(refusal::too_many_schedules(script.name));
    }
    let id = ScheduleId(state.schedules.next_id());
    let schedule = Schedule {
        id,
        script: script.id,
        script_name: script.name,
        owner: script.owner,
        made_by: made_by.id,
        made_by_name: made_by.name,
        when: match new.when {
            When::At(at) => When::At(stored(at)),
            When::Cron(cron) => When::Cron(cron),
        },
        targets: new.targets,
        arguments: Some(new.arguments),
        timeout: new.timeout.map(|timeout| Duration::from_secs(timeout.as_secs())),
        at_once: new.at_once,
        enabled: true,
        next_at: Some(stored(new.next_at)),
        created_at: now(),
    };
    state.schedules.insert(id, schedule);
    required(state, id)
}

fn required(state: &State, id: ScheduleId) -> Result<Schedule> {
    let found = state.schedules.get(&id).and_then(|schedule| shown(state, schedule));
    found.ok_or_else(|| Error::not_found(Kind::Schedule, id))
}

/// Returns a schedule with what its script and its maker are named now.
fn shown(state: &State, schedule: &Schedule) -> Option<Schedule> {
    let script = &state.scripts.get(&schedule.script.0)?.script;
    let made_by_name = user::by_id(state, schedule.made_by)?.name.clone();
    Some(Schedule { script_name: script.name.clone(), owner: script.owner, made_by_name, ..schedule.clone() })
}
