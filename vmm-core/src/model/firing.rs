//! The firings of schedules.

use super::{Missed, RunId, Timestamp, words};

words!(
    /// The result of a moment of a schedule.
    FiringState, "state" {
        /// A run began.
        Fired = "fired",
        /// It was too late when vmm came to it, or the run before it had not ended.
        Missed = "missed",
        /// A run could not be begun.
        Failed = "failed",
    }
);

/// The result of a moment of a schedule, or of several missed moments in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// When it was due.
    pub due_at: Timestamp,
    /// When the last one in the row was due.
    pub last_due_at: Timestamp,
    /// The number of moments in a row; counted up to 10,000.
    pub times: u32,
    /// The result.
    pub state: FiringState,
    /// The run that began, while its record is kept.
    pub run: Option<RunId>,
    /// Why no run began.
    pub reason: Option<String>,
}

impl Firing {
    /// Returns the record of moments that were missed.
    pub(crate) fn missed(missed: Missed) -> Self {
        let Missed { first, last, times } = missed;
        let reason = Some("vmm did not run, or not in time".to_owned());
        Self { due_at: first, last_due_at: last, times, state: FiringState::Missed, run: None, reason }
    }

    /// Returns the record of a moment at which no run began, for a reason.
    pub(crate) fn without_run(due_at: Timestamp, state: FiringState, reason: String) -> Self {
        Self { due_at, last_due_at: due_at, times: 1, state, run: None, reason: Some(reason) }
    }
}
