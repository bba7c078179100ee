//! An archive of files on its way to a machine, over one connection or several.

use std::io::{self, ErrorKind, Write};
use std::rc::Rc;

use ssh2::Channel;

use super::resend_buffer::{File, ResendBuffer, Resume};
use super::script::{Paths, exit, said_inode, said_there};
use super::{Ended, OUTPUT_LIMIT, Trip, done, expect_line, refusal, run, without_shell};
use crate::remote::libssh2::error::Cause;
use crate::remote::libssh2::link::Link;
use crate::remote::libssh2::shell;
use crate::remote::libssh2::stream::Running;
use crate::remote::libssh2::transfer::CHUNK;
use crate::remote::{Exit, Stream, TreeUpload};

/// The archive as what is written to. Its machine unpacks it as it comes.
///
/// It has files alone: after a cut, the last one of those on the machine is looked for and gone on with, and what
/// follows it is unpacked.
pub(super) struct Outgoing<'t, 'c> {
    pub(super) trip: &'t mut Trip<'c>,
    pub(super) paths: &'t mut Paths,
    upload: &'t TreeUpload,
    kept: ResendBuffer,
    /// Up to where the machine was given it.
    sent: u64,
    /// The part of the archive that the machine had at the last look, in bytes.
    reached: u64,
    /// The command that takes the archive on the machine, unless it has ended.
    taker: Option<Taker>,
    ended: Option<Ended>,
    failed: Option<Cause>,
}

struct Taker {
    running: Running<Rc<Link>>,
    /// The end of the content of the one file that it takes, and where the next one begins; nothing if it takes all.
    file: Option<(u64, u64)>,
}

impl<'t, 'c> Outgoing<'t, 'c> {
    /// Has the machine take it, by way of a channel of the first connection.
    pub(super) fn begin(
        trip: &'t mut Trip<'c>,
        paths: &'t mut Paths,
        upload: &'t TreeUpload,
        channel: Channel,
    ) -> Result<Self, Cause> {
        let (kept, taker, ended, failed) = (ResendBuffer::default(), None, None, None);
        let mut outgoing = Self { trip, paths, upload, kept, sent: 0, reached: 0, taker, ended, failed };
        let link = Rc::clone(&outgoing.trip.link);
        let script = outgoing.paths.unpack(outgoing.upload.replace);
        let begun = Running::start_on(channel, link, &shell::line(script))
            .map_err(|cause| without_shell(&upload.place, cause))
            .and_then(|running| outgoing.take(running));
        if let Err(cause) = begun {
            outgoing.go_on(cause)?;
        }
        Ok(outgoing)
    }

    /// Returns the length of the archive so far.
    pub(super) fn position(&self) -> u64 {
        self.kept.end()
    }

    /// A file, whose header was written.
    pub(super) fn file(&mut self, file: File) {
        self.kept.push_file(file);
    }

    /// Takes the final failure of the connection, once.
    pub(super) fn failure(&mut self) -> Option<Cause> {
        self.failed.take()
    }

    /// Waits for what takes it on the machine, which has got the end of it, or has ended before.
    pub(super) fn finish(&mut self) -> Result<Ended, Cause> {
        loop {
            self.deliver()?;
            if let Some(ended) = self.ended.take() {
                return Ok(ended);
            }
            match self.taker.take().map(|taker| taker.running.finish(OUTPUT_LIMIT)) {
                Some(Ok(ended)) => return Ok(ended),
                Some(Err(cause)) => self.go_on(cause)?,
                None => return Err(Cause::Protocol("nothing takes the directory")),
            }
        }
    }

    /// Hands over all that was written. Whether it was taken: what has ended takes no more.
    fn deliver(&mut self) -> Result<bool, Cause> {
        loop {
            match self.give() {
                Err(cause) => self.go_on(cause)?,
                given => return given,
            }
        }
    }

