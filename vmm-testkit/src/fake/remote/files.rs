//! The files of a fake machine.

use std::collections::{BTreeMap, HashSet};

use vmm_core::remote::{Place, Transferred};
use vmm_core::{Error, Kind, Result};

use crate::sample::sha256;

/// The size of a machine's disk, in bytes.
pub(super) const DISK: usize = 64 << 20;

/// The thing at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Regular {
        content: Vec<u8>,
        mode: u32,
    },
    Directory,
    /// A directory that was sent, as the archive of what is in it.
    Tree(Vec<u8>),
    Pipe,
}

/// A small file system. `/tmp`, `/root` and the login's home are there from the beginning.
#[derive(Debug)]
pub(super) struct Files {
    entries: BTreeMap<String, Entry>,
    closed: HashSet<String>,
    full: bool,
}

impl Default for Files {
    fn default() -> Self {
        let directories = [".", "/", "/tmp", "/root"].map(|path| (path.to_owned(), Entry::Directory));
        Self { entries: directories.into(), closed: HashSet::new(), full: false }
    }
}

impl Files {
    pub(super) fn make_directory(&mut self, path: &str) {
        self.entries.insert(path.to_owned(), Entry::Directory);
    }

    pub(super) fn make_pipe(&mut self, place: &Place) {
        self.entries.insert(path(place), Entry::Pipe);
    }

    pub(super) fn close(&mut self, directory: &str) {
        self.closed.insert(directory.to_owned());
    }

    pub(super) fn fill(&mut self) {
        self.full = true;
    }

    /// Content and permission bits of a regular file.
    pub(super) fn regular(&self, place: &Place) -> Option<(Vec<u8>, u32)> {
        match self.entries.get(&path(place)) {
            Some(Entry::Regular { content, mode }) => Some((content.clone(), *mode)),
            _ => None,
        }
    }

    /// The names below a directory.
    pub(super) fn names(&self, directory: &str) -> Vec<String> {
        let prefix = format!("{directory}/");
        let below = self.entries.keys().filter_map(|path| path.strip_prefix(&prefix));
        below.filter(|name| !name.contains('/')).map(str::to_owned).collect()
    }

    pub(super) fn check_write(&self, place: &Place) -> Result<()> {
        self.check_directory(place)?;
        match self.entries.get(&path(place)) {
            Some(Entry::Directory | Entry::Tree(_)) => Err(wrong_file(place, "is a directory on the machine")),
            Some(Entry::Pipe) => Err(wrong_file(place, "is not a regular file on the machine")),
            Some(Entry::Regular { .. }) | None if self.closed.contains(&place.directory_path()) => {
                Err(wrong_directory(place, "cannot be written by this user"))
            }
            Some(Entry::Regular { .. }) | None => Ok(()),
        }
    }

    pub(super) fn write(&mut self, place: &Place, content: Vec<u8>, mode: Option<u32>) -> Result<Transferred> {
        self.check_write(place)?;
        if content.len() > if self.full { 0 } else { DISK } {
            return Err(Error::conflict(Kind::File, place, "the machine's disk is full (0 bytes are free); make room"));
        }
        let transferred = whole(&content);
        let mode = mode.or(self.regular(place).map(|(_, mode)| mode)).unwrap_or(0o644);
        self.entries.insert(path(place), Entry::Regular { content, mode });
        Ok(transferred)
    }

    pub(super) fn read(&self, place: &Place) -> Result<Vec<u8>> {
        match self.entries.get(&path(place)) {
            Some(Entry::Regular { content, .. }) => Ok(content.clone()),
            Some(Entry::Directory | Entry::Tree(_)) => Err(wrong_file(place, "is a directory on the machine")),
            Some(Entry::Pipe) => Err(wrong_file(place, "is not a regular file on the machine")),
            None => {
                self.check_directory(place)?;
                Err(wrong_file(place, "does not exist on the machine"))
            }
        }
    }

    pub(super) fn write_tree(&mut self, place: &Place, archive: Vec<u8>, replace: bool) -> Result<()> {
        self.check_write_tree(place, replace)?;
        if archive.len() > if self.full { 0 } else { DISK } {
            return Err(Error::conflict(Kind::File, place, "the machine's disk is full; make room"));
        }
        self.entries.insert(path(place), Entry::Tree(archive));
        Ok(())
    }

    pub(super) fn check_write_tree(&self, place: &Place, replace: bool) -> Result<()> {
        self.check_directory(place)?;
        if self.closed.contains(&place.directory_path()) {
            return Err(wrong_directory(place, "is not accessible to this user"));
        }
        let there = match self.entries.get(&path(place)) {
            None => false,
            Some(Entry::Tree(_)) => true,
            Some(Entry::Directory) => !self.names(&path(place)).is_empty(),
            Some(Entry::Regular { .. } | Entry::Pipe) => {
                return Err(wrong_file(place, "is not a directory on the machine"));
            }
        };
        if there && !replace {
            return Err(Error::conflict(Kind::File, place, "exists and is not empty; remove it, or have it replaced"));
        }
        Ok(())
    }

    /// An archive of a directory. One that was made here and not sent counts as empty.
    pub(super) fn read_tree(&self, place: &Place) -> Result<Vec<u8>> {
        match self.entries.get(&path(place)) {
            Some(Entry::Tree(archive)) => Ok(archive.clone()),
            Some(Entry::Directory) => Ok(vec![0; 1024]),
            Some(Entry::Regular { .. } | Entry::Pipe) => Err(wrong_file(place, "is not a directory on the machine")),
            None => {
                self.check_directory(place)?;
                Err(wrong_file(place, "does not exist on the machine"))
            }
        }
    }

    fn check_directory(&self, place: &Place) -> Result<()> {
        match self.entries.get(place.directory_path().trim_end_matches('/')) {
            Some(Entry::Directory) => Ok(()),
            Some(_) => Err(wrong_directory(place, "is not a directory")),
            None if place.directory_path() == "/" => Ok(()),
            None => Err(wrong_directory(place, "does not exist on the machine")),
        }
    }
}

pub(super) fn whole(content: &[u8]) -> Transferred {
    Transferred { bytes: content.len() as u64, sha256: sha256(content) }
}

fn path(place: &Place) -> String {
    format!("{}/{}", place.directory_path().trim_end_matches('/'), place.file())
}

fn wrong_directory(place: &Place, reason: &str) -> Error {
    Error::invalid("directory", format!("{:?} {reason}", place.directory()))
}

fn wrong_file(place: &Place, reason: &str) -> Error {
    Error::invalid("file", format!("{:?} {reason}", place.to_string()))
}
