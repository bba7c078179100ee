//! A file from a machine, as it was at one moment.

use ssh2::FileStat;

use super::by_shell;
use super::call::Call;
use super::error::{Cause, Stage};
use super::limits::Limits;
use super::resume::{self, Resumable};
use super::session_lease::SessionLease;
use super::sftp::{Files, No, OpenFile, Way, in_the_way, wrong_file};
use super::shell::Digesting;
use super::sockets::Sockets;
use super::transfer::{CHUNK, Deliver};
use crate::error::Result;
use crate::remote::{Download, Place, Transferred};

/// libssh2 asks for four buffers ahead. With a buffer this small that is one question at a time, as files need that
/// have no size and are made while they are read.
const ONE_AT_A_TIME: usize = 7_500;

/// The whole call, on a blocking thread.
pub(super) fn run(
    call: &Call,
    lease: SessionLease,
    limits: &Limits,
    sockets: &Sockets,
    download: &Download,
    deliver: &Deliver,
) -> Result<Transferred> {
    let failed = |cause| call.failed(Stage::Transfer, cause);
    let begun = resume::begin(call, lease, limits, sockets).map_err(failed)?;
    if begun.way == Way::Shell {
        return begun.run(&mut by_shell::Receiving::new(download, deliver)).map_err(failed);
    }
    let path = format!("{}/{}", download.place.directory_path(), download.place.file());
    let mut receiving = Receiving { download, path, deliver, before: None, bytes: 0 };
    begun.run(&mut receiving).map_err(failed)
}

struct Receiving<'a> {
    download: &'a Download,
    path: String,
    deliver: &'a Deliver,
    /// The file as it was first seen.
    before: Option<FileStat>,
    /// The number of bytes that have been delivered.
    bytes: u64,
}

impl Resumable for Receiving<'_> {
    type Done = Transferred;

    fn reached(&self) -> u64 {
        self.bytes
    }

    fn go_on(&mut self, files: &Files) -> Result<Transferred, Cause> {
        let (place, path) = (&self.download.place, self.path.clone());
        look(files, place, &path)?;
        let mut file = files.read(&path)?.map_err(|no| match no {
            No::Missing => wrong_file(place, "does not exist on the machine"),
            No::Denied => wrong_file(place, "is not accessible to this user"),
            No::Unsupported | No::Other => in_the_way(place, "the machine does not open it"),
        })?;
        let changed = || in_the_way(place, "changed while it was read; try again");
        let now = file.stat()?.map_err(|_| changed())?;
        let before = self.before.get_or_insert_with(|| now.clone()).clone();
        let size = before.size.filter(|size| *size > 0);
        // What has no size is made while it is read: the same bytes do not come twice.
        if !now.is_file() || now.size < size || (size.is_none() && self.bytes > 0) {
            return Err(changed());
        }
        if let Some(size) = size {
            self.download.progress.expect(size);
        }
        file.begin_at(self.bytes)?;
        // The machine reads it once more for this, while it comes.
        let digesting = match size {
            Some(size) => Some(Digesting::start_first(files.link(), &path, size)?),
            None => None,
        };
        if !self.copy(&mut file, size)? {
            return Err(changed());
        }
        let after = file.stat()?.map_err(|_| changed())?;
        file.close()?.map_err(|_| changed())?;
        let sha256 = self.deliver.digest()?;
        // A file that grows is as it was at the beginning. Times are whole seconds, so they alone prove nothing.
        if let Some(digesting) = digesting {
            let same = match digesting.finish()? {
                Some(digest) => digest == sha256,
                None => (before.size, before.mtime) == (after.size, after.mtime),
            };
            if !same {
                return Err(changed());
            }
        }
        Ok(Transferred { bytes: self.bytes, sha256 })
    }
}

impl Receiving<'_> {
    /// Copies up to so many bytes in all, or to the end if the size is not known. Whether the file was still what it
    /// had been.
    fn copy(&mut self, file: &mut OpenFile<'_>, size: Option<u64>) -> Result<bool, Cause> {
        let mut buffer = vec![0; if size.is_some() { CHUNK } else { ONE_AT_A_TIME }];
        loop {
            // Asked for no more than is left, libssh2 does not stumble over a file that grows.
            let left = size.map_or(u64::MAX, |size| size - self.bytes);
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if room == 0 {
                return Ok(true);
            }
            match file.read(&mut buffer[..room])? {
                Ok(0) => return Ok(size.is_none()),
                Ok(count) => {
                    self.deliver.chunk(buffer[..count].to_vec())?;
                    self.bytes += count as u64;
                }
                Err(_) => return Ok(false),
            }
        }
    }
}

/// Refuses what is no regular file before it is opened: a pipe would never answer.
fn look(files: &Files, place: &Place, path: &str) -> Result<(), Cause> {
    match files.stat(path)? {
        Ok(stat) if stat.is_file() => Ok(()),
        Ok(stat) if stat.is_dir() => Err(wrong_file(place, "is a directory on the machine")),
        Ok(_) => Err(wrong_file(place, "is not a regular file on the machine")),
        Err(no) => {
            files.check_directory(place)?;
            Err(wrong_file(
                place,
                match no {
                    No::Missing => "does not exist on the machine",
                    No::Denied => "is not accessible to this user",
                    No::Unsupported | No::Other => "cannot be looked at on the machine",
                },
            ))
        }
    }
}
