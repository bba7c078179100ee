//! Runs of scripts in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, NewRun, Run, RunEnd, RunFilter, RunId, RunMachine, Timestamp};

/// Runs of scripts.
///
/// A run is done by the process that was asked to, which extends the time until which it counts as alive. The holder
/// of the worker's lease interrupts those whose time has passed. A run's state follows from its machines'.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Records a run, all of whose machines are queued. One for a moment of a schedule records in the same transaction
    /// that the schedule has fired then, and when it fires next; if that moment is not the schedule's next one, it is a
    /// conflict.
    async fn create(&self, run: NewRun, alive_until: Timestamp, audit: AuditEntry) -> Result<Run>;
    /// The run of this id.
    async fn by_id(&self, id: RunId) -> Result<Option<Run>>;
    /// The machines of a run, in its order.
    async fn machines(&self, id: RunId) -> Result<Vec<RunMachine>>;
    /// Runs, newest first.
    async fn list(&self, filter: &RunFilter) -> Result<Vec<Run>>;
    /// `queued` → `running` for one machine; `false` if it is not queued any more, and then it must not be begun.
    async fn begin(&self, id: RunId, position: usize) -> Result<bool>;
    /// Records the end of a machine that is running; any other state is a conflict.
    async fn finish(&self, id: RunId, position: usize, end: RunEnd) -> Result<()>;
    /// Extends the time until which these runs count as alive. Gives those that somebody asked to cancel.
    async fn keep(&self, ids: Vec<RunId>, alive_until: Timestamp) -> Result<Vec<RunId>>;
    /// Sets every machine of a run that has not ended to `interrupted`.
    async fn interrupt(&self, id: RunId) -> Result<()>;
    /// Interrupts every run whose time has passed at `now`, and returns these runs.
    async fn interrupt_lost(&self, now: Timestamp) -> Result<Vec<RunId>>;
    /// Forgets the runs that ended before a moment, of each script's other ended ones all but the newest `keep`, and
    /// the texts that nothing has any more. Gives how many runs.
    async fn forget(&self, ended_before: Timestamp, keep: u32) -> Result<usize>;
    /// Asks for a run to be cancelled; its queued machines are at once. One that has ended is a conflict.
    async fn cancel(&self, id: RunId, audit: AuditEntry) -> Result<Run>;
}
