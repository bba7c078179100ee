//! A file from a machine, read twice by its shell.

use std::io::Read;

use super::super::error::Cause;
use super::super::link::Link;
use super::super::resume::Resumable;
use super::super::sftp::{Files, in_the_way};
use super::super::shell::{find_line, said_digest};
use super::super::stream::Running;
use super::super::transfer::{CHUNK, Deliver};
use super::{begin, refusal, script};
use crate::remote::{Download, Exit, Transferred};

/// A download by way of the shell.
pub(in super::super) struct Receiving<'a> {
    download: &'a Download,
    deliver: &'a Deliver,
    /// The file's size when it was first seen.
    size: Option<u64>,
    /// The number of bytes that have been delivered.
    bytes: u64,
}

impl<'a> Receiving<'a> {
    pub(in super::super) fn new(download: &'a Download, deliver: &'a Deliver) -> Self {
        Self { download, deliver, size: None, bytes: 0 }
    }

    fn changed(&self) -> Cause {
        in_the_way(&self.download.place, "changed while it was read; try again")
    }

    /// Delivers up to so many bytes in all, or all up to the end. Whether they came.
    fn copy(&mut self, running: &mut Running<&Link>, size: Option<u64>) -> Result<bool, Cause> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let left = size.map_or(u64::MAX, |size| size - self.bytes);
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(true);
            }
            match running.read(&mut buffer[..room]) {
                Ok(0) => return Ok(size.is_none()),
                Ok(count) => {
                    self.deliver.chunk(buffer[..count].to_vec())?;
                    self.bytes += count as u64;
                }
                Err(error) => return Err(running.failure().unwrap_or(Cause::Io(error))),
            }
        }
    }
}

impl Resumable for Receiving<'_> {
    type Done = Transferred;

    fn reached(&self) -> u64 {
        self.bytes
    }

    fn go_on(&mut self, files: &Files) -> Result<Transferred, Cause> {
        let (link, place) = (files.link(), &self.download.place);
        let script = script::give(place, self.bytes, self.size);
        let (now, mut running) = begin(link.channel()?, link, place, &script, script::said_size)?;
        running.end_input()?;
        let size = *self.size.get_or_insert(now);
        // What has no size is made while it is read: the same bytes do not come twice.
        if now < size || (size == 0 && self.bytes > 0) {
            return Err(self.changed());
        }
        let size = (size > 0).then_some(size);
        if let Some(size) = size {
            self.download.progress.expect(size);
        }
        if !self.copy(&mut running, size)? {
            return Err(self.changed());
        }
        let sha256 = self.deliver.digest()?;
        if size.is_some() {
            // The machine reads it once more for this. A file that grows is as it was at the beginning.
            let there = link.patiently(|| find_line(&mut running, said_digest));
            match (there, running.failure()) {
                (_, Some(cause)) => return Err(cause),
                (Ok(there), None) if there == sha256 => {}
                (_, None) => return Err(self.changed()),
            }
        }
        let (ended, _, errors) = running.finish(0)?;
        if ended != Exit::Code(0) {
            return Err(refusal(place, &ended, &errors));
        }
        Ok(Transferred { bytes: self.bytes, sha256 })
    }
}
