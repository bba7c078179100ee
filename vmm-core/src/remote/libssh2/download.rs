//! A file from a machine, as it was at one moment.

use sha2::{Digest, Sha256};

use super::Call;
use super::error::{Cause, Stage};
use super::link::Limits;
use super::seat::Seat;
use super::sftp::{Files, No, OpenFile, in_the_way, wrong_file};
use super::shell;
use super::supervise::Sockets;
use super::transfer::{CHUNK, Deliver, hex};
use crate::error::Result;
use crate::remote::{Download, Place, Transferred};

/// libssh2 asks for four buffers ahead. With a buffer this small that is one question at a time, as files need that
/// have no size and are made while they are read.
const ONE_AT_A_TIME: usize = 7_500;

/// The whole call, on a blocking thread.
pub(super) fn run(
    call: &Call,
    _seat: Seat,
    limits: Limits,
    sockets: &Sockets,
    download: &Download,
    deliver: &Deliver,
) -> Result<Transferred> {
    let link = call.connect(limits, &sockets.work)?;
    let outcome = Files::new(link).and_then(|files| receive(&files, &download.place, deliver));
    outcome.map_err(|cause| call.failed(Stage::Transfer, cause))
}

fn receive(files: &Files, place: &Place, deliver: &Deliver) -> Result<Transferred, Cause> {
    let path = format!("{}/{}", place.directory_path(), place.file());
    look(files, place, &path)?;
    let mut file = files.read(&path)?.map_err(|no| match no {
        No::Missing => wrong_file(place, "does not exist on the machine"),
        No::Denied => wrong_file(place, "is closed to this user"),
        No::Unsupported | No::Other => Cause::Protocol("the machine does not open the file"),
    })?;
    let changed = || in_the_way(place, "changed while it was read; try again");
    let before = file.stat()?.map_err(|_| changed())?;
    if !before.is_file() {
        return Err(changed());
    }
    let size = before.size.filter(|size| *size > 0);
    let transferred = copy(&mut file, size, deliver)?.ok_or_else(changed)?;
    let after = file.stat()?.map_err(|_| changed())?;
    file.close()?.map_err(|_| changed())?;
    // A file that grows is as it was at the beginning. Times are whole seconds, so they alone prove nothing.
    if let Some(size) = size {
        let same = match shell::digest(files.link(), &path, Some(size))? {
            Some(digest) => digest == transferred.sha256,
            None => (before.size, before.mtime) == (after.size, after.mtime),
        };
        if !same {
            return Err(changed());
        }
    }
    Ok(transferred)
}

/// Refuses what is no regular file before it is opened: a pipe would never answer.
fn look(files: &Files, place: &Place, path: &str) -> Result<(), Cause> {
    match files.stat(path)? {
        Ok(stat) if stat.is_file() => Ok(()),
        Ok(stat) if stat.is_dir() => Err(wrong_file(place, "is a directory on the machine")),
        Ok(_) => Err(wrong_file(place, "is no regular file on the machine")),
        Err(no) => {
            files.check_directory(place)?;
            Err(wrong_file(
                place,
                match no {
                    No::Missing => "does not exist on the machine",
                    No::Denied => "is closed to this user",
                    No::Unsupported | No::Other => "cannot be looked at on the machine",
                },
            ))
        }
    }
}

/// Copies so many bytes, or up to the end if the size is not known; nothing if the file is not what it was.
fn copy(file: &mut OpenFile<'_>, size: Option<u64>, deliver: &Deliver) -> Result<Option<Transferred>, Cause> {
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; if size.is_some() { CHUNK } else { ONE_AT_A_TIME }];
    loop {
        // Asked for no more than is left, libssh2 does not stumble over a file that grows.
        let left = size.map_or(u64::MAX, |size| size - bytes);
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if room == 0 {
            return Ok(Some(Transferred { bytes, sha256: hex(digest) }));
        }
        match file.read(&mut buffer[..room])? {
            Ok(0) if size.is_some() => return Ok(None),
            Ok(0) => return Ok(Some(Transferred { bytes, sha256: hex(digest) })),
            Ok(count) => {
                digest.update(&buffer[..count]);
                bytes += count as u64;
                deliver.chunk(buffer[..count].to_vec())?;
            }
            Err(_) => return Ok(None),
        }
    }
}
