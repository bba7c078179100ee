//! Sign-ins in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, NewSession, Session, SessionFilter, SessionId, Timestamp, TokenHash, User, UserId};

/// Logins.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Records a login, and forgets those of the same account that have expired.
    async fn create(&self, session: NewSession, audit: AuditEntry) -> Result<Session>;
    /// The login of this token and its account, unless it has expired at `now` or the account is disabled.
    async fn by_token(&self, token: TokenHash, now: Timestamp) -> Result<Option<(Session, User)>>;
    /// The login with this id, also if it has expired.
    async fn by_id(&self, id: SessionId) -> Result<Option<Session>>;
    /// The logins of an account that have not expired at `now`, in order of beginning.
    async fn list(&self, user: UserId, filter: &SessionFilter, now: Timestamp) -> Result<Vec<Session>>;
    /// Records when the second factor was given again in a login.
    async fn confirm(&self, id: SessionId, at: Timestamp, audit: AuditEntry) -> Result<()>;
    /// Ends a login. Ending one that is not there is `Ok`, changes nothing and writes no audit row.
    async fn delete(&self, id: SessionId, audit: AuditEntry) -> Result<()>;
}
