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
    pub target: AuditText<512>,
    /// How it went.
    pub outcome: Outcome,
    /// What else helps to understand it; never a secret.
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

/// The key of the audit log's chain, from which follows the hash of each row. `Debug` does not show it, and its memory is
/// wiped when it is dropped.
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
    /// How many rows there are, which is the newest one's id.
    pub rows: u64,
    /// The newest row's hash; zeros before the first row.
    pub hash: AuditHash,
}

/// What verifying the audit log has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many rows fit, from the first one on, and the hash of the last of them.
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
