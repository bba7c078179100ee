//! Transfers that go on over another connection when theirs is lost.

use std::time::Duration;

use ssh2::ErrorCode;

use super::call::Call;
use super::error::{Cause, Stage};
use super::limits::Limits;
use super::link::Link;
use super::session_lease::{LeaseInUse, SessionLease};
use super::sftp::{Files, Way};
use super::sockets::Sockets;
use crate::error::Error;

/// The number of connections in a row that may bring nothing before the transfer is given up.
const TRIES: u32 = 5;
/// Before the first of them; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// libssh2's codes for a connection that is gone: socket send, disconnect, timeout and receive, a channel that is
/// closed or ended, and a bad socket.
const LOST: [i32; 7] = [-7, -13, -30, -43, -26, -27, -45];

/// A transfer that knows how far it has come.
pub(super) trait Resumable {
    /// The result of a finished transfer.
    type Done;

    /// Goes on from where it stands.
    fn go_on(&mut self, files: &Files) -> Result<Self::Done, Cause>;

    /// Returns the number of bytes that need not be moved again.
    fn reached(&self) -> u64;
}

/// A transfer's first connection, and the way to the machine's files over it.
pub(super) struct Begun<'a> {
    pub(super) way: Way,
    link: Link,
    route: Route<'a>,
}

/// Connects for a transfer.
pub(super) fn begin<'a>(
    call: &'a Call,
    lease: SessionLease,
    limits: &Limits,
    sockets: &'a Sockets,
) -> Result<Begun<'a>, Cause> {
    let (link, way, lease) =
        lease.begin(call, limits.clone(), &sockets.work, Stage::Transfer, Files::way).map_err(Cause::Public)?;
    let route = Route::new(call, limits.clone(), sockets, lease, &link);
    Ok(Begun { way, link, route })
}

impl Begun<'_> {
    /// Does the transfer. A connection that is lost is replaced within the call's limits.
    pub(super) fn run<R: Resumable>(self, transfer: &mut R) -> Result<R::Done, Cause> {
        let Self { mut link, mut route, .. } = self;
        loop {
            let files = Files::new(link);
            match transfer.go_on(&files) {
                Ok(done) => {
                    route.keep(files.into_link());
                    return Ok(done);
                }
                Err(lost) => {
                    drop(files);
                    link = route.again(lost, transfer.reached())?;
                }
            }
        }
    }
}

/// The way to a machine, over one connection after the other.
pub(super) struct Route<'a> {
    call: &'a Call,
    limits: Limits,
    sockets: &'a Sockets,
    lease: LeaseInUse,
    /// The number of bytes that had been moved when a connection was lost last.
    reached: u64,
    /// The number of connections that have brought nothing since.
    tries: u32,
}

impl<'a> Route<'a> {
    /// That of a call which has its first connection.
    pub(super) fn new(call: &'a Call, limits: Limits, sockets: &'a Sockets, lease: LeaseInUse, first: &Link) -> Self {
        first.attend(call.frame.patience.silence);
        Self { call, limits, sockets, lease, reached: 0, tries: 0 }
    }

    /// Another connection, if the transfer failed because it lost its own.
    pub(super) fn again(&mut self, failed: Cause, reached: u64) -> Result<Link, Cause> {
        if !is_lost(&failed) {
            return Err(failed);
        }
        if reached > self.reached {
            (self.reached, self.tries) = (reached, 0);
        }
        let Self { call, limits, sockets, .. } = self;
        tracing::info!(machine = %call.frame.address, reached, "a transfer's connection was lost");
        while self.tries < TRIES {
            limits.pause(PAUSE * (1 << self.tries))?;
            self.tries += 1;
            match call.connect(limits.clone(), &sockets.work) {
                Ok(link) => {
                    link.attend(call.frame.patience.silence);
                    self.lease.renew();
                    return Ok(link);
                }
                // Another machine may have taken the address meanwhile; what is told is that the connection was lost.
                Err(Error::Unavailable { .. } | Error::HostKeyChanged { .. }) => {}
                Err(error) => return Err(Cause::Public(error)),
            }
        }
        Err(failed)
    }

    /// Leaves the last connection to the next call.
    pub(super) fn keep(self, link: Link) {
        self.lease.keep(link);
    }
}

fn is_lost(cause: &Cause) -> bool {
    match cause {
        Cause::Io(_) | Cause::Silence(_) => true,
        Cause::Ssh(error) => LOST.iter().any(|code| error.code() == ErrorCode::Session(*code)),
        _ => false,
    }
}
