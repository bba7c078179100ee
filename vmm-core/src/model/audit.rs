//! The record of who did what.

use super::{Timestamp, UserId, row_id, words};

row_id!(
    /// Names an audit row.
    AuditId
);

words!(
    /// How an audited operation went.
    Outcome, "outcome" {
        /// An operation with an effect outside the database was begun; a later row with `finishes` tells its end.
        Started = "started",
        /// It was done.
        Done = "done",
        /// It was allowed, and failed.
        Failed = "failed",
        /// The policy said no.
        Denied = "denied",
    }
);

/// What a changing operation writes, in the same transaction as its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who, as an account; `None` for nobody and for vmm itself.
    pub user: Option<UserId>,
    /// Who, as a name.
    pub actor: String,
    /// What, as one of the policy's action names.
    pub action: &'static str,
    /// To what, as its kind and name.
    pub target: String,
    /// How it went.
    pub outcome: Outcome,
    /// What else helps to understand it; never a secret.
    pub detail: String,
    /// The `started` row whose end this is.
    pub finishes: Option<AuditId>,
}

/// An audit row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its row.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who, as an account.
    pub user: Option<UserId>,
    /// Who, as a name.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// How it went.
    pub outcome: Outcome,
    /// What else helps to understand it.
    pub detail: String,
    /// The `started` row whose end this is.
    pub finishes: Option<AuditId>,
}

/// Which audit rows to list, newest first. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only those of this account.
    pub user: Option<UserId>,
    /// Only those of this action.
    pub action: Option<String>,
    /// Only those about this, like `vm web-1`.
    pub target: Option<String>,
    /// Only those of operations that went so.
    pub outcome: Option<Outcome>,
    /// Only those from this moment on.
    pub from: Option<Timestamp>,
    /// Only those before this moment.
    pub to: Option<Timestamp>,
    /// Only those older than this row.
    pub before: Option<AuditId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}
