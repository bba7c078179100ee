//! A directory from a machine, compared with what is there at its end.

use std::io::{BufReader, ErrorKind};
use std::rc::Rc;

use super::incoming::Incoming;
use super::{Trip, refusal, there, wrong_archive};
use crate::error::{Error, Result};
use crate::remote::libssh2::call::Call;
use crate::remote::libssh2::error::{Cause, Stage};
use crate::remote::libssh2::limits::Limits;
use crate::remote::libssh2::link::Link;
use crate::remote::libssh2::resume::Route;
use crate::remote::libssh2::session_lease::SessionLease;
use crate::remote::libssh2::sftp::in_the_way;
use crate::remote::libssh2::sockets::Sockets;
use crate::remote::libssh2::transfer::{CHUNK, Deliver};
use crate::remote::tree::{Tally, Writer, carry};
use crate::remote::{Exit, TreeDownload, TreeTransferred};

/// Receives a directory, on a blocking thread.
pub(in crate::remote::libssh2) fn receive(
    call: &Call,
    lease: SessionLease,
    limits: Limits,
    sockets: &Sockets,
    download: &TreeDownload,
    deliver: Deliver,
) -> Result<TreeTransferred> {
    let (link, channel, taken) = lease.begin(call, limits.clone(), &sockets.work, Stage::Transfer, Link::channel)?;
    let route = Route::new(call, limits, sockets, taken, &link);
    let mut trip = Trip { route, link: Rc::new(link) };
    let received =
        Incoming::begin(&mut trip, &download.place, channel).and_then(|incoming| fetch(incoming, download, deliver));
    if received.is_ok() {
        trip.keep();
    }
    received.map_err(|cause| call.failed(Stage::Transfer, cause))
}

fn fetch(mut incoming: Incoming<'_, '_>, download: &TreeDownload, deliver: Deliver) -> Result<TreeTransferred, Cause> {
    let TreeDownload { place, limit, progress, .. } = download;
    let (mut tally, mut writer) = (Tally::default(), Writer::new(deliver.writer()));
    let read = carry(BufReader::with_capacity(CHUNK, &mut incoming), &mut writer, &mut tally, *limit, progress);
    if let Err(error) = read {
        match (incoming.failure(), error.kind()) {
            (Some(cause), _) => return Err(cause),
            // The command has ended before its output: it says why.
            (None, ErrorKind::UnexpectedEof) => {}
            (None, ErrorKind::InvalidData) => return Err(wrong_archive(&error)),
            (None, ErrorKind::FileTooLarge) => return Err(Cause::Public(Error::TooLarge { limit: *limit })),
            (None, _) => return Err(Cause::Cancelled),
        }
        let (ended, _, errors) = incoming.ended()?;
        return Err(refusal(place, &ended, &errors));
    }
    let (ended, _, errors) = incoming.ended()?;
    if ended != Exit::Code(0) {
        return Err(refusal(place, &ended, &errors));
    }
    writer.end().map_err(|_| Cause::Cancelled)?;
    let transferred = tally.transferred();
    let (reached, target) = (incoming.reached(), incoming.target().to_owned());
    if incoming.trip.insist(reached, |link| there(link, &target, &tally))? != transferred.sha256 {
        return Err(in_the_way(place, "changed while it was read; try again"));
    }
    Ok(transferred)
}
