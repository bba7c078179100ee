//! Content in a directory of this machine: one directory for each user, one file for each content, all with names
//! of our own.
//!
//! A draft is locked. The lock ends with its process, so that what a dead one left can be told from what a living one
//! writes.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use uuid::Uuid;

use super::{Draft, FileStore, Hold};
use crate::blocking;
use crate::error::{Error, Kind, Part, Result};
use crate::model::{ContentId, UserId};
use crate::remote::Source;
use crate::text::hex;

/// So much of a file is in memory at once.
const CHUNK: usize = 256 * 1024;

/// A file store in a directory. Several processes may use it at once.
#[derive(Clone, Debug)]
pub struct DirectoryFiles {
    root: PathBuf,
}

impl DirectoryFiles {
    /// Opens the directory, and makes it, for its owner only, if it is not there.
    ///
    /// # Errors
    /// [`Unavailable`](Error::Unavailable) if it cannot be made or is no directory.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self> {
        let root = root.as_ref().to_owned();
        blocking::run("opening the file area", move || {
            // The process may stand elsewhere later.
            let root = std::path::absolute(root).map_err(unavailable)?;
            make_directory(&root).map_err(|error| {
                Error::unavailable(Part::Files, format!("{} cannot be used: {error}", root.display()))
            })?;
            Ok(Self { root })
        })
        .await
    }

    fn directory(&self, user: UserId) -> PathBuf {
        self.root.join(user.to_string())
    }

    fn path(&self, user: UserId, content: ContentId) -> PathBuf {
        self.directory(user).join(content.to_string())
    }
}

#[async_trait]
impl FileStore for DirectoryFiles {
    async fn create(&self, user: UserId, limit: u64, mut source: Source) -> Result<Draft> {
        let directory = self.directory(user);
        let (content, held) = blocking::run("making a file", move || begin(&directory).map_err(unavailable)).await?;
        let copy = held.file.try_clone().map_err(unavailable)?;
        let mut file = tokio::fs::File::from_std(copy);
        let (mut bytes, mut digest, mut buffer) = (0, Sha256::new(), vec![0; CHUNK]);
        loop {
            let count = source.read(&mut buffer).await.map_err(|error| {
                Error::unavailable(Part::Desk, format!("the content to store cannot be read: {error}"))
            })?;
            if count == 0 {
                break;
            }
            bytes += count as u64;
            if bytes > limit {
                return Err(Error::TooLarge { limit });
            }
            digest.update(&buffer[..count]);
            file.write_all(&buffer[..count]).await.map_err(unavailable)?;
        }
        file.flush().await.map_err(unavailable)?;
        file.sync_all().await.map_err(unavailable)?;
        let sha256 = hex(digest.finalize());
        Ok(Draft::new(content, bytes, sha256, Box::new(held)))
    }

    async fn open(&self, user: UserId, content: ContentId, from: u64) -> Result<Source> {
        let mut file = tokio::fs::File::from_std(self.file(user, content).await?);
        file.seek(SeekFrom::Start(from)).await.map_err(unavailable)?;
        Ok(Box::new(file))
    }

    async fn file(&self, user: UserId, content: ContentId) -> Result<File> {
        let path = self.path(user, content);
        blocking::run("opening a file", move || {
            File::open(path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => Error::not_found(Kind::File, content),
                _ => unavailable(error),
            })
        })
        .await
    }

    async fn remove(&self, user: UserId, content: ContentId) -> Result<()> {
        let path = self.path(user, content);
        blocking::run("removing a file", move || match free(&path) {
            Ok(Some(_lock)) => fs::remove_file(&path).or_else(unless_missing).map_err(unavailable),
            Ok(None) => Ok(()),
            Err(error) => Err(unavailable(error)),
        })
        .await
    }

    async fn list(&self) -> Result<Vec<(UserId, ContentId)>> {
        let root = self.root.clone();
        blocking::run("listing the file area", move || list(&root).map_err(unavailable)).await
    }
}

/// A locked file, removed when it is dropped.
struct Held {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Hold for Held {
    fn keep(mut self: Box<Self>) {
        self.kept = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One quick call, which has to be made also where nobody can wait any more.
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "an unfinished file could not be removed");
        }
    }
}

/// Makes an empty file of a name of its own and locks it.
fn begin(directory: &Path) -> io::Result<(ContentId, Held)> {
    make_directory(directory)?;
    loop {
        let content = ContentId(Uuid::new_v4());
        let path = directory.join(content.to_string());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.lock()?;
        // Before it was locked it looked like a dead process's; somebody may have tidied it up.
        if file.metadata()?.nlink() > 0 {
            File::open(directory)?.sync_all()?;
            return Ok((content, Held { path, file, kept: false }));
        }
    }
}

/// The lock of a file that is there and is no draft.
fn free(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn list(root: &Path) -> io::Result<Vec<(UserId, ContentId)>> {
    let mut found = Vec::new();
    for (user, directory) in entries(root)? {
        let Ok(user) = user.parse().map(UserId) else { continue };
        for (content, path) in entries(&directory)? {
            let Ok(content) = content.parse().map(ContentId) else { continue };
            if free(&path)?.is_some() {
                found.push((user, content));
            }
        }
    }
    Ok(found)
}

fn entries(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
    };
    fs::read_dir(directory)?.map(entry).collect()
}

/// Makes a directory for its owner only, unless it is there, so that it survives a power cut.
fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

fn unless_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn unavailable(error: io::Error) -> Error {
    Error::unavailable(Part::Files, error)
}
