//! A file onto a machine: under another name first, checked, then put in place at once.

use sha2::{Digest, Sha256};
use ssh2::FileStat;

use super::Call;
use super::error::{Cause, Stage};
use super::link::Limits;
use super::seat::Seat;
use super::sftp::{Files, No, OpenFile, in_the_way, wrong_directory, wrong_file};
use super::shell;
use super::supervise::Sockets;
use super::transfer::{self, Chunks, hex};
use crate::error::Result;
use crate::remote::{Transferred, Upload};

/// So many bytes are under way at once.
const WINDOW: usize = 1 << 20;
/// The permission bits that a file can be given.
const PERMISSIONS: u32 = 0o777;
/// What a machine gives new files, before the user's mask.
const NEW_FILE: u32 = 0o644;
/// With less space than this left a disk counts as full, in bytes.
const FULL: u64 = 2 * WINDOW as u64;

/// The whole call, on a blocking thread.
pub(super) fn run(
    call: &Call,
    _seat: Seat,
    limits: Limits,
    sockets: &Sockets,
    upload: &Upload,
    chunks: Chunks,
) -> Result<Transferred> {
    let link = call.connect(limits, &sockets.work)?;
    let mut sending = Sending { upload, path: path(upload, upload.place.file()), temporary: String::new() };
    let outcome = Files::new(link).and_then(|files| sending.run(&files, chunks));
    outcome.map_err(|cause| {
        let left = if sending.temporary.is_empty() { None } else { transfer::tidy(call, sockets, &sending.temporary) };
        match (cause, left) {
            (Cause::Told(error), _) => error,
            (Cause::Protocol(reason), Some(free)) if reason == REFUSED && free < FULL => {
                let reason = format!("the machine's disk is full ({free} bytes are free); make room");
                call.failed(Stage::Transfer, in_the_way(&upload.place, reason))
            }
            (cause, _) => call.failed(Stage::Transfer, cause),
        }
    })
}

/// Why a step on the temporary file failed, as far as SFTP tells it.
const REFUSED: &str = "the machine did not take the file";

fn path(upload: &Upload, file: &str) -> String {
    format!("{}/{file}", upload.place.directory_path())
}

struct Sending<'a> {
    upload: &'a Upload,
    path: String,
    /// The file under way, once it may be there.
    temporary: String,
}

impl Sending<'_> {
    fn run(&mut self, files: &Files, mut chunks: Chunks) -> Result<Transferred, Cause> {
        let before = self.look(files)?;
        let temporary = path(self.upload, &transfer::temporary_name()?);
        self.temporary.clone_from(&temporary);
        let wanted = self.upload.mode.or(before.as_ref().and_then(|stat| stat.perm)).map(|mode| mode & PERMISSIONS);
        let mut file = match files.create(&temporary, wanted.map_or(NEW_FILE, |mode| mode & 0o600))? {
            Ok(file) => file,
            Err(No::Denied) => {
                self.temporary.clear();
                return Err(wrong_directory(&self.upload.place, "is closed to this user for writing"));
            }
            Err(No::Missing | No::Unsupported | No::Other) => return Err(Cause::Protocol(REFUSED)),
        };
        let transferred = copy(files, &mut file, &mut chunks)?;
        match file.sync()? {
            Ok(()) | Err(No::Unsupported) => {}
            Err(No::Missing | No::Denied | No::Other) => return Err(Cause::Protocol(REFUSED)),
        }
        dress(&mut file, before.as_ref(), wanted)?;
        file.close()?.map_err(|_| Cause::Protocol(REFUSED))?;
        let arrived = match shell::digest(files.link(), &temporary, None)? {
            Some(digest) => digest,
            None => read_back(files, &temporary)?,
        };
        if arrived != transferred.sha256 {
            return Err(Cause::Protocol("the file on the machine is another one than was sent"));
        }
        self.put_in_place(files)?;
        self.temporary.clear();
        Ok(transferred)
    }

    /// Looks at what is to be replaced, and refuses what cannot be.
    fn look(&self, files: &Files) -> Result<Option<FileStat>, Cause> {
        let place = &self.upload.place;
        files.check_directory(place)?;
        let stat = match files.lstat(&self.path)? {
            Ok(link) if link.file_type().is_symlink() => match files.stat(&self.path)? {
                Ok(stat) if stat.is_dir() => stat,
                // The link is replaced, not what it points to.
                _ => return Ok(None),
            },
            Ok(stat) => stat,
            Err(No::Missing) => return Ok(None),
            Err(No::Denied) => return Err(wrong_directory(place, "is closed to this user")),
            Err(No::Unsupported | No::Other) => return Err(wrong_file(place, "cannot be a file's name there")),
        };
        if stat.is_dir() {
            Err(wrong_file(place, "is a directory on the machine"))
        } else if stat.is_file() {
            Ok(Some(stat))
        } else {
            Err(wrong_file(place, "is no regular file on the machine"))
        }
    }

    fn put_in_place(&self, files: &Files) -> Result<(), Cause> {
        let (from, to) = (self.temporary.as_str(), self.path.as_str());
        if shell::place(files.link(), from, to)? || files.rename(from, to)?.is_ok() {
            return Ok(());
        }
        // SFTP renames nothing over a file that is there. It steps aside, and comes back if the new one does not come.
        self.look(files)?;
        let aside = path(self.upload, &transfer::temporary_name()?);
        let stuck = || in_the_way(&self.upload.place, "the machine does not let it be replaced");
        files.rename(to, &aside)?.map_err(|_| stuck())?;
        match files.rename(from, to)? {
            Ok(()) => files.remove(&aside).map(|_| ()),
            Err(_) => {
                let _ = files.rename(&aside, to)?;
                Err(stuck())
            }
        }
    }
}

