//! The audit log in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditVerdict};

/// The record of who did what. Rows are only ever added; each carries a keyed hash over itself and the row before it,
/// and the newest row is sealed, so that nobody without the key removes, changes or adds rows unnoticed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditRepository: Send + Sync {
    /// Uses this key from now on, and begins the chain with it if there is neither an account nor a row. Until then no
    /// row can be added, and so nothing be changed that leaves one.
    async fn use_key(&self, key: AuditKey) -> Result<()>;
    /// Adds a row. On rows that were tampered with it stays visible for ever that they were.
    async fn record(&self, entry: AuditEntry) -> Result<AuditId>;
    /// Rows, newest first.
    async fn list(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>>;
    /// Looks at every row: whether its hash fits, and whether the last one is the newest that was written.
    async fn verify(&self) -> Result<AuditVerdict>;
    /// The newest row, not verified.
    async fn head(&self) -> Result<AuditHead>;
    /// The hash of a row, not verified.
    async fn hash(&self, id: AuditId) -> Result<Option<AuditHash>>;
}
