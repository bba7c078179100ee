//! Runs of scripts.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;

use super::record::script;
use super::schedule;
use super::state::{RunRow, State};
use super::store::Store;
use super::table::{fits, folded, page};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, NewRun, Run, RunEnd, RunFilter, RunId, RunMachine, RunState, ScriptName, Timestamp, VmId, VmName,
};
use crate::repository::rules::{BROKEN_OFF, CANCELLED, MachineEnd, NEVER_BEGAN, now, stored};
use crate::repository::{RunRepository, refusal};

#[async_trait]
impl RunRepository for Store {
    async fn create(&self, run: NewRun, alive_until: Timestamp, audit: AuditEntry) -> Result<Run> {
        self.change(&audit, |state| insert(state, run, stored(alive_until)))
    }

    async fn by_id(&self, id: RunId) -> Result<Option<Run>> {
        Ok(self.read(|state| state.runs.get(&id).map(|row| shown(state, row))))
    }

    async fn machines(&self, id: RunId) -> Result<Vec<RunMachine>> {
        Ok(self.read(|state| of_run(state, id).cloned().collect()))
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        let RunFilter { script, state: in_state, before, limit } = filter;
        let of_script = |name: &ScriptName| script.as_ref().is_none_or(|script| script::is_same(name, script));
        Ok(self.read(|state| {
            let is_wanted = |row: &&RunRow| {
                of_script(&row.run.script_name)
                    && fits(in_state.as_ref(), &row.run.state)
                    && before.is_none_or(|before| row.run.id < before)
            };
            page(state.runs.values().rev().filter(is_wanted).map(|row| shown(state, row)), *limit)
        }))
    }

    async fn begin(&self, id: RunId, position: usize) -> Result<bool> {
        self.write(|state| {
            let machine = state.run_machines.get_mut(&(id, position));
            let Some(machine) = machine.filter(|machine| machine.state == RunState::Queued) else { return Ok(false) };
            machine.state = RunState::Running;
            settle(state, id);
            Ok(true)
        })
    }

    async fn finish(&self, id: RunId, position: usize, end: RunEnd) -> Result<()> {
        self.write(|state| {
            let machine = state.run_machines.get_mut(&(id, position));
            let machine = machine.filter(|machine| machine.state == RunState::Running);
            finish(machine.ok_or_else(|| refusal::machine_not_running(id, position))?, end.into());
            settle(state, id);
            Ok(())
        })
    }

    async fn keep(&self, ids: Vec<RunId>, alive_until: Timestamp) -> Result<Vec<RunId>> {
        self.write(|state| {
            let mut cancelled = Vec::new();
            for id in ids {
                let Some(row) = state.runs.get_mut(&id) else { continue };
                row.alive_until = stored(alive_until);
                if row.run.cancel {
                    cancelled.push(id);
                }
            }
            Ok(cancelled)
        })
    }

    async fn interrupt(&self, id: RunId) -> Result<()> {
        self.write(|state| {
            interrupt(state, id);
            Ok(())
        })
    }

    async fn interrupt_lost(&self, now: Timestamp) -> Result<Vec<RunId>> {
        let now = stored(now);
        self.write(|state| {
            let lost = state.runs.keys_of(|row| !row.run.state.is_final() && row.alive_until <= now);
            lost.iter().for_each(|id| interrupt(state, *id));
            Ok(lost)
        })
    }

    async fn forget(&self, ended_before: Timestamp, keep: u32) -> Result<usize> {
        self.write(|state| {
            let old = old(state, stored(ended_before), keep);
            old.iter().for_each(|id| remove(state, *id));
            script::forget_contents(state);
            Ok(old.len())
        })
    }

    async fn cancel(&self, id: RunId, audit: AuditEntry) -> Result<Run> {
        self.change(&audit, |state| {
            let run = required(state, id)?;
            if run.state.is_final() {
                return Err(refusal::run_over(&run));
            }
            cancel(state, id);
            required(state, id)
        })
    }
}

fn insert(state: &mut State, new: NewRun, alive_until: Timestamp) -> Result<Run> {
    script::required(state, new.script)?;
    let (id, at) = (RunId(state.runs.next_id()), now());
    let run = Run {
        id,
        script: Some(new.script),
        script_name: new.script_name,
        file: new.file,
        command: new.command,
        version: new.version,
        sha256: script::remember(state, &new.content),
        arguments: Some(new.arguments),
        user: new.user,
        user_name: new.user_name,
        login: new.login,
        timeout: Duration::from_secs(new.timeout.as_secs()),
        at_once: new.at_once,
        rerun_of: new.rerun_of,
        state: RunState::Queued,
        cancel: false,
        machines: 0,
        ended: 0,
        created_at: at,
        changed_at: at,
    };
    state.runs.insert(id, RunRow { run, alive_until });
    for (position, (vm, name)) in new.machines.into_iter().enumerate() {
        state.run_machines.insert((id, position), queued(vm, name));
    }
    if let Some(firing) = &new.firing {
        schedule::fired(state, firing, id)?;
    }
    required(state, id)
}

