//! Files of users.

use std::fmt;

use uuid::Uuid;

use super::{FileName, Timestamp, UserId, row_id};

row_id!(
    /// Names a file of a file area.
    FileId
);

/// Names stored content. The store chooses it; no text of a user's is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(pub Uuid);

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A file in a user's file area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its row.
    pub id: FileId,
    /// Whose.
    pub user: UserId,
    /// Its name, unique in the area.
    pub name: FileName,
    /// Its content.
    pub content: ContentId,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
    /// When this content came.
    pub changed_at: Timestamp,
}

/// A file to record, whose content is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Whose.
    pub user: UserId,
    /// Its name.
    pub name: FileName,
    /// Its content.
    pub content: ContentId,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
}
