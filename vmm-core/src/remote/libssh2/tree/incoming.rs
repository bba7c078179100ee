//! An archive that a machine makes, over one connection or several.

use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use sha2::{Digest, Sha256};
use ssh2::Channel;

use super::script::{BLOCK, SENDS, pack, pack_from};
use super::{Ended, Trip, expect_line, without_shell};
use crate::remote::Place;
use crate::remote::libssh2::error::Cause;
use crate::remote::libssh2::link::Link;
use crate::remote::libssh2::sftp::in_the_way;
use crate::remote::libssh2::shell;
use crate::remote::libssh2::stream::Running;
use crate::text::hex;

/// The archive as it is read.
///
/// After a cut the machine makes it again, and sends what follows the bytes that had come, if those would be the same.
pub(super) struct Incoming<'t, 'c> {
    pub(super) trip: &'t mut Trip<'c>,
    place: &'t Place,
    target: String,
    running: Option<Running<Rc<Link>>>,
    come: Come,
    ended: Option<Ended>,
    failed: Option<Cause>,
}

/// The part of the archive that has arrived.
#[derive(Default)]
struct Come {
    /// The number of blocks.
    blocks: u64,
    /// The digest of them.
    digest: Sha256,
    /// The part of the next block that has arrived.
    rest: Vec<u8>,
}

impl<'t, 'c> Incoming<'t, 'c> {
    /// Has the machine make it, by way of a channel of the first connection.
    pub(super) fn begin(trip: &'t mut Trip<'c>, place: &'t Place, channel: Channel) -> Result<Self, Cause> {
        let target = format!("{}/{}", place.directory_path(), place.file());
        let (running, come, ended, failed) = (None, Come::default(), None, None);
        let mut incoming = Self { trip, place, target, running, come, ended, failed };
        let link = Rc::clone(&incoming.trip.link);
        let script = shell::line(pack(&place.directory_path(), &incoming.target));
        let started = Running::start_on(channel, link, &script).map_err(|cause| without_shell(place, cause));
        let sends = |line: &str| (line == SENDS).then_some(());
        match started.and_then(without_input).and_then(|running| expect_line(running, place, sends)) {
            Ok(((), running)) => incoming.running = Some(running),
            Err(cause) => incoming.go_on(cause)?,
        }
        Ok(incoming)
    }

    /// Returns the end of the command that made the archive, once its output was read to the end.
    pub(super) fn ended(&mut self) -> Result<Ended, Cause> {
        self.ended.take().ok_or(Cause::Protocol("it continues after the archive's end"))
    }

    /// Takes the final failure of the connection, once.
    pub(super) fn failure(&mut self) -> Option<Cause> {
        self.failed.take()
    }

    /// Returns the number of bytes of it that have come.
    pub(super) fn reached(&self) -> u64 {
        self.come.blocks * BLOCK as u64 + self.come.rest.len() as u64
    }

    /// The directory on the machine.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Goes on over another connection, if the transfer failed because it lost its own.
    fn go_on(&mut self, mut failed: Cause) -> Result<(), Cause> {
        loop {
            self.running = None;
            self.trip.again(failed, self.reached())?;
            match self.pick_up() {
                Err(cause) => failed = cause,
                Ok(running) => {
                    self.running = Some(running);
                    return Ok(());
                }
            }
        }
    }

    fn pick_up(&self) -> Result<Running<Rc<Link>>, Cause> {
        let changed = || in_the_way(self.place, "changed while it was read; try again");
        let (link, come) = (Rc::clone(&self.trip.link), &self.come);
        let script = pack_from(&self.place.directory_path(), &self.target, come.blocks);
        let running = Running::start(Rc::clone(&link), &shell::line(script)).and_then(without_input)?;
        // It reads again, and sends nothing meanwhile.
        let again = || expect_line(running, self.place, shell::said_digest);
        let (digest, mut running) = link.patiently(again)?;
        let mut rest = vec![0; come.rest.len()];
        if digest != hex(come.digest.clone().finalize()) {
            return Err(changed());
        }
        match running.read_exact(&mut rest) {
            Ok(()) if rest == come.rest => Ok(running),
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
                Err(running.failure().unwrap_or(Cause::Io(error)))
            }
            _ => Err(changed()),
        }
    }
}

fn without_input(mut running: Running<Rc<Link>>) -> Result<Running<Rc<Link>>, Cause> {
    running.end_input()?;
    Ok(running)
}

impl Read for Incoming<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(running) = &mut self.running {
            let cause = match running.read(buffer) {
                Ok(0) => match self.running.take().map(|running| running.finish(0)) {
                    Some(Err(cause)) => cause,
                    ended => {
                        self.ended = ended.and_then(Result::ok);
                        break;
                    }
                },
                Ok(count) => {
                    self.come.add(&buffer[..count]);
                    return Ok(count);
                }
                Err(error) => running.failure().unwrap_or(Cause::Io(error)),
            };
            if let Err(cause) = self.go_on(cause) {
                self.failed = Some(cause);
                return Err(ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(0)
    }
}

impl Come {
    fn add(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / BLOCK;
        self.digest.update(&self.rest[..whole * BLOCK]);
        self.rest.drain(..whole * BLOCK);
        self.blocks += whole as u64;
    }
}
