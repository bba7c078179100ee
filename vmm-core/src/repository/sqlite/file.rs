//! Files of users.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::error::{Error, Result};
use super::row::{Columns, all, execute, first, integer};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{AuditEntry, Budget, ContentId, FileId, FileName, NewFile, Stored, StoredFile, UserId};
use crate::repository::FileRepository;
use crate::repository::rules::{check_share, now};

#[async_trait]
impl FileRepository for Store {
    async fn put(
        &self,
        file: NewFile,
        limits: Stored,
        audit: AuditEntry,
    ) -> error::Result<(StoredFile, Option<ContentId>)> {
        self.change("recording a file", audit, move |tx| {
            let NewFile { user, name, content, bytes, sha256 } = &file;
            let before = by_name(tx, *user, name)?;
            let (files, total) = stored(tx, *user)?;
            // A number that no column holds is over every limit.
            let rest = total - before.as_ref().map_or(0, |file| file.bytes);
            check_share(Budget::StoredBytes, total, rest.saturating_add(*bytes), limits.file_bytes)?;
            check_share(Budget::Files, files, files + u64::from(before.is_none()), limits.files)?;
            execute(tx, "DELETE FROM file WHERE user = ?1 AND name = ?2", params![user.0, name.as_str()])?;
            execute(
                tx,
                "INSERT INTO file (user, name, content, bytes, sha256, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    user.0,
                    name.as_str(),
                    content.to_string(),
                    integer("bytes", *bytes)?,
                    sha256,
                    now().timestamp_micros()
                ],
            )?;
            let made = by_name(tx, *user, name)?.ok_or_else(|| error::Error::not_found(Kind::File, name))?;
            Ok((made, before.map(|file| file.content)))
        })
        .await
    }

    async fn by_name(&self, user: UserId, name: &FileName) -> error::Result<Option<StoredFile>> {
        let name = name.clone();
        self.read("reading a file's record", move |connection| by_name(connection, user, &name)).await
    }

    async fn list<'a>(&self, user: UserId, after: Option<&'a FileName>, limit: u32) -> error::Result<Vec<StoredFile>> {
        let after = after.cloned();
        self.read("listing files", move |connection| {
            all(
                connection,
                "SELECT * FROM file WHERE user = ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT ?3",
                params![user.0, after.as_ref().map(FileName::as_str), limit],
                file,
            )
        })
        .await
    }

    async fn used(&self, user: UserId) -> error::Result<u64> {
        self.read("adding up files", move |connection| Ok(stored(connection, user)?.1)).await
    }

    async fn delete(&self, id: FileId, audit: AuditEntry) -> error::Result<()> {
        self.change("removing a file", audit, move |tx| match execute(tx, "DELETE FROM file WHERE id = ?1", [id.0])? {
            0 => Err(error::Error::not_found(Kind::File, id).into()),
            _ => Ok(()),
        })
        .await
    }

    async fn contents(&self) -> error::Result<Vec<ContentId>> {
        self.read("listing contents", |connection| all(connection, "SELECT content FROM file", [], content)).await
    }
}

fn by_name(connection: &Connection, user: UserId, name: &FileName) -> Result<Option<StoredFile>> {
    first(connection, "SELECT * FROM file WHERE user = ?1 AND name = ?2", params![user.0, name.as_str()], file)
}

/// Returns the number of files of a user, and of their bytes in all.
pub(super) fn stored(connection: &Connection, user: UserId) -> Result<(u64, u64)> {
    let sum = "SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM file WHERE user = ?1";
    Ok(first(connection, sum, [user.0], |row| Ok((row.size("files")?, row.size("bytes")?)))?.unwrap_or_default())
}

fn file(row: &Row<'_>) -> Result<StoredFile> {
    Ok(StoredFile {
        id: FileId(row.value("id")?),
        user: UserId(row.value("user")?),
        name: row.parsed("name")?,
        content: content(row)?,
        bytes: row.size("bytes")?,
        sha256: row.value("sha256")?,
        changed_at: row.time("changed_at")?,
    })
}

fn content(row: &Row<'_>) -> Result<ContentId> {
    let text: String = row.value("content")?;
    Ok(ContentId(text.parse().map_err(|source: uuid::Error| Error::corrupt("content", source))?))
}
