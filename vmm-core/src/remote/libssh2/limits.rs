//! Until when a call may go on, and who stops it.

use std::io::PipeReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::error::Cause;

/// The limits that end a wait before the server does.
#[derive(Clone)]
pub(super) struct Limits {
    pub(super) until: Instant,
    /// Its other end closes when the caller stops waiting.
    pub(super) cancelled: Option<Arc<PipeReader>>,
}

impl Limits {
    /// The time that is left.
    pub(super) fn left(&self) -> Result<Duration, Cause> {
        time_left(self.until)
    }

    /// Lets time pass, as long as somebody waits for the call.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Cause> {
        let timeout = timespec(self.left()?.min(time))?;
        let mut ready: Vec<_> = self.cancelled.iter().map(|pipe| PollFd::new(&**pipe, PollFlags::IN)).collect();
        match poll(&mut ready, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => self.left().map(|_| ()),
            Ok(_) => Err(Cause::Cancelled),
            Err(error) => Err(Cause::Io(error.into())),
        }
    }
}

pub(super) fn timespec(time: Duration) -> Result<Timespec, Cause> {
    Timespec::try_from(time).map_err(|_| Cause::Protocol("the deadline is too far away"))
}

/// The time that is left until a moment.
pub(super) fn time_left(until: Instant) -> Result<Duration, Cause> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Cause::deadline("the machine did not answer in time")) } else { Ok(left) }
}
