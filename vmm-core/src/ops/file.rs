//! Each user's file area: what is uploaded, and what comes from machines.

use tracing::warn;

use crate::error::{Error, Kind, Result};
use crate::files::Draft;
use crate::model::{AuditEntry, ContentId, FileName, NewFile, StoredFile, UserId};
use crate::policy::{Action, Actor, Target};
use crate::remote::Source;
use crate::vmm::{Desk, Vmm};

impl Vmm {
    /// The actor's files in order of name, at most `limit` of those behind `after`.
    ///
    /// # Errors
    /// `Unsupported` if the desk has no file area, or the actor is no account.
    pub async fn files(&self, actor: &Actor, after: Option<&FileName>, limit: u32) -> Result<Vec<StoredFile>> {
        let (owner, target) = own(actor, "files")?;
        let desk = self.read(actor, Action::FileRead, &target)?;
        desk.files()?;
        desk.repository().files().list(owner, after, limit).await
    }

    /// Puts a file into the actor's area, in place of one of the same name. `size` is how many bytes will come, if
    /// that is known.
    ///
    /// # Errors
    /// `TooLarge` for more than [`Settings::file_limit`](crate::Settings::file_limit), `Conflict` if the area is full.
    /// Nothing is kept then.
    pub async fn put_file(
        &self,
        actor: &Actor,
        name: FileName,
        size: Option<u64>,
        source: Source,
    ) -> Result<StoredFile> {
        let (owner, target) = own(actor, &name)?;
        self.change(actor, Action::FileWrite, target, |desk, audit| async move {
            let draft = take_in(&desk, owner, &name, size, source).await?;
            keep(desk, owner, name, draft, audit).await
        })
        .await
    }

    /// One of the actor's files, and its content from this byte on.
    ///
    /// # Errors
    /// `NotFound` if the actor has none of this name.
    pub async fn open_file(&self, actor: &Actor, name: &FileName, from: u64) -> Result<(StoredFile, Source)> {
        let (owner, target) = own(actor, name)?;
        let desk = self.read(actor, Action::FileRead, &target)?;
        open(&desk, owner, name, from).await
    }

    /// Removes one of the actor's files.
    ///
    /// # Errors
    /// `NotFound` if the actor has none of this name.
    pub async fn delete_file(&self, actor: &Actor, name: &FileName) -> Result<()> {
        let (owner, target) = own(actor, name)?;
        self.change(actor, Action::FileWrite, target, |desk, audit| async move {
            let file = find(&desk, owner, name).await?;
            desk.repository().files().delete(file.id, audit).await?;
            remove(&desk, owner, file.content).await;
            Ok(())
        })
        .await
    }
}

/// Whose area an actor's calls are about, and the target of a call.
pub(super) fn own(actor: &Actor, name: impl std::fmt::Display) -> Result<(UserId, Target)> {
    match actor {
        Actor::User { id, .. } => Ok((*id, Target::of(*id, format!("file {name}")))),
        Actor::Anonymous => Err(Error::Unauthenticated),
        Actor::System => Err(Error::Unsupported("a file area for vmm itself")),
    }
}

/// A file of an area and its content from this byte on.
pub(super) async fn open(desk: &Desk, owner: UserId, name: &FileName, from: u64) -> Result<(StoredFile, Source)> {
    let store = desk.files()?;
    let file = find(desk, owner, name).await?;
    match store.open(owner, file.content, from).await {
        // It may have been replaced in between.
        Err(Error::NotFound { .. }) => {
            let file = find(desk, owner, name).await?;
            let content = store.open(owner, file.content, from).await?;
            Ok((file, content))
        }
        content => Ok((file, content?)),
    }
}

/// One of a user's files.
pub(super) async fn find(desk: &Desk, owner: UserId, name: &FileName) -> Result<StoredFile> {
    desk.files()?;
    desk.repository().files().by_name(owner, name).await?.ok_or_else(|| Error::not_found(Kind::File, name))
}

/// Stores content that may become this file, as far as there is room in the area.
pub(super) async fn take_in(
    desk: &Desk,
    owner: UserId,
    name: &FileName,
    size: Option<u64>,
    source: Source,
) -> Result<Draft> {
    let (store, files) = (desk.files()?, desk.repository().files());
    let (limit, quota) = (desk.settings().file_limit, desk.settings().file_quota);
    let replaced = files.by_name(owner, name).await?.map_or(0, |file| file.bytes);
    let used = files.used(owner).await?.saturating_sub(replaced);
    let room = quota.saturating_sub(used);
    if size.is_some_and(|size| size > limit) {
        return Err(Error::TooLarge { limit });
    }
    let full = || {
        let reason = format!("your files may have {quota} bytes in all, and {used} are in use; delete some");
        Error::conflict(Kind::File, name, reason)
    };
    if size.is_some_and(|size| size > room) {
        return Err(full());
    }
    match store.create(owner, limit.min(room), source).await {
        Err(Error::TooLarge { .. }) if room < limit => Err(full()),
        draft => draft,
    }
}

/// Makes stored content a file. Goes on to its end also when the caller stops waiting: record and content belong
/// together.
pub(super) async fn keep(
    desk: Desk,
    owner: UserId,
    name: FileName,
    draft: Draft,
    audit: AuditEntry,
) -> Result<StoredFile> {
    let task = tokio::spawn(async move {
        let file =
            NewFile { user: owner, name, content: draft.content, bytes: draft.bytes, sha256: draft.sha256.clone() };
        let (file, replaced) = desk.repository().files().put(file, desk.settings().file_quota, audit).await?;
        draft.keep();
        if let Some(content) = replaced {
            remove(&desk, owner, content).await;
        }
        Ok(file)
    });
    task.await.map_err(|error| Error::internal("recording a file", error))?
}

/// Removes content that no file has any more. What cannot be removed now is found by the next [`tidy`].
async fn remove(desk: &Desk, owner: UserId, content: ContentId) {
    let removed = match desk.files() {
        Ok(store) => store.remove(owner, content).await,
        Err(error) => Err(error),
    };
    if let Err(error) = removed {
        warn!(%error, %content, "the content of a removed file stays until the next start");
    }
}

/// Removes content that no file has: what a dead process left, and what belonged to removed accounts.
pub(crate) async fn tidy(desk: &Desk) -> Result<()> {
    let Ok(store) = desk.files() else { return Ok(()) };
    // The records are read after the content, so that a file that is recorded in between is found in them.
    let stored = store.list().await?;
    let recorded: std::collections::HashSet<_> = desk.repository().files().contents().await?.into_iter().collect();
    for (owner, content) in stored.into_iter().filter(|(_, content)| !recorded.contains(content)) {
        store.remove(owner, content).await?;
    }
    Ok(())
}