    fn give(&mut self) -> Result<bool, Cause> {
        loop {
            let Some(taker) = &mut self.taker else { return Ok(false) };
            let end = taker.file.map_or(u64::MAX, |(end, _)| end).min(self.kept.end());
            while self.sent < end {
                match taker.running.write(self.kept.part(self.sent, end)) {
                    Ok(0) => return self.leave().map(|_| false),
                    Ok(count) => self.sent += count as u64,
                    Err(error) => return Err(taker.running.failure().unwrap_or(Cause::Io(error))),
                }
            }
            match taker.file {
                Some((end, next)) if end == self.sent => {
                    if self.leave()? {
                        self.unpack_on(next)?;
                    } else {
                        return Ok(false);
                    }
                }
                _ => return Ok(true),
            }
        }
    }

    /// Waits for what takes it, which has ended or is about to. Whether it did its work; else its end is kept.
    fn leave(&mut self) -> Result<bool, Cause> {
        let Some(taker) = self.taker.take() else { return Ok(false) };
        let ended = taker.running.finish(OUTPUT_LIMIT)?;
        let done = done(&self.upload.place, &ended).is_ok();
        if !done || taker.file.is_none() {
            self.ended = Some(ended);
        }
        Ok(done)
    }

    /// Goes on over another connection, if the transfer failed because it lost its own.
    fn go_on(&mut self, mut failed: Cause) -> Result<(), Cause> {
        loop {
            self.taker = None;
            self.trip.again(failed, self.reached)?;
            match self.pick_up() {
                Err(cause) => failed = cause,
                Ok(()) => return Ok(()),
            }
        }
    }

    fn pick_up(&mut self) -> Result<(), Cause> {
        const GONE: Cause = Cause::Protocol("the part that had arrived has disappeared; try again");
        let link = Rc::clone(&self.trip.link);
        let (ended, said) = run(&link, self.paths.look(), &self.kept.names())?;
        match ended {
            Exit::Code(0) => {}
            // It was not even made.
            Exit::Code(exit::GONE) if self.kept.is_all() => {
                let script = self.paths.unpack(self.upload.replace);
                self.sent = 0;
                return Running::start(link, &shell::line(script)).and_then(|running| self.take(running));
            }
            ended => return Err(refusal(&self.upload.place, &ended, &Stream::default())),
        }
        let (there, bytes) = said_there(&said);
        match self.kept.resume(there, bytes, self.sent).ok_or(GONE)? {
            Resume::Archive(at) => self.unpack_on(at),
            Resume::File(file, at) => {
                let (end, next) = (file.content_end(), file.end());
                let running = Running::start(link, &shell::line(self.paths.go_on_with(&file)))?;
                (self.sent, self.reached) = (at, self.reached.max(at));
                self.taker = Some(Taker { running, file: Some((end, next)) });
                Ok(())
            }
        }
    }

    fn unpack_on(&mut self, at: u64) -> Result<(), Cause> {
        let link = Rc::clone(&self.trip.link);
        (self.sent, self.reached) = (at, self.reached.max(at));
        Running::start(link, &shell::line(self.paths.unpack_on())).and_then(|running| self.take(running))
    }

    /// Nothing is sent before it is said that the directory is there: whoever tidies up later finds it.
    fn take(&mut self, running: Running<Rc<Link>>) -> Result<(), Cause> {
        let (inode, running) = expect_line(running, &self.upload.place, said_inode)?;
        self.paths.inode = Some(inode);
        self.taker = Some(Taker { running, file: None });
        Ok(())
    }
}

impl Write for Outgoing<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(CHUNK)];
        self.kept.push(bytes);
        if self.kept.end().saturating_sub(self.sent) >= CHUNK as u64 {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.deliver() {
            Ok(true) => {
                self.kept.forget(self.sent);
                Ok(())
            }
            // It says later why.
            Ok(false) => Err(ErrorKind::WriteZero.into()),
            Err(cause) => {
                self.failed = Some(cause);
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }
}