fn copy(files: &Files, file: &mut OpenFile<'_>, chunks: &mut Chunks) -> Result<Transferred, Cause> {
    let mut digest = Sha256::new();
    let (mut bytes, mut ended) = (0, false);
    // libssh2 wants to see again, in front, what it was given and has not yet reported as written.
    let mut window: Vec<u8> = Vec::with_capacity(2 * WINDOW);
    let mut written = 0;
    loop {
        while !ended && window.len() - written < WINDOW {
            let chunk = if written == window.len() { chunks.wait() } else { chunks.try_next() };
            match chunk {
                transfer::Next::Chunk(chunk) => {
                    digest.update(&chunk);
                    bytes += chunk.len() as u64;
                    if window.len() + chunk.len() > 2 * WINDOW {
                        window.drain(..written);
                        written = 0;
                    }
                    window.extend_from_slice(&chunk);
                }
                transfer::Next::End => ended = true,
                transfer::Next::NotYet => break,
                transfer::Next::Cut => {
                    files.link().check().map_err(|_| Cause::deadline("the content did not come in time"))?;
                    return Err(Cause::Cancelled);
                }
            }
        }
        if written == window.len() {
            return Ok(Transferred { bytes, sha256: hex(digest) });
        }
        written += file.write(&window[written..])?.map_err(|_| Cause::Protocol(REFUSED))?;
    }
}

/// Gives the new file the owner and permissions of the old one, or the permissions that were asked for.
fn dress(file: &mut OpenFile<'_>, before: Option<&FileStat>, mode: Option<u32>) -> Result<(), Cause> {
    let nothing = FileStat { size: None, uid: None, gid: None, perm: None, atime: None, mtime: None };
    if let Some(before) = before {
        // Only root can give a file away; anybody else's new file is the user's own.
        let _ = file.set_stat(&FileStat { uid: before.uid, gid: before.gid, ..nothing.clone() })?;
    }
    match mode {
        Some(mode) => file.set_stat(&FileStat { perm: Some(mode), ..nothing })?.map_err(|_| Cause::Protocol(REFUSED)),
        None => Ok(()),
    }
}

/// The checksum of a file on the machine, by fetching it.
fn read_back(files: &Files, path: &str) -> Result<String, Cause> {
    const UNREADABLE: Cause = Cause::Protocol("the file that was sent cannot be read back");
    let mut file = files.read(path)?.map_err(|_| UNREADABLE)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; WINDOW / 4];
    loop {
        match file.read(&mut buffer)?.map_err(|_| UNREADABLE)? {
            0 => break,
            count => digest.update(&buffer[..count]),
        }
    }
    file.close()?.map_err(|_| UNREADABLE)?;
    Ok(hex(digest))
}
