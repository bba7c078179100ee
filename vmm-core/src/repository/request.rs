//! Requests in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AuditEntry, NewJob, NewRequest, Plan, PlanHash, Request, RequestFilter, RequestId, RequestState, Stored, UserId,
};

/// The result of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is new.
    Created(Request),
    /// An identical request was submitted before; this is its present state.
    Existing(Request),
}

/// Requests. Whatever changes a request's state also records an event for [`MailNotices`](crate::mail::MailNotices), in
/// the same transaction; its actor is the user of the audit row, if there is one.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RequestRepository: Send + Sync {
    /// Records a request, its plan, and its machines (with the status `request`) and their disks.
    ///
    /// An id that is taken by a request of the same requester, description and spec changes nothing and writes no
    /// audit row; by another one it is a conflict. So are machine names, domain ids, MAC addresses and fixed
    /// addresses that are taken, and volumes. More open requests than the requester may have are
    /// [`OverBudget`](crate::Error::OverBudget).
    async fn submit(&self, request: NewRequest, limits: Stored, audit: AuditEntry) -> Result<Submitted>;
    /// The request of this id.
    async fn by_id(&self, id: &RequestId) -> Result<Option<Request>>;
    /// Requests, newest first.
    async fn list(&self, filter: &RequestFilter) -> Result<Vec<Request>>;
    /// `pending` → `approved`, if the plan's hash is this one, and enqueues `job`. Another hash, another state, or a
    /// racer that came first is a conflict whose reason says which.
    async fn approve(
        &self,
        id: &RequestId,
        plan: PlanHash,
        by: UserId,
        job: NewJob,
        audit: AuditEntry,
    ) -> Result<Request>;
    /// `pending` → `rejected` or `cancelled` (`to`), and removes its machines' rows, which frees their names.
    async fn close<'a>(
        &self,
        id: &RequestId,
        to: RequestState,
        by: UserId,
        reason: Option<&'a str>,
        audit: AuditEntry,
    ) -> Result<Request>;
    /// `approved` → `pending` with a plan whose machines, disks and figures of the host replace the former rows. It may
    /// bind what the former one does. A repeat changes nothing.
    async fn return_for_approval(&self, id: &RequestId, plan: Plan, reason: &str) -> Result<()>;
    /// `approved` → `running`, and enqueues a job like `making` for each of its machines. A repeat changes nothing.
    async fn start(&self, id: &RequestId, making: NewJob) -> Result<()>;
    /// `approved` → `failed` with this reason, and removes its machines' rows. A repeat changes nothing.
    async fn fail(&self, id: &RequestId, reason: &str) -> Result<()>;
}
