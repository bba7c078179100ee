//! The trait of a store for users' files. Their names stand in the records; a store knows content alone.

pub mod directory;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{ContentId, UserId};
use crate::remote::Source;

/// Keeps content.
///
/// # Contract
/// - Content is there whole or not at all, also when the process dies, the source breaks off, or the caller stops
///   waiting. What [`create`](Self::create) has given and was [kept](Draft::keep) survives a power cut.
/// - No path is made of anything that a user wrote.
/// - A store that cannot be reached or is out of space is [`Unavailable`](crate::Error::Unavailable).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait FileStore: Send + Sync {
    /// Takes in what comes from `source`, up to its end. More than `limit` bytes are
    /// [`TooLarge`](crate::Error::TooLarge).
    async fn create(&self, user: UserId, limit: u64, source: Source) -> Result<Draft>;

    /// Gives content from this byte on. It can be read to its end also when it is removed meanwhile.
    async fn open(&self, user: UserId, content: ContentId, from: u64) -> Result<Source>;

    /// Gives content as a file of this machine, which can be read at any place. It stays readable also when it is
    /// removed meanwhile. A store on another machine copies it first.
    async fn file(&self, user: UserId, content: ContentId) -> Result<std::fs::File>;

    /// Removes content; does nothing if it is not there, or is still a draft.
    async fn remove(&self, user: UserId, content: ContentId) -> Result<()>;

    /// All content that is no draft, of this or any other process. What dead processes left is among it.
    async fn list(&self) -> Result<Vec<(UserId, ContentId)>>;
}

/// Content that was taken in. Unless it is kept it is removed when it is dropped.
pub struct Draft {
    /// Its name.
    pub content: ContentId,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of it, in lower-case hexadecimal digits.
    pub sha256: String,
    hold: Box<dyn Hold>,
}

/// The duties of a store towards a draft. Dropped without being kept, it removes the content.
pub trait Hold: Send {
    /// Lets the content stay.
    fn keep(self: Box<Self>);
}

impl Draft {
    /// A draft of a store.
    pub fn new(content: ContentId, bytes: u64, sha256: String, hold: Box<dyn Hold>) -> Self {
        Self { content, bytes, sha256, hold }
    }

    /// Lets the content stay. Call it when the content's name is recorded.
    pub fn keep(self) {
        self.hold.keep();
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draft").field("content", &self.content).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
