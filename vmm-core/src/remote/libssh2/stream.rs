//! A command whose standard input is written, or whose output is read, as it goes.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Deref;

use ssh2::Channel;

use super::error::Cause;
use super::exec;
use super::link::Link;
use crate::remote::{Exit, Stream};

/// So much of the error output is kept, in bytes.
const ERROR_OUTPUT: usize = 8 * 1024;

/// A command that runs. As a reader it is the command's output, as a writer its input.
pub(super) struct Running<L> {
    link: L,
    channel: Channel,
    pub(super) stderr: Stream,
    /// Why reading or writing failed, if the connection is to blame.
    failed: Option<Cause>,
}

impl<L: Deref<Target = Link>> Running<L> {
    pub(super) fn start(link: L, line: &str) -> Result<Self, Cause> {
        Self::start_on(link.channel()?, link, line)
    }

    pub(super) fn start_on(channel: Channel, link: L, line: &str) -> Result<Self, Cause> {
        let channel = link.start(channel, line)?;
        Ok(Self { link, channel, stderr: Stream::default(), failed: None })
    }

    /// Ends the input, if that was not done yet.
    pub(super) fn end_input(&mut self) -> Result<(), Cause> {
        let Self { link, channel, .. } = self;
        link.drive(|| channel.send_eof())
    }

    /// Takes the failure of the connection, once.
    pub(super) fn failure(&mut self) -> Option<Cause> {
        self.failed.take()
    }

    /// Reads the remaining output of the command, up to a limit, and its end.
    pub(super) fn finish(mut self, limit: usize) -> Result<(Exit, Vec<u8>, Stream), Cause> {
        let before = self.link.be_patient(true);
        let ended = self.end(limit);
        self.link.be_patient(before);
        ended
    }

    fn end(&mut self, limit: usize) -> Result<(Exit, Vec<u8>, Stream), Cause> {
        self.end_input()?;
        let (mut output, mut buffer) = (Vec::new(), vec![0; 4096]);
        loop {
            match self.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => output.extend_from_slice(&buffer[..count.min(limit.saturating_sub(output.len()))]),
                Err(error) => return Err(self.failure().unwrap_or(Cause::Io(error))),
            }
        }
        let Self { link, channel, stderr, .. } = self;
        link.drive(|| channel.wait_close())?;
        let exit = exec::exit(channel)?;
        link.drive(|| channel.close())?;
        Ok((exit, output, std::mem::take(stderr)))
    }

    /// Repeats a step until it is done. Meanwhile error output is taken, since the command would wait for that.
    fn drive(&mut self, mut step: impl FnMut(&mut Channel) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            self.take_errors()?;
            let (queued, room) = (self.channel.read_window().available, self.channel.write_window().remaining);
            match step(&mut self.channel) {
                Ok(count) => {
                    self.link.check().map_err(|cause| self.fail(cause))?;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.fail(Cause::Io(error))),
            }
            // The step may have taken off the socket what no poll would see there any more.
            let channel = &self.channel;
            if channel.read_window().available <= queued && channel.write_window().remaining <= room {
                self.link.wait().map_err(|cause| self.fail(cause))?;
            }
        }
    }

    fn take_errors(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.channel.stderr().read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    exec::keep(&mut self.stderr, &buffer[..count], ERROR_OUTPUT);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(self.fail(Cause::Io(error))),
            }
        }
    }

    fn fail(&mut self, cause: Cause) -> io::Error {
        self.failed = Some(cause);
        ErrorKind::ConnectionAborted.into()
    }
}

impl<L: Deref<Target = Link>> Read for Running<L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.drive(|channel| channel.read(buffer))
    }
}

impl<L: Deref<Target = Link>> Write for Running<L> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.drive(|channel| match channel.write(bytes) {
            // A command that has ended reads no more.
            Err(error) if error.kind() == ErrorKind::WouldBlock && channel.eof() => Ok(0),
            written => written,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
