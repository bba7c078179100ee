//! Runs of scripts.

use std::time::Duration;

use super::{
    Exit, FiringOf, Interpreter, Output, ScriptArguments, ScriptContent, ScriptFile, ScriptId, ScriptName, Stream,
    Timestamp, UserId, VmId, VmName, row_id, words,
};

row_id!(
    /// Names a run.
    RunId
);

words!(
    /// The place of a run, or of one of its machines, in its life.
    RunState, "state" {
        /// Not begun.
        Queued = "queued",
        /// Begun.
        Running = "running",
        /// Ended by itself, with whatever exit code.
        Done = "done",
        /// It could not be run, or did not end in time.
        Failed = "failed",
        /// It began, or may have, and its end is not known: it may have come to its end, or still run.
        Unknown = "unknown",
        /// vmm stopped meanwhile: a machine that had begun may have come to its end, one that had not never began.
        Interrupted = "interrupted",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
    }
);

impl RunState {
    /// Returns whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The state of a run whose machines are in these states: the worst of them once all have ended.
    pub fn of(machines: &[Self]) -> Self {
        let any = |state| machines.contains(&state);
        if machines.iter().all(|state| *state == Self::Queued) && !machines.is_empty() {
            Self::Queued
        } else if any(Self::Queued) || any(Self::Running) {
            Self::Running
        } else {
            [Self::Unknown, Self::Interrupted, Self::Cancelled, Self::Failed]
                .into_iter()
                .find(|state| any(*state))
                .unwrap_or(Self::Done)
        }
    }
}

words!(
    /// Which machines of a run are worked on again.
    Again, "only" {
        /// Those that it could not be run on or did not end on in time, and those that were interrupted.
        Failed = "failed",
        /// The machines of `Failed`, and those on which it ended with another exit code than 0, or by a signal.
        Nonzero = "nonzero",
        /// Those whose end is not known. It may have run there to its end, or still run.
        Unknown = "unknown",
    }
);

impl Again {
    /// Returns whether this machine is one of them.
    pub fn takes(self, machine: &RunMachine) -> bool {
        match machine.state {
            RunState::Failed | RunState::Interrupted => self != Self::Unknown,
            RunState::Done => self == Self::Nonzero && machine.exit != Some(Exit::Code(0)),
            RunState::Unknown => self == Self::Unknown,
            RunState::Queued | RunState::Running | RunState::Cancelled => false,
        }
    }
}

/// A run of a script, without its machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its row.
    pub id: RunId,
    /// The script; `None` once that is deleted.
    pub script: Option<ScriptId>,
    /// The name that the script had.
    pub script_name: ScriptName,
    /// The name that its file had.
    pub file: ScriptFile,
    /// The interpreter that ran the file.
    pub command: Interpreter,
    /// The number of the script's version that ran.
    pub version: u32,
    /// SHA-256 of the text that ran.
    pub sha256: String,
    /// The arguments on its command line; `None` for those who may not see it.
    pub arguments: Option<ScriptArguments>,
    /// The account that started it; it may be gone.
    pub user: Option<UserId>,
    /// The name of the account that started it.
    pub user_name: String,
    /// The user on the machines.
    pub login: String,
    /// The time that each machine has.
    pub timeout: Duration,
    /// On how many machines it works at a time.
    pub at_once: u32,
    /// The run whose machines it repeats.
    pub rerun_of: Option<RunId>,
    /// Its place in its life.
    pub state: RunState,
    /// True if somebody asked to cancel it.
    pub cancel: bool,
    /// The number of machines that it has.
    pub machines: u32,
    /// The number of machines that have ended.
    pub ended: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its state or a machine's last changed.
    pub changed_at: Timestamp,
}

/// One machine of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMachine {
    /// The machine; it may be gone.
    pub vm: VmId,
    /// The name that it had.
    pub name: VmName,
    /// Its place in its life.
    pub state: RunState,
    /// The script's end, if it is known; beside an `error` too, where a process that it left behind held its output.
    pub exit: Option<Exit>,
    /// The time that it took, connecting included.
    pub duration: Option<Duration>,
    /// Why it could not be run, or what became of it otherwise.
    pub error: Option<String>,
    /// The script's output as far as it arrived; `None` before its end, if it never began, and for those who may not
    /// see it.
    pub output: Option<RunOutput>,
}

/// The output of a script on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOutput {
    /// To standard output.
    pub stdout: Stream,
    /// To standard error.
    pub stderr: Stream,
}

/// A run to record.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The script.
    pub script: ScriptId,
    /// Its name.
    pub script_name: ScriptName,
    /// The name of its file.
    pub file: ScriptFile,
    /// The interpreter of the file.
    pub command: Interpreter,
    /// The number of its version.
    pub version: u32,
    /// Its text.
    pub content: ScriptContent,
    /// The arguments on its command line.
    pub arguments: ScriptArguments,
    /// The account that starts it.
    pub user: Option<UserId>,
    /// The name of the account that starts it.
    pub user_name: String,
    /// The user on the machines.
    pub login: String,
    /// The time that each machine has.
    pub timeout: Duration,
    /// On how many machines it works at a time.
    pub at_once: u32,
    /// The run whose machines it repeats.
    pub rerun_of: Option<RunId>,
    /// The moment of a schedule that it is for.
    pub firing: Option<FiringOf>,
    /// The machines in order.
    pub machines: Vec<(VmId, VmName)>,
}

/// The failure of a script on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFailure {
    /// Why, and what to do.
    pub error: String,
    /// The script's own end, if it is known.
    pub exit: Option<Exit>,
    /// The output that had arrived; `None` if it did not begin.
    pub output: Option<RunOutput>,
    /// From connecting to when it was given up; `None` if it did not begin.
    pub duration: Option<Duration>,
}

impl From<String> for RunFailure {
    fn from(error: String) -> Self {
        Self { error, ..Self::default() }
    }
}

/// The end of a run on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The script ended by itself.
    Done(Output),
    /// It could not be run, or did not end in time.
    Failed(RunFailure),
    /// It began, or may have, and its end is not known.
    Unknown(RunFailure),
    /// It was cancelled while it ran.
    Cancelled,
    /// vmm stopped while it ran.
    Interrupted,
}

impl RunEnd {
    /// The state that it leads to.
    pub fn state(&self) -> RunState {
        match self {
            Self::Done(_) => RunState::Done,
            Self::Failed(_) => RunState::Failed,
            Self::Unknown(_) => RunState::Unknown,
            Self::Cancelled => RunState::Cancelled,
            Self::Interrupted => RunState::Interrupted,
        }
    }
}

/// Which runs to list, newest first. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only those of the script of this name.
    pub script: Option<ScriptName>,
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those before this one.
    pub before: Option<RunId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::RunState::{self, Cancelled, Done, Failed, Interrupted, Queued, Running, Unknown};

    #[test]
    fn a_run_is_what_its_machines_are() {
        for (machines, run) in [
            (&[Queued, Queued][..], Queued),
            (&[Queued, Done], Running),
            (&[Running, Failed], Running),
            (&[Done, Done], Done),
            (&[Done, Failed], Failed),
            (&[Failed, Cancelled, Done], Cancelled),
            (&[Cancelled, Interrupted], Interrupted),
            (&[Done, Unknown, Failed], Unknown),
        ] {
            assert_eq!(RunState::of(machines), run, "{machines:?}");
        }
    }
}
