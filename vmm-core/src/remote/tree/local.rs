//! Directories on this side.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with, syncfs};

use super::archive::wrong;
use super::carry::{Tally, carry};
use super::target::Target;
use super::write::Writer;
use super::{DEEPEST, SkippedKind};
use crate::remote::Progress;

/// Writes an archive of a directory: what is in it when its turn comes. Links and the like are in it as what they are.
pub(super) fn pack(directory: &Path, out: impl Write) -> io::Result<()> {
    let mut writer = Writer::new(out);
    pack_below(directory, &mut Vec::new(), 0, &mut writer)?;
    writer.end().map(|_| ())
}

fn pack_below(from: &Path, path: &mut Vec<u8>, depth: usize, writer: &mut Writer<impl Write>) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(wrong(format!("{} is too deep", from.display())));
    }
    let about = fs::symlink_metadata(from)?;
    writer.directory(path, about.mode() & 0o777, seconds(&about))?;
    let mut names: Vec<_> =
        fs::read_dir(from)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    names.sort();
    for name in names {
        let (below, length) = (from.join(&name), path.len());
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        let about = fs::symlink_metadata(&below)?;
        if about.is_dir() {
            pack_below(&below, path, depth + 1, writer)?;
        } else if about.is_file() {
            pack_file(&below, path, writer)?;
        } else {
            writer.other(path, if about.is_symlink() { SkippedKind::SymbolicLink } else { SkippedKind::Special })?;
        }
        path.truncate(length);
    }
    Ok(())
}

fn pack_file(from: &Path, path: &[u8], writer: &mut Writer<impl Write>) -> io::Result<()> {
    // It may have become a link or a pipe in the meantime.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).map_err(io::Error::other)?;
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(from)?;
    let about = file.metadata()?;
    let changed = || io::Error::other(format!("{} changed while it was read", from.display()));
    if !about.is_file() {
        return Err(changed());
    }
    let mut content = Read::by_ref(&mut file).take(about.len());
    writer.file(path, about.len(), about.mode() & 0o777, seconds(&about), &mut content)?;
    if content.limit() > 0 { Err(changed()) } else { Ok(()) }
}

fn seconds(about: &fs::Metadata) -> u64 {
    u64::try_from(about.mtime()).unwrap_or_default()
}

/// A directory under way, beside its place. What is not put in place is removed when this is dropped.
pub(super) struct Draft {
    root: PathBuf,
    /// They get their modes and times when nothing more is put into them.
    directories: Vec<(PathBuf, u32, u64)>,
}

/// Unpacks an archive beside `target`.
pub(super) fn unpack(archive: impl Read, target: &Path, limit: u64) -> io::Result<Draft> {
    let parent = match target.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(ErrorKind::NotADirectory.into()),
    };
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let root = parent.join(format!(".vmm-{:016x}.part", u64::from_ne_bytes(random)));
    fs::DirBuilder::new().mode(0o700).create(&root)?;
    let mut draft = Draft { root, directories: Vec::new() };
    carry(archive, &mut draft, &mut Tally::default(), limit, &Progress::new())?;
    Ok(draft)
}

impl Draft {
    /// Puts it in place when all of it is on the disk.
    pub(super) fn place(&self, target: &Path, replace: bool) -> io::Result<()> {
        for (path, mode, modified) in self.directories.iter().rev() {
            let directory = File::open(path)?;
            set_modified(&directory, *modified)?;
            directory.set_permissions(Permissions::from_mode(*mode))?;
        }
        syncfs(File::open(&self.root)?)?;
        match fs::rename(&self.root, target) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && replace => {
                // What was there takes this one's place, and is removed with it.
                renameat_with(CWD, &self.root, CWD, target, RenameFlags::EXCHANGE)?;
                Ok(())
            }
            placed => placed,
        }
    }
}

impl Target for Draft {
    fn directory(&mut self, path: &[u8], mode: u32, modified: u64) -> io::Result<()> {
        // Nothing below the root is a link: this puts no links there, and nobody else can.
        let path = self.root.join(OsStr::from_bytes(path));
        fs::create_dir_all(&path)?;
        self.directories.push((path, mode, modified));
        Ok(())
    }

    fn file(&mut self, path: &[u8], _: u64, mode: u32, modified: u64, content: &mut dyn Read) -> io::Result<()> {
        let path = self.root.join(OsStr::from_bytes(path));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        io::copy(content, &mut file)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        set_modified(&file, modified)
    }
}

fn set_modified(file: &File, seconds: u64) -> io::Result<()> {
    match SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        Some(time) => file.set_modified(time),
        None => Ok(()),
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.root).or_else(|error| match error.kind() {
            ErrorKind::NotFound => Ok(()),
            _ => open_up(&self.root).and_then(|()| fs::remove_dir_all(&self.root)),
        });
        if let Err(error) = removed {
            tracing::warn!(%error, path = %self.root.display(), "an unfinished directory is left");
        }
    }
}

/// Lets directories be removed whose owner closed them to themself.
fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(paths: &[&str]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for path in paths {
            match path.strip_suffix('/') {
                Some(path) => writer.directory(path.as_bytes(), 0o500, 0),
                None => writer.file(path.as_bytes(), 4, 0o600, 0, &mut &b"evil"[..]),
            }
            .expect("written to memory");
        }
        writer.end().expect("written to memory")
    }

    #[test]
    fn nothing_is_written_outside_and_nothing_is_left_of_what_fails() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let target = folder.path().join("target");
        for paths in
            [&["a/", "../evil"][..], &["a/../../evil"], &["a", "a/b"], &["a/b/", "a"], &["a", "a"], &["a", "a/"]]
        {
            assert!(unpack(archive(paths).as_slice(), &target, u64::MAX).is_err(), "{paths:?}");
            let left: Vec<_> = fs::read_dir(folder.path()).expect("ours").collect();
            assert!(left.is_empty(), "{paths:?} left {left:?}");
        }
        let draft = unpack(archive(&["a/b/c", "a/b/", "a/"]).as_slice(), &target, 4).expect("it is good");
        fs::write(&target, "a file").expect("ours");
        assert!(draft.place(&target, true).is_err());
        assert_eq!(fs::read(&target).expect("it is there"), b"a file");
        drop(draft);
        assert_eq!(fs::read_dir(folder.path()).expect("ours").count(), 1);
    }
}
