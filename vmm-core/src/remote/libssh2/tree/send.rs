//! A directory onto a machine: unpacked beside its place, compared, put in place.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufWriter, ErrorKind, Read};
use std::rc::Rc;

use super::outgoing::Outgoing;
use super::resend_buffer::File;
use super::script::{DONE, PLACED, PLAIN_TAR, Paths};
use super::{OUTPUT_LIMIT, Trip, done, run, there, wrong_archive};
use crate::error::{Error, Result};
use crate::remote::libssh2::call::Call;
use crate::remote::libssh2::error::{Cause, Stage};
use crate::remote::libssh2::limits::Limits;
use crate::remote::libssh2::link::Link;
use crate::remote::libssh2::resume::Route;
use crate::remote::libssh2::session_lease::SessionLease;
use crate::remote::libssh2::shell;
use crate::remote::libssh2::sockets::Sockets;
use crate::remote::libssh2::stream::Running;
use crate::remote::libssh2::tidy;
use crate::remote::libssh2::transfer::{CHUNK, Chunks};
use crate::remote::tree::{Tally, Target, Writer, carry, wrong};
use crate::remote::{Stream, TreeTransferred, TreeUpload};

/// Without these bits of a directory, nothing could be put into it.
const OPEN: u32 = 0o700;

/// Sends a directory, on a blocking thread.
pub(in crate::remote::libssh2) fn send(
    call: &Call,
    lease: SessionLease,
    limits: Limits,
    sockets: &Sockets,
    upload: &TreeUpload,
    chunks: Chunks,
) -> Result<TreeTransferred> {
    let failed = |cause| call.failed(Stage::Transfer, cause);
    let mut paths = Paths::new(&upload.place).map_err(failed)?;
    let (link, channel, taken) = lease.begin(call, limits.clone(), &sockets.work, Stage::Transfer, Link::channel)?;
    let route = Route::new(call, limits, sockets, taken, &link);
    let mut trip = Trip { route, link: Rc::new(link) };
    let mut whole = None;
    let sent = Outgoing::begin(&mut trip, &mut paths, upload, channel)
        .and_then(|outgoing| carry_all(outgoing, upload, chunks, &mut whole));
    match sent {
        Ok(transferred) => {
            trip.keep();
            Ok(transferred)
        }
        // Nothing was made.
        Err(cause @ Cause::Public(_)) if paths.inode.is_none() => Err(failed(cause)),
        Err(cause) => {
            drop(trip);
            match (tidy(call, sockets, &paths), whole) {
                // The last word of the machine was lost, or came too late.
                (true, Some(transferred)) => Ok(transferred),
                _ => Err(failed(cause)),
            }
        }
    }
}

fn carry_all(
    outgoing: Outgoing<'_, '_>,
    upload: &TreeUpload,
    chunks: Chunks,
    whole: &mut Option<TreeTransferred>,
) -> Result<TreeTransferred, Cause> {
    let place = &upload.place;
    let mut tally = Tally::default();
    let mut split = Split { files: Writer::new(outgoing), directories: Vec::new() };
    let written = carry(chunks.reader(), &mut split, &mut tally, u64::MAX, &upload.progress)
        .and_then(|()| one_each(&tally, &split.directories))
        .and_then(|()| split.files.write_end());
    let Split { mut files, directories } = split;
    let outgoing = files.out();
    if let Err(error) = written {
        match (outgoing.failure(), error.kind()) {
            (Some(cause), _) => return Err(cause),
            // The command has ended before its input: it says why.
            (None, ErrorKind::WriteZero) => {}
            (None, ErrorKind::InvalidData) => return Err(wrong_archive(&error)),
            (None, ErrorKind::UnexpectedEof) => return Err(wrong_archive(&"it breaks off")),
            (None, _) => {
                outgoing.trip.link.check().map_err(|_| Cause::deadline("the content did not come in time"))?;
                return Err(Cause::Cancelled);
            }
        }
    }
    done(place, &outgoing.finish()?)?;
    let (reached, transferred) = (outgoing.position(), tally.transferred());
    let Outgoing { trip, paths, .. } = outgoing;
    let mut plain_tar = false;
    if !directories.is_empty() {
        let script = paths.make();
        plain_tar = trip.insist(reached, |link| give(link, upload, &script, &directories, OPEN))?.contains(PLAIN_TAR);
    }
    if trip.insist(reached, |link| there(link, paths.temporary(), &tally))? != transferred.sha256 {
        return Err(Cause::Protocol("the directory on the machine differs from the one that was sent; try again"));
    }
    for (mode, names) in if plain_tar { by_mode(directories.iter()) } else { Vec::new() } {
        let script = paths.set_mode(mode);
        trip.insist(reached, |link| set_mode(link, upload, &script, &names))?;
    }
    *whole = Some(transferred.clone());
    let script = paths.place(upload.replace);
    trip.insist(reached, |link| give(link, upload, &script, &directories, 0).map(drop))?;
    Ok(transferred)
}

