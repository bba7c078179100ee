//! From an archive to wherever it goes, entry by entry.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use super::archive::{Archive, Kind, wrong};
use super::name::relative;
use super::target::Target;
use super::write::Writer;
use super::{MOST_ENTRIES, MOST_NAME_BYTES, MOST_NAMED, Skipped, SkippedKind, TreeTransferred};
use crate::remote::Progress;
use crate::text::hex;

/// The count of carried files, directories and bytes.
#[derive(Default)]
pub(crate) struct Tally {
    files: u64,
    directories: u64,
    bytes: u64,
    digest: Sha256,
    names: Vec<u8>,
    /// The length of all names together, in bytes.
    name_bytes: usize,
    skipped_count: u64,
    skipped: Vec<Skipped>,
}

impl Tally {
    /// The files' names, each with `./` before and a NUL character behind it, as `xargs -0` takes them.
    #[cfg(feature = "ssh")]
    pub(crate) fn names(&self) -> &[u8] {
        &self.names
    }

    pub(crate) fn transferred(&self) -> TreeTransferred {
        let Self { files, directories, bytes, skipped_count, .. } = *self;
        let sha256 = hex(self.digest.clone().finalize());
        TreeTransferred { files, directories, bytes, sha256, skipped_count, skipped: self.skipped.clone() }
    }

    pub(super) fn skip(&mut self, path: &[u8], what: SkippedKind) {
        self.skipped_count += 1;
        if self.skipped.len() < MOST_NAMED {
            self.skipped.push(Skipped { path: String::from_utf8_lossy(path).into_owned(), what });
        }
    }

    fn count(&self) -> u64 {
        self.files + self.directories + self.skipped_count
    }
}

/// Carries what an archive holds to a target, in the archive's order. More than `limit` bytes of content are refused.
/// What is wrong with the archive is an error of the kind `InvalidData`.
pub(crate) fn carry(
    archive: impl Read,
    target: &mut dyn Target,
    tally: &mut Tally,
    limit: u64,
    progress: &Progress,
) -> io::Result<()> {
    let mut archive = Archive::new(archive);
    while let Some(entry) = archive.next()? {
        let said = String::from_utf8_lossy(&entry.path).chars().take(100).collect::<String>();
        let path = relative(&entry.path).map_err(|reason| wrong(format!("the name {said:?} in it {reason}")))?;
        if tally.count() >= MOST_ENTRIES || tally.name_bytes > MOST_NAME_BYTES {
            return Err(wrong(format!("it holds more than {MOST_ENTRIES} files and directories, or too long names")));
        }
        tally.name_bytes += path.len();
        match entry.kind {
            Kind::Directory => {
                tally.directories += u64::from(!path.is_empty());
                target.directory(&path, entry.mode, entry.modified)?;
            }
            Kind::File { .. } if path.is_empty() => return Err(wrong("a file in it has no name")),
            Kind::File { bytes } => {
                if bytes > limit.saturating_sub(tally.bytes) {
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"));
                }
                tally.files += 1;
                tally.names.extend_from_slice(&[b"./", path.as_slice(), b"\0"].concat());
                let mut content = Counted { archive: &mut archive, tally, progress };
                target.file(&path, bytes, entry.mode, entry.modified, &mut content)?;
            }
            Kind::Other(what) => tally.skip(&path, what),
        }
    }
    // What follows the end is filling; whoever sends it wants to be rid of it.
    archive.rest()
}

/// Writes an archive anew, with regular files and directories only, whose names lead nowhere else. For those who carry
/// directories by other means.
///
/// # Errors
/// `InvalidData` for what is no archive, breaks a limit or holds a name that leads elsewhere; `FileTooLarge` for more
/// than `limit` bytes of content; what the two sides fail with.
pub fn rewrite(archive: impl Read, out: impl Write, limit: u64, progress: &Progress) -> io::Result<TreeTransferred> {
    let (mut writer, mut tally) = (Writer::new(out), Tally::default());
    carry(archive, &mut writer, &mut tally, limit, progress)?;
    writer.end()?;
    Ok(tally.transferred())
}

/// The content of a file, counted as it is read.
struct Counted<'a, R> {
    archive: &'a mut Archive<R>,
    tally: &'a mut Tally,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        self.tally.digest.update(&buffer[..count]);
        self.tally.bytes += count as u64;
        self.progress.set(self.tally.bytes);
        Ok(count)
    }
}
