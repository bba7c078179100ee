//! Files of users.

use async_trait::async_trait;

use super::record::user;
use super::state::State;
use super::store::Store;
use super::table::page;
use crate::error::{Error, Kind, Result};
use crate::model::{AuditEntry, Budget, ContentId, FileId, FileName, NewFile, Stored, StoredFile, UserId};
use crate::repository::FileRepository;
use crate::repository::rules::{check_share, now};

#[async_trait]
impl FileRepository for Store {
    async fn put(&self, file: NewFile, limits: Stored, audit: AuditEntry) -> Result<(StoredFile, Option<ContentId>)> {
        self.change(&audit, |state| {
            let NewFile { user, name, content, bytes, sha256 } = file;
            user::required(state, user)?;
            let before = by_name(state, user, &name).cloned();
            let (files, total) = stored(state, user);
            let rest = total - before.as_ref().map_or(0, |file| file.bytes);
            check_share(Budget::StoredBytes, total, rest.saturating_add(bytes), limits.file_bytes)?;
            check_share(Budget::Files, files, files + u64::from(before.is_none()), limits.files)?;
            if let Some(before) = &before {
                state.files.remove(&before.id);
            }
            let id = FileId(state.files.next_id());
            let made = StoredFile { id, user, name, content, bytes, sha256, changed_at: now() };
            state.files.insert(id, made.clone());
            Ok((made, before.map(|file| file.content)))
        })
    }

    async fn by_name(&self, user: UserId, name: &FileName) -> Result<Option<StoredFile>> {
        Ok(self.read(|state| by_name(state, user, name).cloned()))
    }

    async fn list<'a>(&self, user: UserId, after: Option<&'a FileName>, limit: u32) -> Result<Vec<StoredFile>> {
        let is_wanted = |file: &&StoredFile| file.user == user && after.is_none_or(|after| file.name > *after);
        Ok(self.read(|state| {
            let mut files: Vec<_> = state.files.values().filter(is_wanted).collect();
            files.sort_by(|one, next| one.name.cmp(&next.name));
            page(files.into_iter().cloned(), Some(limit))
        }))
    }

    async fn used(&self, user: UserId) -> Result<u64> {
        Ok(self.read(|state| stored(state, user).1))
    }

    async fn delete(&self, id: FileId, audit: AuditEntry) -> Result<()> {
        self.change(
            &audit,
            |state| {
                if state.files.remove(&id) { Ok(()) } else { Err(Error::not_found(Kind::File, id)) }
            },
        )
    }

    async fn contents(&self) -> Result<Vec<ContentId>> {
        Ok(self.read(|state| state.files.values().map(|file| file.content).collect()))
    }
}

fn by_name<'a>(state: &'a State, user: UserId, name: &FileName) -> Option<&'a StoredFile> {
    state.files.find(|file| file.user == user && file.name == *name)
}

/// Returns how many files a user has, and how many bytes the files have in all.
pub(super) fn stored(state: &State, user: UserId) -> (u64, u64) {
    let files = state.files.values().filter(|file| file.user == user);
    files.fold((0, 0_u64), |(count, bytes), file| (count + 1, bytes.saturating_add(file.bytes)))
}
