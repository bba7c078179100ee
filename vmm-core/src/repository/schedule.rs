//! Schedules of scripts in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, Firing, NewSchedule, Schedule, ScheduleFilter, ScheduleId, Timestamp};

/// The number of schedules that a script has at most.
pub const MOST_SCHEDULES: u32 = 100;
/// The number of firings of a schedule that are kept.
pub const KEPT_FIRINGS: u32 = 100;

/// Schedules of scripts, and what became of their moments. They go with their script, and with the account that made
/// them.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ScheduleRepository: Send + Sync {
    /// Makes a schedule. One more than [`MOST_SCHEDULES`] is a conflict.
    async fn create(&self, schedule: NewSchedule, audit: AuditEntry) -> Result<Schedule>;
    /// The schedule of this id.
    async fn by_id(&self, id: ScheduleId) -> Result<Option<Schedule>>;
    /// Schedules in order of id.
    async fn list(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>>;
    /// Those whose next moment has come at `now`, the longest due first.
    async fn due(&self, now: Timestamp) -> Result<Vec<Schedule>>;
    /// Enables a schedule with this next moment, or disables it with `None`.
    async fn set_next(&self, id: ScheduleId, next_at: Option<Timestamp>, audit: AuditEntry) -> Result<Schedule>;
    /// Records what became of moments without a run, and the next one, if `due_at` is the schedule's next one still;
    /// `false` if not.
    async fn pass(&self, id: ScheduleId, due_at: Timestamp, firing: Firing, next_at: Option<Timestamp>)
    -> Result<bool>;
    /// Returns the firings of a schedule, newest first; the newest [`KEPT_FIRINGS`] are kept.
    async fn firings(&self, id: ScheduleId) -> Result<Vec<Firing>>;
    /// Removes a schedule. Its runs stay.
    async fn delete(&self, id: ScheduleId, audit: AuditEntry) -> Result<()>;
}
