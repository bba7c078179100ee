//! A machine's file system as the login sees it.

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, Sftp};

use super::blocked::{again_at_once, would_block};
use super::error::Cause;
use super::link::Link;
use crate::error::{Error, Kind};
use crate::remote::Place;

/// `SSH_FX_NO_SUCH_FILE` and `LIBSSH2_FX_NO_SUCH_PATH`.
const MISSING: [i32; 2] = [2, 10];
/// `SSH_FX_PERMISSION_DENIED`.
const DENIED: i32 = 3;
/// `SSH_FX_OP_UNSUPPORTED`.
const UNSUPPORTED: i32 = 8;
/// `LIBSSH2_ERROR_SFTP_PROTOCOL`: the server said no, and the connection still works.
const STATUS: ErrorCode = ErrorCode::Session(-31);

/// The answer of a machine to a step that it did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    Missing,
    Denied,
    Unsupported,
    /// Anything else, like a full disk, which version 3 of SFTP has no word for.
    Other,
}

/// The way in which a machine gives its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Sftp,
    /// The server gives no SFTP. The login shell may do.
    Shell,
}

/// The file system. Its connection ends with it, unless that is taken out.
pub(super) struct Files {
    link: Link,
}

impl Files {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }

    /// Returns the way to the machine's files over a session; may be asked for twice.
    pub(super) fn way(link: &Link) -> Result<Way, Cause> {
        match link.sftp() {
            Ok(sftp) => link.drive(|| sftp.realpath(Path::new("."))).map(|_| Way::Sftp),
            Err(Cause::NoSftp) => Ok(Way::Shell),
            Err(cause) => Err(cause),
        }
    }

    /// The session, on which every file is closed.
    pub(super) fn into_link(self) -> Link {
        self.link
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Does a step; the inner result is the server's answer.
    fn step<T>(&self, mut step: impl FnMut(&Sftp) -> Result<T, ssh2::Error>) -> Result<Result<T, No>, Cause> {
        let sftp = self.link.sftp()?;
        match self.link.drive(|| again_at_once(|| step(sftp), would_block)) {
            Ok(done) => Ok(Ok(done)),
            Err(Cause::Ssh(error)) => match error.code() {
                ErrorCode::SFTP(code) if MISSING.contains(&code) => Ok(Err(No::Missing)),
                ErrorCode::SFTP(DENIED) => Ok(Err(No::Denied)),
                ErrorCode::SFTP(UNSUPPORTED) => Ok(Err(No::Unsupported)),
                ErrorCode::SFTP(_) => Ok(Err(No::Other)),
                ErrorCode::Session(_) => Err(error.into()),
            },
            Err(cause) => Err(cause),
        }
    }

    pub(super) fn stat(&self, path: &str) -> Result<Result<FileStat, No>, Cause> {
        self.step(|sftp| sftp.stat(Path::new(path)))
    }

    pub(super) fn lstat(&self, path: &str) -> Result<Result<FileStat, No>, Cause> {
        self.step(|sftp| sftp.lstat(Path::new(path)))
    }

    /// Makes a file that was not there.
    pub(super) fn create(&self, path: &str, mode: u32) -> Result<Result<OpenFile<'_>, No>, Cause> {
        self.open(path, OpenFlags::WRITE | OpenFlags::EXCLUSIVE, mode)
    }

    pub(super) fn read(&self, path: &str) -> Result<Result<OpenFile<'_>, No>, Cause> {
        self.open(path, OpenFlags::READ, 0)
    }

    /// Opens a file that is there for more to be written to it.
    pub(super) fn write_on(&self, path: &str) -> Result<Result<OpenFile<'_>, No>, Cause> {
        self.open(path, OpenFlags::WRITE, 0)
    }

    pub(super) fn set_mode(&self, path: &str, mode: u32) -> Result<Result<(), No>, Cause> {
        let stat = FileStat { perm: Some(mode), ..nothing() };
        self.step(|sftp| sftp.setstat(Path::new(path), stat.clone()))
    }

    fn open(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<Result<OpenFile<'_>, No>, Cause> {
        let mode = i32::try_from(mode & 0o7777).unwrap_or_default();
        let file = self.step(|sftp| sftp.open_mode(Path::new(path), flags, mode, OpenType::File))?;
        Ok(file.map(|file| OpenFile { file: Some(file), files: self }))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<Result<(), No>, Cause> {
        self.step(|sftp| sftp.rename(Path::new(from), Path::new(to), None))
    }

    pub(super) fn remove(&self, path: &str) -> Result<Result<(), No>, Cause> {
        self.step(|sftp| sftp.unlink(Path::new(path)))
    }

    /// Refuses a place whose directory is not there.
    pub(super) fn check_directory(&self, place: &Place) -> Result<(), Cause> {
        match self.stat(&place.directory_path())? {
            Ok(stat) if stat.is_dir() => Ok(()),
            Ok(_) => Err(wrong_directory(place, "is not a directory")),
            Err(No::Missing) => Err(wrong_directory(place, "does not exist on the machine")),
            Err(No::Denied) => Err(wrong_directory(place, "is not accessible to this user")),
            Err(No::Unsupported | No::Other) => Err(wrong_directory(place, "cannot be looked at on the machine")),
        }
    }
}

