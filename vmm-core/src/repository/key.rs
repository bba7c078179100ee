//! The sealed secrets in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, Resealed, ScriptId, Sealed, UserId};

/// The secrets that are sealed with the master key.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// The sealed secret of the desk's machines; `None` on a new desk.
    async fn machines_secret(&self) -> Result<Option<Sealed>>;
    /// Keeps this one if there is none yet. Gives the one that is kept, to racers the same. A desk makes its secret by
    /// itself, so there is no audit row.
    async fn keep_machines_secret(&self, secret: Sealed) -> Result<Sealed>;
    /// The sealed password of each login that is stored with a script, in order of id.
    async fn passwords(&self) -> Result<Vec<(ScriptId, Sealed)>>;
    /// The sealed secret of each second factor, in order of account.
    async fn second_factors(&self) -> Result<Vec<(UserId, Sealed)>>;
    /// Puts what was sealed anew in place of all that is sealed. It is a conflict if the machines' secret,
    /// the scripts with a login or the accounts with a second factor are other ones by now.
    async fn replace(&self, resealed: Resealed, audit: AuditEntry) -> Result<()>;
}
