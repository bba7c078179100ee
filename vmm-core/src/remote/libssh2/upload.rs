//! A file onto a machine: under another name first, checked, then put in place at once.

use ssh2::FileStat;

use super::call::Call;
use super::content::{Content, REFUSED, WINDOW};
use super::error::{Cause, Stage};
use super::limits::Limits;
use super::resume::{self, Resumable};
use super::session_lease::SessionLease;
use super::sftp::{Files, No, OpenFile, Way, in_the_way, nothing, wrong_directory, wrong_file};
use super::shell::{self, Digesting};
use super::sockets::Sockets;
use super::tidy::{self, Left};
use super::transfer::{self, Chunks};
use super::{by_shell, digest};
use crate::error::Result;
use crate::remote::{Transferred, Upload};

/// The permission bits that a file can be given.
const PERMISSIONS: u32 = 0o777;
/// The permission bits of new files on a machine, before the user's mask.
const NEW_FILE: u32 = 0o644;
/// The number of times that a file is put in place where others come in between.
const PLACING_TRIES: usize = 20;
/// With less space than this left a disk counts as full, in bytes.
const FULL: u64 = 2 * WINDOW as u64;

/// The whole call, on a blocking thread.
pub(super) fn run(
    call: &Call,
    lease: SessionLease,
    limits: &Limits,
    sockets: &Sockets,
    upload: &Upload,
    chunks: Chunks,
) -> Result<Transferred> {
    let failed = |cause| call.failed(Stage::Transfer, cause);
    let begun = resume::begin(call, lease, limits, sockets).map_err(failed)?;
    if begun.way == Way::Shell {
        let mut sending = by_shell::Sending::new(upload, chunks).map_err(failed)?;
        let sent = begun.run(&mut sending);
        // The last word of the machine was lost, or came too late.
        return sent.or_else(|cause| sending.tidy(call, sockets).ok_or_else(|| failed(cause)));
    }
    let path = path(upload, upload.place.file());
    let content = Content::new(chunks, upload.progress.clone());
    let stands = Stands::Writing;
    let mut sending = Sending { upload, path, before: None, temporary: String::new(), aside: None, content, stands };
    begun.run(&mut sending).or_else(|cause| {
        let Sending { path, temporary, aside, content, stands, .. } = &sending;
        let transferred = content.transferred();
        let left = Left {
            temporary,
            aside: aside.as_deref().map(|aside| (aside, path.as_str())),
            placed: (*stands == Stands::Placing).then_some((path, &transferred.sha256)),
        };
        let found = tidy::after_upload(call, sockets, &left);
        match (cause, found.free) {
            // The last word of the machine was lost, or came too late.
            _ if found.placed => Ok(transferred),
            (Cause::Public(error), _) => Err(error),
            (Cause::Protocol(REFUSED), Some(free)) if free < FULL => {
                let reason = format!("the machine's disk is full ({free} bytes are free); make room");
                Err(failed(in_the_way(&upload.place, reason)))
            }
            (Cause::Protocol(REFUSED), _) => Err(failed(in_the_way(&upload.place, REFUSED_WRITING))),
            (cause, _) => Err(failed(cause)),
        }
    })
}

/// The message about a refused file, if nothing more is known.
const REFUSED_WRITING: &str = "the machine did not take all of it; its disk may be full, read-only or over a quota";
/// Why a transfer cannot go on.
const GONE: &str = "the part that had arrived has disappeared; try again";

fn path(upload: &Upload, file: &str) -> String {
    format!("{}/{file}", upload.place.directory_path())
}

/// The stage of an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    Writing,
    /// All of it is on the disk, with its owner and permissions.
    Written,
    /// It may already be in place.
    Placing,
}

struct Sending<'a> {
    upload: &'a Upload,
    path: String,
    /// The file that is to be replaced, once it was looked at.
    before: Option<Option<FileStat>>,
    /// The file under way, once it may be there.
    temporary: String,
    /// Where the file that is replaced may have stepped to.
    aside: Option<String>,
    content: Content,
    stands: Stands,
}