/// A directory below the one that is sent, or that one itself.
struct Directory {
    path: Vec<u8>,
    mode: u32,
    modified: u64,
}

/// Sends files as they come. Directories get their permissions last, when nothing more is put into them.
struct Split<'t, 'c> {
    files: Writer<Outgoing<'t, 'c>>,
    directories: Vec<Directory>,
}

impl Target for Split<'_, '_> {
    fn directory(&mut self, path: &[u8], mode: u32, modified: u64) -> io::Result<()> {
        self.directories.push(Directory { path: path.to_vec(), mode, modified });
        Ok(())
    }

    fn file(&mut self, path: &[u8], bytes: u64, mode: u32, modified: u64, content: &mut dyn Read) -> io::Result<()> {
        let begin = self.files.out().position();
        self.files.begin_file(path, bytes, mode, modified)?;
        let out = self.files.out();
        out.file(File { path: path.to_vec(), bytes, mode, modified, begin, content: out.position() });
        io::copy(content, out)?;
        self.files.end_file(bytes)
    }
}

/// Refuses what is to be a file and a directory at once: only one of them would be there.
fn one_each(tally: &Tally, directories: &[Directory]) -> io::Result<()> {
    let directories: HashSet<&[u8]> = directories.iter().map(|directory| directory.path.as_slice()).collect();
    let mut files = tally.names().split(|byte| *byte == 0).filter_map(|name| name.strip_prefix(b"./"));
    match files.find(|file| directories.contains(file)) {
        Some(both) => {
            let said = String::from_utf8_lossy(both).chars().take(100).collect::<String>();
            Err(wrong(format!("{said:?} in it is a file and a directory")))
        }
        None => Ok(()),
    }
}

/// Has a script take an archive of the directories; what it says.
fn give(
    link: &Link,
    upload: &TreeUpload,
    script: &str,
    directories: &[Directory],
    more_mode: u32,
) -> Result<String, Cause> {
    let mut running = Running::start(link, &shell::line(script))?;
    let mut writer = Writer::new(BufWriter::with_capacity(CHUNK, &mut running));
    let written = directories
        .iter()
        .try_for_each(|directory| writer.directory(&directory.path, directory.mode | more_mode, directory.modified))
        .and_then(|()| writer.write_end());
    drop(writer);
    match written {
        // A script that has ended says why.
        Err(error) if error.kind() != ErrorKind::WriteZero => Err(running.failure().unwrap_or(Cause::Io(error))),
        _ => {
            let ended = running.finish(OUTPUT_LIMIT)?;
            done(&upload.place, &ended).map(|()| String::from_utf8_lossy(&ended.1).into_owned())
        }
    }
}

/// The names of directories by their permissions, as `xargs -0` takes them. What is closed even to its owner comes
/// last, and what is deeper before what it is in.
fn by_mode<'d>(directories: impl Iterator<Item = &'d Directory>) -> Vec<(u32, Vec<u8>)> {
    let mut modes = BTreeMap::<_, Vec<&Directory>>::new();
    for directory in directories {
        modes.entry((directory.mode & 0o100 == 0, directory.mode)).or_default().push(directory);
    }
    let names = |mut directories: Vec<&Directory>| {
        directories.sort_by(|one, other| other.path.cmp(&one.path));
        directories.iter().flat_map(|directory| [b"./", directory.path.as_slice(), b"\0"].concat()).collect()
    };
    modes.into_iter().map(|((_, mode), directories)| (mode, names(directories))).collect()
}

fn set_mode(link: &Link, upload: &TreeUpload, script: &str, names: &[u8]) -> Result<(), Cause> {
    let (ended, said) = run(link, script, names)?;
    done(&upload.place, &(ended, said.into_bytes(), Stream::default()))
}

/// Removes what is left on the machine. Whether the directory is in its place.
fn tidy(call: &Call, sockets: &Sockets, paths: &Paths) -> bool {
    let script = shell::line(paths.tidy());
    let tidied = tidy::over_another_connection(call, sockets, paths.temporary(), |link| {
        let (_, said, _) = Running::start(&link, &script)?.finish(OUTPUT_LIMIT)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        if said.lines().any(|line| line == DONE) { Ok(said) } else { Err(Cause::Public(not_removed())) }
    });
    tidied.is_some_and(|said| said.lines().any(|line| line == PLACED))
}

/// That it was tried for long, and is not tried again.
fn not_removed() -> Error {
    Error::internal("removing an unfinished directory", io::Error::other("the machine does not remove it"))
}
