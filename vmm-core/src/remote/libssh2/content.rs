//! The content of an upload, kept until the machine has it.

use super::error::Cause;
use super::sftp::{Files, OpenFile};
use super::transfer::{Chunks, Next};
use crate::remote::{Progress, Transferred};

/// The number of bytes that are under way at once, and are sent again at most when the connection is lost.
pub(super) const WINDOW: usize = 1 << 20;

/// Why a step on the file under way failed, as far as SFTP tells it.
pub(super) const REFUSED: &str = "the machine did not accept the file";

/// The content as it comes. What the machine has not confirmed can be sent again.
pub(super) struct Content {
    chunks: Chunks,
    progress: Progress,
    /// The number of bytes that have come from the source.
    bytes: u64,
    ended: bool,
    /// Bytes from the source; those from `written` on are not confirmed. libssh2 wants to see them again, in front.
    window: Vec<u8>,
    written: usize,
}

impl Content {
    pub(super) fn new(chunks: Chunks, progress: Progress) -> Self {
        let window = Vec::with_capacity(2 * WINDOW);
        Self { chunks, progress, bytes: 0, ended: false, window, written: 0 }
    }

    /// Returns the number of bytes that the machine has confirmed.
    pub(super) fn arrived(&self) -> u64 {
        self.bytes - (self.window.len() - self.written) as u64
    }

    /// Returns the size and the checksum of the content, once all of it was sent.
    pub(super) fn transferred(&self) -> Transferred {
        Transferred { bytes: self.bytes, sha256: self.chunks.digest() }
    }

    /// Writes the rest to the file, which stands where the confirmed bytes end.
    pub(super) fn copy(&mut self, files: &Files, file: &mut OpenFile<'_>) -> Result<(), Cause> {
        loop {
            self.fill(files)?;
            if self.written == self.window.len() {
                return Ok(());
            }
            self.written += file.write(&self.window[self.written..])?.map_err(|_| Cause::Protocol(REFUSED))?;
            self.progress.set(self.arrived());
        }
    }

    /// Takes what has come from the source, and waits for it only if there is nothing else to do.
    fn fill(&mut self, files: &Files) -> Result<(), Cause> {
        while !self.ended && self.window.len() - self.written < WINDOW {
            let idle = self.written == self.window.len();
            match if idle { self.chunks.wait() } else { self.chunks.try_next() } {
                Next::Chunk(chunk) => {
                    self.bytes += chunk.len() as u64;
                    if self.window.len() + chunk.len() > 2 * WINDOW {
                        self.window.drain(..self.written);
                        self.written = 0;
                    }
                    self.window.extend_from_slice(&chunk);
                }
                Next::End => self.ended = true,
                Next::NotYet => break,
                Next::Cut => {
                    files.link().check().map_err(|_| Cause::deadline("the content did not come in time"))?;
                    return Err(Cause::Cancelled);
                }
            }
        }
        Ok(())
    }
}
