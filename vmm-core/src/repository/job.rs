//! The log of jobs in a store.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Result;
use crate::model::{AuditEntry, Closing, Job, JobFilter, JobId, JobState, StepState, Timestamp, VmId};

/// Long operations.
///
/// One worker at a time holds the lease of the store; only it calls the methods that move a job.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait JobRepository: Send + Sync {
    /// Takes or extends the worker's lease for `owner`, for `ttl` from `now`. `false` if another owner's runs.
    async fn lease(&self, owner: Uuid, now: Timestamp, ttl: Duration) -> Result<bool>;
    /// Gives the lease up, if `owner` holds it.
    async fn release(&self, owner: Uuid) -> Result<()>;
    /// The jobs that are not final, oldest first.
    async fn open(&self) -> Result<Vec<Job>>;
    /// The job of this id.
    async fn by_id(&self, id: JobId) -> Result<Option<Job>>;
    /// The open job that changes this machine or one of its disks; there is one at most.
    async fn on_vm(&self, vm: VmId) -> Result<Option<Job>>;
    /// Jobs, newest first.
    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>>;
    /// Returns the number of jobs in each state.
    async fn count(&self) -> Result<Vec<(JobState, u64)>>;
    /// Records a step's state and, with the first one, that the job runs.
    async fn step(&self, id: JobId, step: usize, state: StepState) -> Result<()>;
    /// Records that undoing begins, and why.
    async fn undo(&self, id: JobId, error: &str) -> Result<()>;
    /// Records a job's end, and in the same transaction what follows from it by the rules of
    /// [`outcome`](super::outcome): the [`Fate`] of what it works on, and after the last open job of a request that the
    /// request is `done`, or `failed` if any of its jobs was not done.
    ///
    /// [`Fate`]: crate::model::Fate
    async fn finish(&self, id: JobId, state: JobState, error: Option<String>) -> Result<()>;
    /// Asks for a job to be cancelled. One that is final is a conflict.
    async fn cancel(&self, id: JobId, audit: AuditEntry) -> Result<()>;
    /// Opens a stuck job again. It goes on from its log: backward if anything was being undone, which keeps why it
    /// failed, and forward otherwise. A request that failed with the making of this machine runs again if the job goes
    /// forward.
    ///
    /// A job that is not stuck is a conflict, and so is one whose machine another open job works on, one whose machine,
    /// disk or catalog entry is gone from the records, and a `start-request`: the machines of its request are gone.
    async fn retry(&self, id: JobId, audit: AuditEntry) -> Result<Job>;
    /// Closes a stuck job: it is `closed`, its error says what is left, and the records become what the closing says. A
    /// job that is not stuck is a conflict, and so is one whose machine another open job works on.
    async fn close(&self, id: JobId, closing: Closing, audit: AuditEntry) -> Result<Job>;
}
