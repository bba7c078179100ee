//! File areas in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, ContentId, FileId, FileName, NewFile, Stored, StoredFile, UserId};

/// Files of users. Their content is somewhere else, in a [`FileStore`](crate::files::FileStore).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait FileRepository: Send + Sync {
    /// Records a file in place of the user's one of the same name, whose content is given back to be removed. More
    /// files or bytes of files than the user may have are [`OverBudget`](crate::Error::OverBudget).
    async fn put(&self, file: NewFile, limits: Stored, audit: AuditEntry) -> Result<(StoredFile, Option<ContentId>)>;
    /// The user's file of this name.
    async fn by_name(&self, user: UserId, name: &FileName) -> Result<Option<StoredFile>>;
    /// The user's files in order of name, at most `limit` of those behind `after`.
    async fn list<'a>(&self, user: UserId, after: Option<&'a FileName>, limit: u32) -> Result<Vec<StoredFile>>;
    /// Returns the number of bytes that the user's files have in all.
    async fn used(&self, user: UserId) -> Result<u64>;
    /// Forgets a file.
    async fn delete(&self, id: FileId, audit: AuditEntry) -> Result<()>;
    /// The content of every file of every user.
    async fn contents(&self) -> Result<Vec<ContentId>>;
}
