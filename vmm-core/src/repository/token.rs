//! API tokens in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AuditEntry, NewToken, RevokedAccess, Timestamp, Token, TokenHash, TokenId, TokenName, User, UserId,
};

/// The number of tokens that an account can have.
pub const MOST_TOKENS: u32 = 100;

/// API tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TokenRepository: Send + Sync {
    /// Records a token, and forgets those of the same account that have expired. A name that the account has given
    /// already is a conflict; so is the one after the hundredth.
    async fn create(&self, token: NewToken, audit: AuditEntry) -> Result<Token>;
    /// The token with this hash and its account, unless it has expired at `now` or the account is disabled.
    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<(Token, User)>>;
    /// The tokens of an account, in order of name, also those that have expired.
    async fn list(&self, user: UserId) -> Result<Vec<Token>>;
    /// Records that a token was used.
    async fn used(&self, id: TokenId, at: Timestamp) -> Result<()>;
    /// Removes a token.
    async fn delete(&self, user: UserId, name: &TokenName, audit: AuditEntry) -> Result<()>;
    /// Removes all tokens of an account, its logins, and its code that would bind a chat; with `everything` also frees
    /// its chat, disables its schedules and cancels its runs. Tells what has ended and what is left.
    async fn revoke_access(&self, user: UserId, everything: bool, audit: AuditEntry) -> Result<RevokedAccess>;
}
