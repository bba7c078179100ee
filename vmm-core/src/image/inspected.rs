//! An image that was inspected, bound to the bytes that were inspected.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{ImageInfo, Source, open, qcow2, refused, unreadable};
use crate::error::Result;
use crate::text::hex;

/// Bytes that have one checksum. The inspection reads whole pieces only.
const PIECE: u64 = 1 << 20;

/// Bytes at the beginning of an image that are kept in memory. The magic number is among them.
const HEAD: u64 = 4096;

/// A qcow2 image that was found sound, in an open file.
///
/// Its SHA-256 is taken first, and the inspection sees only bytes that the SHA-256 is of. Who copies the image takes
/// [`head`](Self::head) and [`body`](Self::body), which ends with a comparison: what is copied is what was inspected,
/// even if somebody writes into the file at any moment in between.
#[derive(Clone, Debug)]
pub struct InspectedImage {
    file: Arc<File>,
    info: ImageInfo,
    sha256: String,
    head: Arc<[u8]>,
}

impl InspectedImage {
    /// Reads and inspects the image at `path`. Blocks for as long as reading the whole file takes.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if it is not a whole and independent qcow2 image in a regular file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read(open(path)?)
    }

    /// Reads and inspects the image in an open file. Blocks for as long as reading the whole file takes.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if it is not a whole and independent qcow2 image.
    pub fn read(file: File) -> Result<Self> {
        let size = file.metadata().map_err(unreadable)?.len();
        let pieces = Pieces::read(&file, size)?;
        let info = qcow2::inspect(&Source { file: &file, size, pieces: Some(&pieces) })?;
        let (sha256, head) = (pieces.sha256.clone(), pieces.head.clone());
        Ok(Self { file: Arc::new(file), info, sha256, head })
    }

    /// Returns the facts in its header.
    pub fn info(&self) -> ImageInfo {
        self.info
    }

    /// SHA-256 of the whole file, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The first bytes, as they were inspected. A copy that lacks them is qcow2 for nobody.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The bytes behind the head, as the file has them at this moment.
    pub fn body(&self) -> ImageBody<'_> {
        let digest = Sha256::new_with_prefix(&self.head);
        ImageBody { image: self, offset: self.head.len() as u64, digest }
    }
}

/// Reads an image behind its head.
#[derive(Debug)]
pub struct ImageBody<'a> {
    image: &'a InspectedImage,
    offset: u64,
    digest: Sha256,
}

impl ImageBody<'_> {
    /// Checks that the bytes that were read are those that were inspected. Until then they are nobody's image.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if the file was changed, or was not read to its end.
    pub fn verify(self) -> Result<()> {
        if self.offset == self.image.info.file_size && hex(self.digest.finalize()) == self.image.sha256 {
            Ok(())
        } else {
            Err(refused("was changed while it was copied; import it again when nothing writes to it"))
        }
    }
}

impl Read for ImageBody<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.image.info.file_size - self.offset;
        let wanted = left.min(buffer.len() as u64) as usize;
        let read = self.image.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.digest.update(&buffer[..read]);
        self.offset += read as u64;
        Ok(read)
    }
}

/// The checksum of each piece of a file, from one reading of it.
pub(super) struct Pieces {
    sums: Vec<[u8; 32]>,
    sha256: String,
    head: Arc<[u8]>,
    /// The piece that was read last, and its number.
    latest: RefCell<Option<(u64, Vec<u8>)>>,
}

impl Pieces {
    fn read(file: &File, size: u64) -> Result<Self> {
        let (mut sums, mut whole) = (Vec::new(), Sha256::new());
        let mut head = Vec::new();
        for number in 0..size.div_ceil(PIECE) {
            let piece = piece(file, size, number)?;
            if number == 0 {
                head.extend_from_slice(&piece[..piece.len().min(HEAD as usize)]);
            }
            whole.update(&piece);
            sums.push(Sha256::digest(&piece).into());
        }
        Ok(Self { sums, sha256: hex(whole.finalize()), head: head.into(), latest: RefCell::new(None) })
    }

    /// Fills the buffer with what stands at this offset, if that is what was read before.
    pub(super) fn copy(&self, file: &File, size: u64, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let number = at / PIECE;
            let mut latest = self.latest.borrow_mut();
            if latest.as_ref().is_none_or(|(known, _)| *known != number) {
                let bytes = piece(file, size, number)?;
                let expected = usize::try_from(number).ok().and_then(|number| self.sums.get(number));
                if expected.is_none_or(|expected| Sha256::digest(&bytes)[..] != expected[..]) {
                    return Err(refused(
                        "was changed while it was inspected; import it again when nothing writes to it",
                    ));
                }
                *latest = Some((number, bytes));
            }
            let Some((_, bytes)) = latest.as_ref() else { return Err(refused("cannot be read")) };
            let from = &bytes[((at % PIECE) as usize).min(bytes.len())..];
            let length = from.len().min(buffer.len() - done);
            if length == 0 {
                return Err(refused("ends before its tables do"));
            }
            buffer[done..done + length].copy_from_slice(&from[..length]);
            done += length;
        }
        Ok(())
    }
}

fn piece(file: &File, size: u64, number: u64) -> Result<Vec<u8>> {
    let offset = number * PIECE;
    let mut bytes = vec![0; PIECE.min(size - offset) as usize];
    file.read_exact_at(&mut bytes, offset).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inspection_sees_only_what_the_checksum_is_of() {
        let file = tempfile::tempfile().expect("a file");
        let size = 2 * PIECE + 10;
        file.write_all_at(&vec![7; size as usize], 0).expect("room");
        let pieces = Pieces::read(&file, size).expect("it is read");
        let mut buffer = vec![0; 8];
        pieces.copy(&file, size, 2 * PIECE - 4, &mut buffer).expect("it is as it was");
        assert_eq!(buffer, [7; 8]);
        file.write_all_at(&[8], PIECE + 1).expect("room");
        pieces.copy(&file, size, 0, &mut buffer).expect("this piece is as it was");
        pieces.copy(&file, size, PIECE - 4, &mut buffer).expect_err("it reaches into one that was changed");
        file.set_len(PIECE).expect("it shrinks");
        pieces.copy(&file, size, 2 * PIECE, &mut buffer).expect_err("it is gone");
    }
}