fn queued(vm: VmId, name: VmName) -> RunMachine {
    RunMachine { vm, name, state: RunState::Queued, exit: None, duration: None, error: None, output: None }
}

/// Removes a run and its machines; a firing that it was for stays without it.
fn remove(state: &mut State, id: RunId) {
    state.runs.remove(&id);
    let machines: Vec<_> = state.run_machines.range((id, 0)..=(id, usize::MAX)).map(|(key, _)| *key).collect();
    state.run_machines.remove_all(&machines);
    state.firings.change_if(|firing| firing.run == Some(id), |firing| firing.run = None);
}

/// Returns the runs that ended before a moment, and those of each script beyond the newest.
fn old(state: &State, before: Timestamp, keep: u32) -> Vec<RunId> {
    let mut places = HashMap::<String, u32>::new();
    let mut old = Vec::new();
    for run in state.runs.values().rev().map(|row| &row.run).filter(|run| run.state.is_final()) {
        let place = places.entry(folded(&run.script_name)).or_default();
        *place += 1;
        if run.changed_at < before || *place > keep {
            old.push(run.id);
        }
    }
    old
}

fn finish(machine: &mut RunMachine, end: MachineEnd) {
    let MachineEnd { state, exit, output, duration, error } = end;
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    machine.duration = duration.map(|duration| Duration::from_micros(micros(duration)));
    (machine.state, machine.exit, machine.output, machine.error) = (state, exit, output, error);
}

fn interrupt(state: &mut State, id: RunId) {
    let interrupted = |machine: &mut RunMachine| {
        let reason = if machine.state == RunState::Queued { NEVER_BEGAN } else { BROKEN_OFF };
        (machine.error, machine.state) = (Some(reason.to_owned()), RunState::Interrupted);
    };
    if change_machines(state, id, |machine| !machine.state.is_final(), interrupted) {
        settle(state, id);
    }
}

/// Has a run that has not ended end early: machines that wait never begin.
pub(super) fn cancel(state: &mut State, id: RunId) {
    if let Some(row) = state.runs.get_mut(&id) {
        row.run.cancel = true;
    }
    let cancelled = |machine: &mut RunMachine| {
        (machine.error, machine.state) = (Some(CANCELLED.to_owned()), RunState::Cancelled);
    };
    change_machines(state, id, |machine| machine.state == RunState::Queued, cancelled);
    settle(state, id);
}

/// Changes the machines of a run that meet a condition, and returns whether there were any.
fn change_machines(
    state: &mut State,
    id: RunId,
    is: impl Fn(&RunMachine) -> bool,
    change: impl Fn(&mut RunMachine),
) -> bool {
    let machines = state.run_machines.range((id, 0)..=(id, usize::MAX));
    let keys: Vec<_> = machines.filter(|(_, machine)| is(machine)).map(|(key, _)| *key).collect();
    keys.iter().filter_map(|key| state.run_machines.get_mut(key).map(&change)).count() > 0
}

/// Gives a run the state that follows from its machines'.
fn settle(state: &mut State, id: RunId) {
    let states: Vec<_> = of_run(state, id).map(|machine| machine.state).collect();
    if let Some(row) = state.runs.get_mut(&id) {
        (row.run.state, row.run.changed_at) = (RunState::of(&states), now());
    }
}

fn of_run(state: &State, id: RunId) -> impl Iterator<Item = &RunMachine> {
    state.run_machines.range((id, 0)..=(id, usize::MAX)).map(|(_, machine)| machine)
}

fn required(state: &State, id: RunId) -> Result<Run> {
    state.runs.get(&id).map(|row| shown(state, row)).ok_or_else(|| Error::not_found(Kind::Run, id))
}

/// Returns a run with the numbers of its machines.
fn shown(state: &State, row: &RunRow) -> Run {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let machines = number(of_run(state, row.run.id).count());
    let ended = number(of_run(state, row.run.id).filter(|machine| machine.state.is_final()).count());
    Run { machines, ended, ..row.run.clone() }
}
