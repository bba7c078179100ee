//! Writing a tar archive that every `tar` reads.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use super::SkippedKind;
use super::target::Target;

const BLOCK: usize = 512;
/// Where GNU's tar says that a long name follows.
const LONG_NAME: &[u8] = b"././@LongLink";

/// An archive that is being written. It belongs to nobody: whoever unpacks it owns what is in it.
pub(crate) struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes the archive's end, and gives back what was written to.
    pub(crate) fn end(mut self) -> io::Result<W> {
        self.write_end()?;
        Ok(self.out)
    }

    /// Writes the archive's end.
    pub(crate) fn write_end(&mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }

    /// Returns the writer of the output.
    #[cfg(feature = "ssh")]
    pub(crate) fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes what stands before a file's content.
    pub(crate) fn begin_file(&mut self, path: &[u8], bytes: u64, mode: u32, modified: u64) -> io::Result<()> {
        self.header(&[b"./", path].concat(), EntryType::Regular, bytes, mode, modified)
    }

    /// Writes what follows a file's content.
    pub(crate) fn end_file(&mut self, bytes: u64) -> io::Result<()> {
        self.pad(bytes, 0)
    }

    /// Something that is neither a file nor a directory, for whoever reads the archive to skip.
    pub(super) fn other(&mut self, path: &[u8], what: SkippedKind) -> io::Result<()> {
        let kind = if what == SkippedKind::SymbolicLink { EntryType::Symlink } else { EntryType::Fifo };
        self.header(&[b"./", path].concat(), kind, 0, 0, 0)
    }

    fn header(&mut self, path: &[u8], kind: EntryType, bytes: u64, mode: u32, modified: u64) -> io::Result<()> {
        let mut header = Header::new_gnu();
        let room = header.as_old().name.len();
        if path.len() > room {
            self.header(LONG_NAME, EntryType::GNULongName, path.len() as u64 + 1, 0, 0)?;
            self.out.write_all(path)?;
            self.pad(path.len() as u64, 1)?;
        }
        let beginning = &path[..path.len().min(room)];
        header.as_old_mut().name[..beginning.len()].copy_from_slice(beginning);
        header.set_entry_type(kind);
        header.set_size(bytes);
        header.set_mode(mode);
        header.set_mtime(modified);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    /// Fills up the last block of what was written, with at least so many zeros.
    fn pad(&mut self, written: u64, least: u64) -> io::Result<()> {
        let end = (written + least).div_ceil(BLOCK as u64) * BLOCK as u64;
        io::copy(&mut io::repeat(0).take(end - written), &mut self.out).map(|_| ())
    }
}

impl<W: Write> Target for Writer<W> {
    fn directory(&mut self, path: &[u8], mode: u32, modified: u64) -> io::Result<()> {
        let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
        self.header(&[b"./", path, slash].concat(), EntryType::Directory, 0, mode, modified)
    }

    fn file(&mut self, path: &[u8], bytes: u64, mode: u32, modified: u64, content: &mut dyn Read) -> io::Result<()> {
        self.begin_file(path, bytes, mode, modified)?;
        io::copy(content, &mut self.out)?;
        self.end_file(bytes)
    }
}
