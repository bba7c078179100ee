//! Runs scripts in the background of the process that was asked to.
//!
//! The login is in this process's memory alone, so no other process can go on with a run. While this one works on it,
//! it extends the time until which the run counts as alive; past that, the holder of the worker's lease takes the run
//! for interrupted. A machine begins by a compare-and-set on its record, so none is ever begun twice, nor after it was
//! cancelled or taken for interrupted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::line::Delivery;
use crate::budget::{Holder, Place};
use crate::desk::{Desk, Order, check_on};
use crate::error::{Error, Kind, Result};
use crate::model::{Run, RunEnd, ScriptArguments, ScriptContent, VmId, VmName};
use crate::remote::Login;

/// The time that a run counts as alive after a sign of life.
pub(crate) const KEPT_ALIVE: Duration = Duration::from_secs(10);
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// The greatest kept size of one output stream of one machine, in bytes, and of all machines of a run together.
const OUTPUT_OF_A_STREAM: usize = 64 << 10;
const OUTPUT_OF_A_RUN: usize = 8 << 20;

/// A recorded run and what it takes to do it.
pub(crate) struct Task {
    pub(crate) run: Run,
    pub(crate) machines: Vec<(VmId, VmName)>,
    pub(crate) content: ScriptContent,
    pub(crate) arguments: ScriptArguments,
    pub(crate) login: Login,
    /// Whose places it takes.
    pub(crate) holder: Holder,
    /// Its place among the runs in progress.
    pub(crate) _place: Place,
}

impl Task {
    /// Does it in the background.
    pub(crate) fn start(self, desk: Desk) {
        let (order, kept_alive) = desk.runs().begin(self.run.id);
        if !kept_alive {
            tokio::spawn(keep_alive(desk.clone()));
        }
        tokio::spawn(self.run_all(desk, order));
    }

    async fn run_all(self, desk: Desk, order: watch::Receiver<Order>) {
        let id = self.run.id;
        info!(run = %id, script = %self.run.script_name, machines = self.machines.len(), "a script begins");
        let task = Arc::new(self);
        let (mut waiting, mut running) = (0..task.machines.len(), JoinSet::new());
        let at_once = usize::try_from(task.run.at_once).unwrap_or(1);
        loop {
            while running.len() < at_once
                && let Some(position) = waiting.next()
            {
                running.spawn(run_one(desk.clone(), Arc::clone(&task), position, order.clone()));
            }
            match running.join_next().await {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => warn!(run = %id, %error, "what became of a machine could not be recorded"),
                Some(Err(error)) => warn!(run = %id, %error, "running a script on a machine panicked"),
            }
        }
        // Usually nothing is left: what is has been stopped, or has panicked, or could not be recorded.
        if let Err(error) = desk.repository().runs().interrupt(id).await {
            warn!(run = %id, %error, "the end of a run could not be recorded");
        }
        if let Err(error) = forget_runs(&desk).await {
            warn!(%error, "old runs could not be forgotten; it is tried again");
        }
        desk.runs().end(id);
        info!(run = %id, "a script has ended on all machines");
    }

    fn output_limit(&self) -> usize {
        (OUTPUT_OF_A_RUN / (2 * self.machines.len().max(1))).min(OUTPUT_OF_A_STREAM)
    }
}

async fn run_one(desk: Desk, task: Arc<Task>, position: usize, mut order: watch::Receiver<Order>) -> Result<()> {
    let runs = desk.repository().runs();
    // The machine comes first: a run that waits for a busy one leaves the places of the others alone.
    let place = tokio::select! {
        place = desk.budgets().run_on(task.holder, task.machines[position].0) => place?,
        _ = order.wait_for(|order| *order != Order::GoOn) => return Ok(()),
    };
    if *order.borrow() != Order::GoOn || !runs.begin(task.run.id, position).await? {
        return Ok(());
    }
    let end = tokio::select! {
        end = attempt(&desk, &task, position) => end.unwrap_or_else(|error| RunEnd::Failed(error.to_string().into())),
        order = order.wait_for(|order| *order != Order::GoOn) => match order.map(|order| *order) {
            Ok(Order::Cancel) => RunEnd::Cancelled,
            _ => RunEnd::Interrupted,
        },
    };
    drop(place);
    runs.finish(task.run.id, position, end).await
}

/// Dropping it kills what runs on the machine.
async fn attempt(desk: &Desk, task: &Task, position: usize) -> Result<RunEnd> {
    let (id, name) = &task.machines[position];
    let vm = desk.repository().vms().by_id(*id).await?.ok_or_else(|| Error::not_found(Kind::Vm, name))?;
    check_on(desk, &vm).await?;
    let Run { command, file, timeout, .. } = &task.run;
    let delivery = Delivery::new(command, file, &task.content, &task.arguments, *timeout, task.output_limit());
    match desk.machine(&vm).run(&task.login, &delivery.command).await {
        Ok(output) => Ok(delivery.end(output)),
        Err(Error::Unfinished(unfinished)) => Ok(delivery.unfinished(*unfinished)),
        Err(error) => Err(error),
    }
}

/// Gives signs of life for all runs of this process while there are any, and hears from other processes that one was
/// cancelled.
async fn keep_alive(desk: Desk) {
    let mut tick = tokio::time::interval(SIGN_OF_LIFE);
    loop {
        tick.tick().await;
        let ids = desk.runs().to_keep_alive();
        if ids.is_empty() {
            return;
        }
        match desk.repository().runs().keep(ids, chrono::Utc::now() + KEPT_ALIVE).await {
            Ok(cancelled) => cancelled.into_iter().for_each(|id| desk.runs().cancel(id)),
            Err(error) => warn!(%error, "signs of life of running scripts could not be recorded"),
        }
    }
}

/// Forgets the runs that are too old, or of which there are too many.
pub(crate) async fn forget_runs(desk: &Desk) -> Result<()> {
    let settings = desk.settings();
    let lifetime = chrono::TimeDelta::from_std(settings.run_lifetime).unwrap_or(chrono::TimeDelta::MAX);
    let before = chrono::Utc::now().checked_sub_signed(lifetime).unwrap_or(chrono::DateTime::UNIX_EPOCH);
    let forgotten = desk.repository().runs().forget(before, settings.runs_kept.max(1)).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "runs of scripts were forgotten");
    }
    Ok(())
}
