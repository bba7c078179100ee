//! Runs of scripts, watched.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::desk::Vmm;
use crate::error::Result;
use crate::model::{Run, RunId, RunMachine, RunState};
use crate::ops::watch::Watch;
use crate::policy::Actor;

/// The interval at which a run that is watched is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The time that a read change may wait to be taken without another look at the actor's rights.
const FRESH: Duration = Duration::from_millis(250);

/// Something that has changed in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunChange {
    /// The run as a whole.
    Run(Run),
    /// One of its machines.
    Machine(RunMachine),
}

impl RunChange {
    /// The change without what went in and came out.
    fn without_content(self) -> Self {
        match self {
            Self::Run(run) => Self::Run(Run { arguments: None, ..run }),
            Self::Machine(machine) => Self::Machine(RunMachine { output: None, ..machine }),
        }
    }
}

/// A run that is watched; see [`Vmm::watch_run`]. It costs nothing but while [`next`](Self::next) is awaited.
#[derive(Debug)]
pub struct RunWatch {
    vmm: Vmm,
    actor: Actor,
    id: RunId,
    last: Option<Run>,
    /// The states of its machines, in its order.
    states: Vec<RunState>,
    waiting: VecDeque<RunChange>,
    /// When what waits was read, with the rights of that moment.
    read_at: Instant,
    watch: Watch<Run>,
}

impl RunWatch {
    /// Waits for the next change; `None` after the last. May be dropped while it waits and called again.
    ///
    /// # Errors
    /// `NotFound` when the run is forgotten, `Forbidden` or `Unauthenticated` when the actor may not see it at this
    /// moment, `Unavailable` if the database does not answer.
    pub async fn next(&mut self) -> Result<Option<RunChange>> {
        loop {
            if self.waiting.is_empty() && self.last.as_ref().is_some_and(|run| run.state.is_final()) {
                return Ok(None);
            }
            if self.read_at.elapsed() < FRESH
                && let Some(change) = self.waiting.pop_front()
            {
                return Ok(Some(change));
            }
            let look = || async { self.vmm.lookup(&self.actor)?.run(self.id).await };
            let seen = self.watch.changed(&self.actor, look).await?;
            if seen.is_none() && self.waiting.is_empty() {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            self.actor = self.vmm.at_this_moment(&self.actor).await?;
            if !self.waiting.is_empty() {
                // Whoever takes changes slowly may have lost rights since they were read.
                let run = self.vmm.shown_run(&self.actor, self.id).await?;
                let Some(change) = self.waiting.pop_front() else { continue };
                return Ok(Some(if run.arguments.is_some() { change } else { change.without_content() }));
            }
            let run = self.vmm.shown_run(&self.actor, self.id).await?;
            if self.last.as_ref() != Some(&run) {
                // They are read after the run: those of one that has ended have all ended.
                let (_, machines) = self.vmm.script_run(&self.actor, self.id).await?;
                self.take(run, machines);
            }
            if let Some(seen) = seen {
                self.watch.told(seen);
            }
        }
    }

    fn take(&mut self, run: Run, machines: Vec<RunMachine>) {
        self.read_at = Instant::now();
        self.last = Some(run.clone());
        self.waiting.push_back(RunChange::Run(run));
        let states: Vec<_> = machines.iter().map(|machine| machine.state).collect();
        let changed = machines.into_iter().enumerate().filter(|(index, machine)| {
            // None of them is known yet at the beginning.
            self.states.get(*index) != Some(&machine.state)
        });
        self.waiting.extend(changed.map(|(_, machine)| RunChange::Machine(machine)));
        self.states = states;
    }
}

impl Vmm {
    /// Watches a run: its present state and that of each of its machines at once, then each change of them until the
    /// run ends, also by another process on the same records. What went in and came out is shown as by
    /// [`script_run`](Self::script_run), with the rights that the account has at the moment of each change.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn watch_run(&self, actor: &Actor, id: RunId) -> Result<RunWatch> {
        self.shown_run(actor, id).await?;
        let (states, waiting) = (Vec::new(), VecDeque::new());
        Ok(RunWatch {
            vmm: self.clone(),
            actor: actor.clone(),
            id,
            last: None,
            states,
            waiting,
            read_at: Instant::now(),
            watch: Watch::new(self, actor, self.glances().runs.join(id)),
        })
    }
}
