//! A file onto a machine, written and put in place by its shell.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};

use super::super::call::Call;
use super::super::content::WINDOW;
use super::super::error::Cause;
use super::super::link::Link;
use super::super::resume::Resumable;
use super::super::sftp::Files;
use super::super::shell::{self, find_line, said_digest};
use super::super::sockets::Sockets;
use super::super::stream::Running;
use super::super::tidy;
use super::super::transfer::{self, Chunks, Next};
use super::{begin, refusal, script};
use crate::error::Result;
use crate::remote::{Exit, Transferred, Upload};

/// More of what a script says is not looked at.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// The stage of an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Writing,
    /// All of it is on the disk, and it may already be in place.
    Placing,
}

/// An upload by way of the shell.
pub(in super::super) struct Sending<'a> {
    upload: &'a Upload,
    temporary: String,
    chunks: Chunks,
    /// The pieces that the machine has not confirmed.
    under_way: VecDeque<Vec<u8>>,
    /// The number of bytes that the machine has confirmed.
    arrived: u64,
    /// True if the source has come to its end.
    ended: bool,
    /// True if the file under way may be there.
    made: bool,
    stands: Stands,
}

impl<'a> Sending<'a> {
    pub(in super::super) fn new(upload: &'a Upload, chunks: Chunks) -> Result<Self, Cause> {
        let (temporary, under_way) = (transfer::temporary_name()?, VecDeque::new());
        let (ended, made, stands) = (false, false, Stands::Writing);
        Ok(Self { upload, temporary, chunks, under_way, arrived: 0, ended, made, stands })
    }

    /// Removes what is left on the machine after a failure. What was sent, if it is in its place all the same.
    pub(in super::super) fn tidy(&self, call: &Call, sockets: &Sockets) -> Option<Transferred> {
        if !self.made {
            return None;
        }
        let (sent, placing) = (self.transferred(), self.stands == Stands::Placing);
        let script = script::tidy(&self.upload.place, &self.temporary, placing);
        let tidied = tidy::over_another_connection(call, sockets, &self.temporary, |link| {
            let (_, said, _) = Running::start(&link, &shell::line(&script))?.finish(OUTPUT_LIMIT)?;
            let said = String::from_utf8_lossy(&said).into_owned();
            if said.lines().any(|line| line == script::DONE) {
                Ok(said)
            } else {
                Err(Cause::Protocol("the machine does not remove the unfinished file"))
            }
        });
        (placing && tidied.and_then(|said| said_digest(&said)).as_ref() == Some(&sent.sha256)).then_some(sent)
    }

    fn transferred(&self) -> Transferred {
        Transferred { bytes: self.arrived, sha256: self.chunks.digest() }
    }

    /// Writes the rest of the file, and compares what is there.
    fn write(&mut self, link: &Link) -> Result<(), Cause> {
        let Upload { place, mode, .. } = self.upload;
        let script = script::take(place, &self.temporary, self.arrived, *mode);
        let ready = |line: &str| (line == script::READY).then_some(());
        let begun = begin(link.channel()?, link, place, &script, ready);
        self.made |= !matches!(begun, Err(Cause::Public(_)));
        let ((), mut running) = begun?;
        match self.give(&mut running, link) {
            // A script that has ended says why.
            Err(Cause::Io(error)) if [ErrorKind::WriteZero, ErrorKind::UnexpectedEof].contains(&error.kind()) => {}
            given => given?,
        }
        let (ended, said, errors) = running.finish(OUTPUT_LIMIT)?;
        let said = String::from_utf8_lossy(&said);
        if ended != Exit::Code(0) || !said.lines().any(|line| line == script::DONE) {
            return Err(refusal(place, &ended, &errors));
        }
        if said_digest(&said) != Some(self.chunks.digest()) {
            return Err(Cause::Protocol("the file on the machine differs from the one that was sent; try again"));
        }
        Ok(())
    }

    /// Hands over what is not confirmed, and then what comes from the source, up to its end.
    fn give(&mut self, running: &mut Running<&Link>, link: &Link) -> Result<(), Cause> {
        for chunk in &self.under_way {
            write_piece(running, chunk)?;
        }
        loop {
            while self.under_way.iter().map(Vec::len).sum::<usize>() >= WINDOW {
                self.hear(running)?;
            }
            let idle = self.under_way.is_empty();
            let next = match self.ended {
                true => Next::End,
                false if idle => self.chunks.wait(),
                false => self.chunks.try_next(),
            };
            match next {
                Next::Chunk(chunk) => {
                    self.under_way.push_back(chunk);
                    write_piece(running, &self.under_way[self.under_way.len() - 1])?;
                }
                Next::End if idle => {
                    self.ended = true;
                    return write_all(running, b"0\n");
                }
                Next::End => {
                    self.ended = true;
                    self.hear(running)?;
                }
                Next::NotYet => self.hear(running)?,
                Next::Cut => {
                    link.check().map_err(|_| Cause::deadline("the content did not come in time"))?;
                    return Err(Cause::Cancelled);
                }
            }
        }
    }

    /// Waits until the machine has the oldest piece under way.
    fn hear(&mut self, running: &mut Running<&Link>) -> Result<(), Cause> {
        let heard = find_line(running, |line| (line == script::HAS_IT).then_some(()));
        heard.map_err(|error| running.failure().unwrap_or(Cause::Io(error)))?;
        self.arrived += self.under_way.pop_front().map_or(0, |chunk| chunk.len() as u64);
        self.upload.progress.set(self.arrived);
        Ok(())
    }

    fn place(&mut self, link: &Link) -> Result<(), Cause> {
        let place = &self.upload.place;
        self.stands = Stands::Placing;
        let running = Running::start(link, &shell::line(script::place(place, &self.temporary)))?;
        let (ended, said, errors) = running.finish(OUTPUT_LIMIT)?;
        let said = String::from_utf8_lossy(&said);
        let placed = said.lines().any(|line| line == script::PLACED);
        if placed || said_digest(&said) == Some(self.chunks.digest()) {
            return Ok(());
        }
        Err(refusal(place, &ended, &errors))
    }
}

fn write_piece(running: &mut Running<&Link>, bytes: &[u8]) -> Result<(), Cause> {
    write_all(running, format!("{}\n", bytes.len()).as_bytes())?;
    write_all(running, bytes)
}

fn write_all(running: &mut Running<&Link>, bytes: &[u8]) -> Result<(), Cause> {
    running.write_all(bytes).map_err(|error| running.failure().unwrap_or(Cause::Io(error)))
}

impl Resumable for Sending<'_> {
    type Done = Transferred;

    fn reached(&self) -> u64 {
        self.arrived
    }

    fn go_on(&mut self, files: &Files) -> Result<Transferred, Cause> {
        if self.stands == Stands::Writing {
            self.write(files.link())?;
        }
        self.place(files.link())?;
        Ok(self.transferred())
    }
}
