//! Requests for machines.

use super::{Plan, PlanHash, RequestId, Timestamp, UserId, UserName, words};

words!(
    /// A request's place in its life.
    ///
    /// `pending` → `approved` → `running` → `done` or `failed`; from `pending` also to `rejected` or `cancelled`.
    /// An `approved` one whose plan has changed goes back to `pending`. There is no way out of the last four.
    RequestState, "state" {
        /// Waits for an admin.
        Pending = "pending",
        /// Approved; the plan is made again before anything is done.
        Approved = "approved",
        /// Machines are being made.
        Running = "running",
        /// Every machine was made.
        Done = "done",
        /// At least one machine could not be made; what was begun of it is undone.
        Failed = "failed",
        /// An admin said no.
        Rejected = "rejected",
        /// The requester took it back.
        Cancelled = "cancelled",
    }
);

/// A request for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the client.
    pub id: RequestId,
    /// Who submitted it, or for whom it was submitted.
    pub requester: UserId,
    /// That person's name.
    pub requester_name: UserName,
    /// For people.
    pub description: String,
    /// The CSV as it was submitted.
    pub spec: String,
    /// What it will make.
    pub plan: Plan,
    /// The plan's hash.
    pub plan_hash: PlanHash,
    /// Its place in its life.
    pub state: RequestState,
    /// Who approved, rejected or cancelled it.
    pub decided_by: Option<UserName>,
    /// Why it was rejected, returned for approval, or failed.
    pub reason: Option<String>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
}

/// Which requests to list, newest first. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only those of this person.
    pub requester: Option<UserName>,
    /// Only those in this state.
    pub state: Option<RequestState>,
    /// Only those behind this one.
    pub after: Option<RequestId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// A request to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// Chosen by the client.
    pub id: RequestId,
    /// For whom.
    pub requester: UserId,
    /// For people.
    pub description: String,
    /// The CSV as it was submitted.
    pub spec: String,
    /// What it will make.
    pub plan: Plan,
}
