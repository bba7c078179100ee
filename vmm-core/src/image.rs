//! Inspection of disk images, before libvirt or QEMU sees them.
//!
//! An image can name other files of the host (a backing file, a data file), and a format that is guessed can be
//! anything. So only qcow2 is let in, by its own header and tables, and only when it stands alone.

mod directories;
mod guess;
mod inspected;
mod qcow2;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};

pub use self::directories::ImageDirectories;
use self::inspected::Pieces;
pub use self::inspected::{ImageBody, InspectedImage};
use crate::error::{Error, Result};
use crate::text::hex;

/// The largest disk that a guest may see, in bytes: 64 TiB.
pub const MAX_VIRTUAL_SIZE: u64 = 64 << 40;

/// The facts in the header of a sound image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageInfo {
    /// The size that a guest sees, in bytes.
    pub virtual_size: u64,
    /// Size of the file in bytes.
    pub file_size: u64,
    /// Size of a cluster in bytes.
    pub cluster_size: u64,
    /// Version of the qcow2 format: 2 or 3.
    pub version: u32,
}

/// Reads the header and the tables of the qcow2 image at `path`. Blocks.
///
/// # Errors
/// [`Error::Invalid`] if it is not a whole and independent qcow2 image in a regular file.
pub fn inspect(path: &Path) -> Result<ImageInfo> {
    inspect_file(&open(path)?)
}

/// Reads the header and the tables of an open image. Blocks.
pub(crate) fn inspect_file(file: &File) -> Result<ImageInfo> {
    let size = file.metadata().map_err(unreadable)?.len();
    qcow2::inspect(&Source { file, size, pieces: None })
}

/// SHA-256 of the file at `path`, in lower-case hexadecimal. Blocks.
///
/// # Errors
/// [`Error::Invalid`] if it is not a regular file or cannot be read.
pub fn checksum(path: &Path) -> Result<String> {
    let mut file = open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(hex(digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// Opens a regular file, and nothing that stands in its place.
pub(crate) fn open(path: &Path) -> Result<File> {
    let seen = fs::symlink_metadata(path).map_err(unreadable)?;
    if !seen.is_file() {
        return Err(refused("is not a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    if (seen.dev(), seen.ino()) != (opened.dev(), opened.ino()) {
        return Err(refused("was replaced while it was opened"));
    }
    Ok(file)
}

/// A file that is read at places which its own content names.
struct Source<'a> {
    file: &'a File,
    size: u64,
    /// The checksums that the bytes are compared with, if they must be the bytes that were read before.
    pieces: Option<&'a Pieces>,
}

impl Source<'_> {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        if !self.holds(offset, length as u64) {
            return Err(refused("ends before its tables do"));
        }
        let mut bytes = vec![0; length];
        match self.pieces {
            Some(pieces) => pieces.copy(self.file, self.size, offset, &mut bytes)?,
            None => self.file.read_exact_at(&mut bytes, offset).map_err(unreadable)?,
        }
        Ok(bytes)
    }

    fn holds(&self, offset: u64, length: u64) -> bool {
        offset.checked_add(length).is_some_and(|end| end <= self.size)
    }
}

fn refused(reason: impl Into<String>) -> Error {
    Error::invalid("qcow2", format!("the image {}", reason.into()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unreadable(error: std::io::Error) -> Error {
    refused(format!("cannot be read: {error}"))
}
