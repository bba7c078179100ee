//! Requests for machines.

use super::{Plan, PlanHash, RequestId, Timestamp, UserId, UserName, row_id, words};

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

impl RequestState {
    /// Returns whether there is no way out of it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Rejected | Self::Cancelled)
    }
}

/// A request for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Chosen by the client.
    pub id: RequestId,
    /// The requester: the account that submitted it, or for which it was submitted.
    pub requester: UserId,
    /// That person's name.
    pub requester_name: UserName,
    /// For people.
    pub description: String,
    /// The CSV as it was submitted.
    pub spec: String,
    /// The plan of the machines that the request will make.
    pub plan: Plan,
    /// The plan's hash.
    pub plan_hash: PlanHash,
    /// Its place in its life.
    pub state: RequestState,
    /// The account that approved, rejected or cancelled it.
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
    /// Only those that something can still happen to.
    pub open: bool,
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
    /// The plan of the machines that the request will make.
    pub plan: Plan,
}

row_id!(
    /// Names something that happened to a request. A later one has a higher id.
    RequestEventId
);

words!(
    /// The kind of an event of a request.
    RequestEventKind, "event" {
        /// It was submitted, and waits for an admin.
        Submitted = "submitted",
        /// Its plan changed after the approval; it waits for an admin again.
        Returned = "returned",
        /// An admin said yes.
        Approved = "approved",
        /// Its machines are being made.
        Started = "started",
        /// Every machine was made.
        Done = "done",
        /// At least one machine could not be made.
        Failed = "failed",
        /// An admin said no.
        Rejected = "rejected",
        /// It was taken back.
        Cancelled = "cancelled",
    }
);

/// Something that happened to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestEvent {
    /// Its row.
    pub id: RequestEventId,
    /// The request.
    pub request: RequestId,
    /// The event.
    pub kind: RequestEventKind,
    /// The hash of the plan that the request had then.
    pub plan_hash: PlanHash,
    /// Whose deed it was; `None` if vmm did it by itself, or the account is gone.
    pub actor: Option<UserId>,
    /// That person's name.
    pub actor_name: Option<UserName>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
