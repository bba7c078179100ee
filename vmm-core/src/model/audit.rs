//! The record of who did what.

use std::fmt;
use std::ops::Deref;

use zeroize::Zeroizing;

use super::hash::sha256_type;
use super::{Timestamp, UserId, row_id, words};
use crate::text::cut;

row_id!(
    /// Names an audit row.
    AuditId
);

words!(
    /// The outcome of an audited operation.
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

/// An audit row to write, in the transaction of the change that it records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// The actor's account; `None` for nobody and for vmm itself.
    pub user: Option<UserId>,
    /// The actor's name.
    pub actor: String,
    /// The action, by its name in the policy.
    pub action: &'static str,
    /// To what, as its kind and name.
    pub target: AuditText<512>,
    /// The outcome.
    pub outcome: Outcome,
    /// Further details; never a secret.
    pub detail: AuditText<1024>,
    /// The `started` row whose end this is.
    pub finishes: Option<AuditId>,
}

/// A text of an audit entry: at most `MOST` bytes, whatever it was made of, because nobody can delete an audit row. A
/// longer text is cut at the end of a character, and says that it was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditText<const MOST: usize>(String);

impl<const MOST: usize> AuditText<MOST> {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> From<String> for AuditText<MOST> {
    fn from(text: String) -> Self {
        Self(cut(text, MOST))
    }
}

impl<const MOST: usize> From<&str> for AuditText<MOST> {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl<const MOST: usize> Deref for AuditText<MOST> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for AuditText<MOST> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An audit row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its row.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// The actor's account.
    pub user: Option<UserId>,
    /// The actor's name.
    pub actor: String,
    /// The action.
    pub action: String,
    /// To what.
    pub target: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Further details.
    pub detail: String,
    /// The `started` row whose end this is.
    pub finishes: Option<AuditId>,
}

/// The key of the audit log's chain, from which follows the hash of each row. `Debug` does not show it, and its memory
/// is wiped when it is dropped.
#[derive(Clone)]
pub struct AuditKey(Zeroizing<[u8; 32]>);

impl AuditKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

sha256_type!(
    /// The hash of an audit row, which binds every row before it too. It is no secret.
    AuditHash
);

impl AuditHash {
    /// The first 48 bits as a number, which a figure of a monitoring system holds exactly.
    pub fn prefix(&self) -> u64 {
        self.0.iter().take(6).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

/// The newest audit row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of rows, which is the newest one's id.
    pub rows: u64,
    /// The newest row's hash; zeros before the first row.
    pub hash: AuditHash,
}

/// The result of verifying the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// The number of rows that fit, from the first one on, and the hash of the last of them.
    pub fits: AuditHead,
    /// The first row that does not fit: it was changed, added by somebody else or removed, or rows before it were.
    pub first_wrong: Option<AuditId>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_an_audit_entry_is_never_longer_than_its_bound() {
        let long = AuditText::<1024>::from("ä".repeat(7 << 20));
        assert!(long.len() <= 1024 && long.ends_with("bytes in all)"), "{long}");
        assert_eq!(AuditText::<1024>::from("20 GiB").as_str(), "20 GiB");
    }
}