/// An open file. Dropping it without closing it ends the connection.
pub(super) struct OpenFile<'a> {
    file: Option<ssh2::File>,
    files: &'a Files,
}

impl OpenFile<'_> {
    fn step<T>(
        &mut self,
        mut step: impl FnMut(&mut ssh2::File) -> Result<T, ssh2::Error>,
    ) -> Result<Result<T, No>, Cause> {
        let Self { file, files } = self;
        let file = file.as_mut().ok_or(Cause::Protocol("a closed file was used"))?;
        files.step(|_| step(file))
    }

    pub(super) fn stat(&mut self) -> Result<Result<FileStat, No>, Cause> {
        self.step(ssh2::File::stat)
    }

    pub(super) fn set_stat(&mut self, stat: &FileStat) -> Result<Result<(), No>, Cause> {
        self.step(|file| file.setstat(stat.clone()))
    }

    /// From here on it is read or written. Right after it was opened only.
    pub(super) fn begin_at(&mut self, offset: u64) -> Result<(), Cause> {
        let file = self.file.as_mut().ok_or(Cause::Protocol("a closed file was used"))?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<Result<(), No>, Cause> {
        let link = self.files.link();
        link.patiently(|| self.step(ssh2::File::fsync))
    }

    /// Bytes that this user may still write to the file's disk.
    pub(super) fn free(&mut self) -> Result<Result<u64, No>, Cause> {
        self.step(|file| file.statvfs().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)))
    }

    /// Hands libssh2 bytes that follow those it has taken for good; how many of them it now has.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<Result<usize, No>, Cause> {
        self.move_bytes(|file| file.write(bytes))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<Result<usize, No>, Cause> {
        self.move_bytes(|file| file.read(buffer))
    }

    fn move_bytes(
        &mut self,
        mut step: impl FnMut(&mut ssh2::File) -> std::io::Result<usize>,
    ) -> Result<Result<usize, No>, Cause> {
        let Self { file, files } = self;
        let file = file.as_mut().ok_or(Cause::Protocol("a closed file was used"))?;
        loop {
            match again_at_once(|| step(file), |error| error.kind() == ErrorKind::WouldBlock) {
                Ok(count) => {
                    files.link.check()?;
                    return Ok(Ok(count));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => files.link.wait()?,
                // The error of an I/O trait has lost its code; the session still has it.
                Err(error) => {
                    let last = ssh2::Error::last_session_error(files.link.session());
                    let status = last.is_some_and(|last| last.code() == STATUS);
                    return if status { Ok(Err(No::Other)) } else { Err(error.into()) };
                }
            }
        }
    }

    pub(super) fn close(mut self) -> Result<Result<(), No>, Cause> {
        let closed = self.step(ssh2::File::close)?;
        self.file = None;
        Ok(closed)
    }
}

impl Drop for OpenFile<'_> {
    fn drop(&mut self) {
        if self.file.is_some() {
            self.files.link.cut();
        }
    }
}

/// A stat that sets nothing.
pub(super) fn nothing() -> FileStat {
    FileStat { size: None, uid: None, gid: None, perm: None, atime: None, mtime: None }
}

pub(super) fn wrong_directory(place: &Place, reason: &str) -> Cause {
    Cause::Public(Error::invalid("directory", format!("{:?} {reason}", place.directory())))
}

pub(super) fn wrong_file(place: &Place, reason: &str) -> Cause {
    Cause::Public(Error::invalid("file", format!("{:?} {reason}", place.to_string())))
}

pub(super) fn in_the_way(place: &Place, reason: impl Into<String>) -> Cause {
    Cause::Public(Error::conflict(Kind::File, place, reason))
}
