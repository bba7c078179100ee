//! Removes what a transfer that failed has left on a machine.

use std::time::{Duration, Instant};

use super::call::Call;
use super::digest;
use super::error::{Cause, Stage};
use super::limits::Limits;
use super::link::Link;
use super::sftp::{Files, No};
use super::sockets::Sockets;
use super::supervise::TIDYING;
use crate::error::{Error, Result};

/// Between two tries to tidy up.
const PAUSE: Duration = Duration::from_millis(500);

/// The remains that a failed upload may have left on a machine.
pub(super) struct Left<'a> {
    /// The file under way; empty if there is none.
    pub(super) temporary: &'a str,
    /// Where the file that was to be replaced stepped to, and where it belongs.
    pub(super) aside: Option<(&'a str, &'a str)>,
    /// The place that the file may be in already, and its digest.
    pub(super) placed: Option<(&'a str, &'a str)>,
}

/// The findings after a failed transfer.
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    /// The free space of the disk that the file under way was on, if it can be told.
    pub(super) free: Option<u64>,
    /// True if the file is in its place.
    pub(super) placed: bool,
}

/// Removes what is left of a transfer over SFTP.
pub(super) fn after_upload(call: &Call, sockets: &Sockets, left: &Left<'_>) -> Found {
    if left.temporary.is_empty() {
        return Found::default();
    }
    over_another_connection(call, sockets, left.temporary, |link| remove(link, left)).unwrap_or_default()
}

/// Removes what is left of a transfer, over a connection of its own: the first one may be stuck in the middle of a
/// packet, or broken.
pub(super) fn over_another_connection<T>(
    call: &Call,
    sockets: &Sockets,
    temporary: &str,
    remove: impl Fn(Link) -> Result<T, Cause>,
) -> Option<T> {
    let until = Instant::now() + TIDYING;
    loop {
        let removed = call
            .connect(Limits { until, cancelled: None }, &sockets.tidying)
            .and_then(|link| remove(link).map_err(|cause| call.failed(Stage::Transfer, cause)));
        match removed {
            Ok(found) => return Some(found),
            Err(Error::Unavailable { .. }) if Instant::now() + PAUSE < until => std::thread::sleep(PAUSE),
            Err(error) => {
                tracing::warn!(%error, path = temporary, "something unfinished may be left on a machine");
                return None;
            }
        }
    }
}

fn remove(link: Link, left: &Left<'_>) -> Result<Found, Cause> {
    let files = Files::new(link);
    if let Some((aside, place)) = left.aside {
        // Nothing is renamed over what is there.
        if files.rename(aside, place)?.is_err() {
            let _ = files.remove(aside)?;
        }
    }
    let free = match files.read(left.temporary)? {
        Ok(mut file) => {
            let free = file.free()?.ok();
            let _ = file.close()?;
            free
        }
        Err(No::Missing) => {
            let placed = match left.placed {
                Some((path, digest)) => digest::of(&files, path)? == digest,
                None => false,
            };
            return Ok(Found { free: None, placed });
        }
        Err(_) => None,
    };
    match files.remove(left.temporary)? {
        Ok(()) | Err(No::Missing) => Ok(Found { free, placed: false }),
        Err(_) => Err(Cause::Protocol("the machine does not remove the unfinished file")),
    }
}
