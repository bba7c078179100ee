//! Files from and to machines.

use std::convert::Infallible;
use std::io::Cursor;

use tokio::io::{AsyncReadExt, duplex};
use tokio::time::{MissedTickBehavior, interval};
use vmm_core::remote::{self, DEFAULT_TRANSFER_DEADLINE, Login, Progress};
use vmm_core::{Cargo, Direction, Error, ReceiveTo, Result, SendFrom, Transfer, TransferReports};

use super::errand::{Ended, ErrandWork};
use crate::talk::dialogue::Errand;
use crate::talk::render;
use crate::talk::render::errand::SoFar;
use crate::transport::file::{self, Document};

/// The largest file that a bot may send, in bytes.
const LARGEST: u64 = 50_000_000;
/// The size of the buffer between a machine and the memory, in bytes.
const BETWEEN: usize = 256 << 10;

/// The file on the machine that something is about.
///
/// # Errors
/// `Invalid` if it cannot be one.
pub(super) fn place(errand: &Errand) -> Result<Option<remote::Place>> {
    match errand {
        Errand::Run { .. } => Ok(None),
        Errand::Get { path } => {
            let (directory, file) = path.rsplit_once('/').unwrap_or(("~", path));
            remote::Place::new(if directory.is_empty() { "/" } else { directory }, file).map(Some)
        }
        Errand::Put { directory, document } => remote::Place::new(directory, &document.name).map(Some),
    }
}

/// Fetches a file.
pub(super) async fn get(work: &ErrandWork, login: Login, progress: &Progress) -> Result<Ended> {
    let transfer = transfer(work, login, progress)?;
    let name = transfer.place.file().to_owned();
    let (here, there) = duplex(BETWEEN);
    let mut content = Vec::new();
    let read = async {
        // It ends here at the latest, which ends the transfer.
        let mut here = here.take(LARGEST + 1);
        here.read_to_end(&mut content).await
    };
    let to = Direction::Receive(ReceiveTo::Content(Box::new(there)));
    let received = work.context.vmm.carry(&work.asked.actor, &work.vm, transfer, to);
    let (received, read) = followed(work, progress, async { tokio::join!(received, read) }).await;
    if content.len() as u64 > LARGEST {
        return Err(Error::TooLarge { limit: LARGEST });
    }
    let report = received.and_then(TransferReports::one)?;
    read.map_err(|error| Error::internal("keeping a received file", error))?;
    // Telegram takes no empty file.
    let file = (!content.is_empty()).then(|| render::transfer::file(&work.shown, name, content));
    Ok((render::transfer::carried(&work.shown, &report), file))
}

/// Sends an uploaded file.
pub(super) async fn put(work: &ErrandWork, login: Login, progress: &Progress, document: &Document) -> Result<Ended> {
    let transfer = transfer(work, login, progress)?;
    let content = match file::download(&work.context.bot, document).await {
        Ok(content) => content,
        Err(reason) => return Ok((render::transfer::not_there(&work.shown, &reason), None)),
    };
    progress.expect(content.len() as u64);
    let from = Direction::Send(SendFrom::Content(Box::new(Cursor::new(content))));
    let sent = work.context.vmm.carry(&work.asked.actor, &work.vm, transfer, from);
    let report = followed(work, progress, sent).await.and_then(TransferReports::one)?;
    Ok((render::transfer::carried(&work.shown, &report), None))
}

/// Waits for the end of a transfer, and shows meanwhile how far it is.
async fn followed<T>(work: &ErrandWork, progress: &Progress, transfer: impl Future<Output = T>) -> T {
    tokio::select! {
        end = transfer => end,
        never = follow(work, progress) => match never {},
    }
}

/// Shows how far a transfer is, for as long as somebody waits for it: it does not end.
async fn follow(work: &ErrandWork, progress: &Progress) -> Infallible {
    let (mut carried, mut edits) = (progress.watch(), interval(work.context.pause));
    edits.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if carried.changed().await.is_err() {
            return std::future::pending().await;
        }
        edits.tick().await;
        let so_far = SoFar::carried(*carried.borrow_and_update(), progress.total());
        work.show(work.running(&so_far)).await;
    }
}

fn transfer(work: &ErrandWork, login: Login, progress: &Progress) -> Result<Transfer> {
    let none = || Error::invalid("file", "has no path; name one, like /etc/hosts");
    let place = place(&work.shown.errand)?.ok_or_else(none)?;
    let (deadline, progress) = (DEFAULT_TRANSFER_DEADLINE, progress.clone());
    Ok(Transfer { cargo: Cargo::File, place, login, deadline, progress })
}
