//! What became of the moments of schedules.

use super::{Missed, RunId, Timestamp, words};

words!(
    /// What became of a moment of a schedule.
    FiringState, "state" {
        /// A run began.
        Fired = "fired",
        /// It was too late when vmm came to it, or the run before it had not ended.
        Missed = "missed",
        /// A run could not be begun.
        Failed = "failed",
    }
);

/// What became of a moment of a schedule, or of several in a row that were missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// When it was due.
    pub due_at: Timestamp,
    /// When the last one in the row was due.
    pub last_due_at: Timestamp,
    /// How many in a row; counted up to 10,000.
    pub times: u32,
    /// What became of it.
    pub state: FiringState,
    /// The run that began, while its record is kept.
    pub run: Option<RunId>,
    /// Why no run began.
    pub reason: Option<String>,
}

impl Firing {
    /// What is too late.
    pub(crate) fn missed(missed: Missed) -> Self {
        let Missed { first, last, times } = missed;
        let reason = Some("vmm did not run, or not in time".to_owned());
        Self { due_at: first, last_due_at: last, times, state: FiringState::Missed, run: None, reason }
    }

    /// What did not begin for a reason.
    pub(crate) fn without_run(due_at: Timestamp, state: FiringState, reason: String) -> Self {
        Self { due_at, last_due_at: due_at, times: 1, state, run: None, reason: Some(reason) }
    }
}
