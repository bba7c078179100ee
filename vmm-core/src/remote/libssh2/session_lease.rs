//! A call's place among the open sessions.

use std::time::{Duration, Instant};

use super::call::Call;
use super::error::{Cause, Stage};
use super::limits::Limits;
use super::link::Link;
use super::pool::{Entry, Session, Slot};
use super::sockets::SocketSlot;
use crate::error::Result;

/// The time that a kept session has for its first answer before a new connection is tried in its place.
const REVIVAL: Duration = Duration::from_secs(3);

/// A place among the open sessions, and perhaps the session that a former call left on it.
pub(super) struct SessionLease {
    slot: Slot,
    kept: Option<Session>,
}

/// A place whose session is in use.
pub(super) struct LeaseInUse {
    slot: Slot,
    since: Instant,
}

impl From<Entry> for SessionLease {
    fn from(Entry { slot, session: kept }: Entry) -> Self {
        Self { slot, kept }
    }
}

impl SessionLease {
    /// Returns whether a former call has left one.
    pub(super) fn has_session(&self) -> bool {
        self.kept.is_some()
    }

    /// A session that is logged in, and what the server answered first on it.
    ///
    /// A kept session on which that first step fails is replaced by a new one, so the step must be one that may be
    /// asked for twice.
    pub(super) fn begin<T>(
        self,
        call: &Call,
        limits: Limits,
        socket: &SocketSlot,
        stage: Stage,
        first: impl Fn(&Link) -> Result<T, Cause>,
    ) -> Result<(Link, T, LeaseInUse)> {
        let Self { slot, kept } = self;
        if let Some(Session { mut link, since }) = kept
            && !link.is_gone()
        {
            link.resume(limits.clone());
            socket.set(link.socket());
            match link.within(REVIVAL, &first) {
                Ok(done) => return Ok((link, done, LeaseInUse { slot, since })),
                Err(Cause::Cancelled) => return Err(call.failed(stage, Cause::Cancelled)),
                Err(_) => {}
            }
        }
        let since = Instant::now();
        let link = call.connect(limits, socket)?;
        let done = first(&link).map_err(|cause| call.failed(stage, cause))?;
        Ok((link, done, LeaseInUse { slot, since }))
    }
}

impl LeaseInUse {
    /// Notes that the call has logged in anew.
    pub(super) fn renew(&mut self) {
        self.since = Instant::now();
    }

    /// Leaves a session on which everything has come to its end to the next call.
    pub(super) fn keep(self, link: Link) {
        self.slot.keep(Session { link, since: self.since });
    }
}
