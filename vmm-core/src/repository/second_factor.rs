//! Second factors in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, ConfirmedFactor, Sealed, SecondFactor, SecondFactorProof, UserId};

/// Second factors of accounts, at most one each.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SecondFactorRepository: Send + Sync {
    /// The second factor of an account, also one that is not confirmed.
    async fn get(&self, user: UserId) -> Result<Option<SecondFactor>>;
    /// Records the secret of one that is to be confirmed, in place of another one that was not. It is a conflict if the
    /// account has a confirmed one.
    async fn begin(&self, user: UserId, secret: Sealed, audit: AuditEntry) -> Result<()>;
    /// Confirms the one that was begun. From then on the account [has](crate::model::User::second_factor) one. It is a
    /// conflict if none was begun.
    async fn confirm(&self, user: UserId, confirmed: ConfirmedFactor, audit: AuditEntry) -> Result<()>;
    /// Uses what somebody has shown of a confirmed one up. Returns whether it still counted: of racing uses of one proof
    /// one does. The sign-in or operation that it is for has the audit row.
    async fn use_up(&self, user: UserId, proof: SecondFactorProof) -> Result<bool>;
    /// Removes one with its recovery codes.
    async fn remove(&self, user: UserId, audit: AuditEntry) -> Result<()>;
}
