//! Each user's file area: what is uploaded, and what comes from machines.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tracing::warn;

use crate::budget::Place;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::files::Draft;
use crate::model::{AuditEntry, Budget, ContentId, FileName, NewFile, StoredFile, UserId};
use crate::policy::{Action, Actor, Target};
use crate::remote::Source;

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
    /// `TooLarge` for more than [`Settings::file_limit`](crate::Settings::file_limit), `OverBudget` if the area is
    /// full, those files included that are on their way into it, or as many are on their way as may be. Nothing is kept
    /// then.
    pub async fn put_file(
        &self,
        actor: &Actor,
        name: FileName,
        size: Option<u64>,
        source: Source,
    ) -> Result<StoredFile> {
        let (owner, target) = own(actor, &name)?;
        let upload = self.take_place(Budget::Uploads, actor.into())?;
        self.change(actor, Action::FileWrite, target, |desk, audit| async move {
            let draft = take_in(&desk, (actor, owner), &name, size, source).await?;
            drop(upload);
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
pub(in crate::ops) fn own(actor: &Actor, name: impl std::fmt::Display) -> Result<(UserId, Target)> {
    match actor {
        Actor::User { id, .. } => Ok((*id, Target::of(*id, format!("file {name}")))),
        Actor::Anonymous => Err(Error::Unauthenticated),
        Actor::System => Err(Error::Unsupported("a file area for vmm itself")),
    }
}

/// A file of an area and its content from this byte on.
pub(in crate::ops) async fn open(
    desk: &Desk,
    owner: UserId,
    name: &FileName,
    from: u64,
) -> Result<(StoredFile, Source)> {
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
pub(in crate::ops) async fn find(desk: &Desk, owner: UserId, name: &FileName) -> Result<StoredFile> {
    desk.files()?;
    desk.repository().files().by_name(owner, name).await?.ok_or_else(|| Error::not_found(Kind::File, name))
}

/// Content that may become a file, and its share of the room in the area.
pub(in crate::ops) struct Taken {
    pub(in crate::ops) draft: Draft,
    _meter: Arc<Mutex<Meter>>,
}

/// Takes room in an area as content comes.
struct Meter {
    room: Place,
    /// The reserved size.
    taken: u64,
    /// The size that has arrived.
    come: u64,
    /// The size of the other files in the area.
    used: u64,
    /// Why no more is taken.
    refusal: Option<Error>,
}

impl Meter {
    /// Takes the room for bytes that came, unless there is room for them.
    fn count(&mut self, bytes: usize) -> Result<(), &'static str> {
        self.come += bytes as u64;
        let missing = self.come.saturating_sub(self.taken);
        match self.room.grow_beside(missing, self.used) {
            Ok(()) => {
                self.taken += missing;
                Ok(())
            }
            Err(error) => {
                self.refusal = Some(error);
                Err("the area is full")
            }
        }
    }
}

/// A source whose bytes are counted.
struct Metered {
    source: Source,
    meter: Arc<Mutex<Meter>>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.source).poll_read(context, buffer);
        let came = buffer.filled().len() - before;
        if came > 0 {
            lock(&self.meter).count(came).map_err(io::Error::other)?;
        }
        polled
    }
}

fn lock(meter: &Mutex<Meter>) -> MutexGuard<'_, Meter> {
    meter.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores content that may become this file, as far as there is room in the area beside all other content that is on
/// its way into it.
pub(in crate::ops) async fn take_in(
    desk: &Desk,
    (actor, owner): (&Actor, UserId),
    name: &FileName,
    size: Option<u64>,
    source: Source,
) -> Result<Taken> {
    let (store, files) = (desk.files()?, desk.repository().files());
    let limit = desk.settings().file_limit;
    if size.is_some_and(|size| size > limit) {
        return Err(Error::TooLarge { limit });
    }
    let replaced = files.by_name(owner, name).await?.map_or(0, |file| file.bytes);
    let used = files.used(owner).await?.saturating_sub(replaced);
    let taken = size.unwrap_or_default();
    let room = desk.budgets().take_amount(Budget::StoredBytes, actor.into(), taken, used)?;
    let meter = Arc::new(Mutex::new(Meter { room, taken, come: 0, used, refusal: None }));
    let draft = store.create(owner, limit, Box::new(Metered { source, meter: Arc::clone(&meter) })).await;
    let refusal = lock(&meter).refusal.take();
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Taken { draft: draft?, _meter: meter }),
    }
}

/// Makes stored content a file. Goes on to its end also when the caller stops waiting: record and content belong
/// together.
pub(in crate::ops) async fn keep(
    desk: Desk,
    owner: UserId,
    name: FileName,
    taken: Taken,
    audit: AuditEntry,
) -> Result<StoredFile> {
    let task = tokio::spawn(async move {
        let Taken { draft, _meter } = taken;
        let file =
            NewFile { user: owner, name, content: draft.content, bytes: draft.bytes, sha256: draft.sha256.clone() };
        let (file, replaced) = desk.repository().files().put(file, desk.budgets().limits().stored(), audit).await?;
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
