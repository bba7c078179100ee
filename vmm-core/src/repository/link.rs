//! Codes that link a chat to an account, in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, NewLinkCode, Timestamp, TokenHash, User};

/// Codes that bind a chat to an account.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait LinkRepository: Send + Sync {
    /// Records a code, in place of the one that the account had.
    async fn create(&self, code: NewLinkCode, audit: AuditEntry) -> Result<()>;
    /// The account that a code is for, unless it has expired at `now` or the account is disabled.
    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<User>>;
    /// Binds a chat to that account, and forgets the code. A chat that is bound to another account is a conflict.
    async fn redeem(&self, hash: TokenHash, chat: i64, now: Timestamp, audit: AuditEntry) -> Result<User>;
}