impl Resumable for Sending<'_> {
    type Done = Transferred;

    fn reached(&self) -> u64 {
        self.content.arrived()
    }

    fn go_on(&mut self, files: &Files) -> Result<Transferred, Cause> {
        let before = match &self.before {
            Some(before) => before.clone(),
            None => self.before.insert(self.look(files)?).clone(),
        };
        let wanted = self.upload.mode.or(before.as_ref().and_then(|stat| stat.perm)).map(|mode| mode & PERMISSIONS);
        let mut arrived = None;
        if self.stands == Stands::Writing {
            let mut file = self.open(files, wanted)?;
            self.content.copy(files, &mut file)?;
            // The disk and the processor have something to do at the same time.
            let digesting = Digesting::start(files.link(), &self.temporary)?;
            match file.sync()? {
                Ok(()) | Err(No::Unsupported) => {}
                Err(No::Missing | No::Denied | No::Other) => return Err(Cause::Protocol(REFUSED)),
            }
            dress(&mut file, before.as_ref(), wanted)?;
            self.stands = Stands::Written;
            file.close()?.map_err(|_| Cause::Protocol(REFUSED))?;
            arrived = Some(digesting.finish()?);
        }
        let transferred = self.content.transferred();
        let moved = self.stands == Stands::Placing && files.lstat(&self.temporary)? == Err(No::Missing);
        let whole = if moved { &self.path } else { &self.temporary };
        let arrived = match arrived {
            Some(Some(arrived)) => arrived,
            Some(None) => digest::read_back(files, whole)?,
            None => digest::of(files, whole)?,
        };
        if arrived != transferred.sha256 {
            return Err(Cause::Protocol("the file on the machine differs from the one that was sent; try again"));
        }
        if !moved {
            self.stands = Stands::Placing;
            self.put_in_place(files)?;
        }
        if let Some(aside) = &self.aside {
            let _ = files.remove(aside)?;
        }
        Ok(transferred)
    }
}

impl Sending<'_> {
    /// The file under way, where the next byte goes to its place.
    fn open<'f>(&mut self, files: &'f Files, wanted: Option<u32>) -> Result<OpenFile<'f>, Cause> {
        if self.temporary.is_empty() {
            self.temporary = path(self.upload, &transfer::temporary_name()?);
        } else {
            match files.lstat(&self.temporary)? {
                Ok(stat) if stat.is_file() && stat.size >= Some(self.content.arrived()) => {
                    // It may have got its final permissions, with which it could not be opened.
                    let _ = files.set_mode(&self.temporary, 0o600)?;
                    let mut file = files.write_on(&self.temporary)?.map_err(|_| Cause::Protocol(GONE))?;
                    file.begin_at(self.content.arrived())?;
                    return Ok(file);
                }
                Err(No::Missing) if self.content.arrived() == 0 => {}
                _ => return Err(Cause::Protocol(GONE)),
            }
        }
        match files.create(&self.temporary, wanted.map_or(NEW_FILE, |mode| mode & 0o600))? {
            Ok(file) => Ok(file),
            Err(No::Denied) => {
                self.temporary.clear();
                Err(wrong_directory(&self.upload.place, "cannot be written by this user"))
            }
            // SFTP has no word for it.
            Err(No::Missing | No::Unsupported | No::Other) => {
                Err(match shell::why_not_made(files.link(), &self.temporary)? {
                    Some(reason) => in_the_way(&self.upload.place, reason),
                    None => Cause::Protocol(REFUSED),
                })
            }
        }
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
            Err(No::Denied) => return Err(wrong_directory(place, "is not accessible to this user")),
            Err(No::Unsupported | No::Other) => return Err(wrong_file(place, "cannot be a file's name there")),
        };
        if stat.is_dir() {
            Err(wrong_file(place, "is a directory on the machine"))
        } else if stat.is_file() {
            Ok(Some(stat))
        } else {
            Err(wrong_file(place, "is not a regular file on the machine"))
        }
    }

    fn put_in_place(&mut self, files: &Files) -> Result<(), Cause> {
        let (from, to) = (&self.temporary.clone(), &self.path.clone());
        if shell::place(files.link(), from, to)? || files.rename(from, to)?.is_ok() {
            return Ok(());
        }
        // SFTP renames nothing over a file that is there. It steps aside, and comes back if the new one does not come.
        // Somebody else may put a file there in between.
        for _ in 0..PLACING_TRIES {
            self.look(files)?;
            let aside = self.aside.insert(path(self.upload, &transfer::temporary_name()?)).clone();
            let stepped = files.rename(to, &aside)?.is_ok();
            if files.rename(from, to)?.is_ok() {
                return Ok(());
            }
            if stepped && files.rename(&aside, to)?.is_err() {
                let _ = files.remove(&aside)?;
            }
            self.aside = None;
        }
        Err(in_the_way(&self.upload.place, "the machine does not let it be replaced"))
    }
}

/// Gives the new file the owner and permissions of the old one, or the permissions that were asked for.
fn dress(file: &mut OpenFile<'_>, before: Option<&FileStat>, mode: Option<u32>) -> Result<(), Cause> {
    if let Some(before) = before {
        // Only root can give a file away; anybody else's new file is the user's own.
        let _ = file.set_stat(&FileStat { uid: before.uid, gid: before.gid, ..nothing() })?;
    }
    match mode {
        Some(mode) => file.set_stat(&FileStat { perm: Some(mode), ..nothing() })?.map_err(|_| Cause::Protocol(REFUSED)),
        None => Ok(()),
    }
}
