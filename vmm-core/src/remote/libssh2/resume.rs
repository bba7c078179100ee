//! Transfers that go on over another connection when theirs is lost.

use std::time::Duration;

use ssh2::ErrorCode;

use super::Call;
use super::error::{Cause, Stage};
use super::link::{Limits, Link};
use super::seat::Seat;
use super::sftp::Files;
use super::supervise::Sockets;
use crate::error::Error;

/// So many connections in a row may bring nothing before the transfer is given up.
const TRIES: u32 = 5;
/// Before the first of them; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// libssh2's codes for a connection that is gone: socket send, disconnect, timeout and receive, a channel that is
/// closed or ended, and a bad socket.
const LOST: [i32; 7] = [-7, -13, -30, -43, -26, -27, -45];

/// A transfer that knows how far it has come.
pub(super) trait Resumable {
    /// What it gives when it is done.
    type Done;

    /// Goes on from where it stands.
    fn go_on(&mut self, files: &Files) -> Result<Self::Done, Cause>;

    /// How many bytes need not be moved again.
    fn reached(&self) -> u64;
}

/// Connects and does the transfer. The first connection must come about; one that is lost later is replaced within
/// the call's limits.
pub(super) fn run<R: Resumable>(
    call: &Call,
    seat: Seat,
    limits: &Limits,
    sockets: &Sockets,
    transfer: &mut R,
) -> Result<R::Done, Cause> {
    let (mut link, (), mut taken) =
        seat.begin(call, limits.clone(), &sockets.work, Stage::Transfer, Files::answer).map_err(Cause::Told)?;
    let (mut reached, mut tries) = (0, 0);
    loop {
        let files = Files::new(link);
        let lost = match transfer.go_on(&files) {
            Ok(done) => {
                taken.keep(files.into_link());
                return Ok(done);
            }
            Err(cause) if is_lost(&cause) => cause,
            Err(cause) => return Err(cause),
        };
        drop(files);
        if transfer.reached() > reached {
            (reached, tries) = (transfer.reached(), 0);
        }
        tracing::info!(machine = %call.frame.address, reached, "a transfer's connection was lost");
        link = connect_again(call, limits, sockets, &mut tries, lost)?;
        taken.renew();
    }
}

fn connect_again(call: &Call, limits: &Limits, sockets: &Sockets, tries: &mut u32, lost: Cause) -> Result<Link, Cause> {
    while *tries < TRIES {
        limits.pause(PAUSE * (1 << *tries))?;
        *tries += 1;
        match call.connect(limits.clone(), &sockets.work) {
            Ok(link) => return Ok(link),
            Err(Error::Unavailable { .. }) => {}
            Err(error) => return Err(Cause::Told(error)),
        }
    }
    Err(lost)
}

fn is_lost(cause: &Cause) -> bool {
    match cause {
        Cause::Io(_) => true,
        Cause::Ssh(error) => LOST.iter().any(|code| error.code() == ErrorCode::Session(*code)),
        _ => false,
    }
}
