//! Accounts in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AuditEntry, NewUser, PasswordHash, Revision, Stored, User, UserChange, UserFilter, UserId, UserName,
};

/// Accounts.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Makes an account. A name (without regard to case) or chat that is taken is a conflict.
    async fn create(&self, user: NewUser, audit: AuditEntry) -> Result<User>;
    /// The account with this id.
    async fn by_id(&self, id: UserId) -> Result<Option<User>>;
    /// The account of this name, without regard to case.
    async fn by_name(&self, name: &UserName) -> Result<Option<User>>;
    /// The account that this chat is bound to.
    async fn by_chat(&self, chat: i64) -> Result<Option<User>>;
    /// Accounts, in order of name without regard to case.
    async fn list(&self, filter: &UserFilter) -> Result<Vec<User>>;
    /// Returns the amounts of an account's records that have budgets.
    async fn stored(&self, id: UserId) -> Result<Stored>;
    /// The hash of an account's password.
    async fn password(&self, id: UserId) -> Result<Option<PasswordHash>>;
    /// Changes an account. Another role, another password, and being disabled or enabled end its sessions. A name or
    /// chat that is taken is a conflict; so is a change after which no enabled admin would be left.
    async fn update(&self, id: UserId, change: UserChange, expect: Option<Revision>, audit: AuditEntry)
    -> Result<User>;
    /// Removes an account and its sessions. One that machines or requests name is a conflict; so is the last enabled
    /// admin.
    async fn delete(&self, id: UserId, expect: Option<Revision>, audit: AuditEntry) -> Result<()>;
}
