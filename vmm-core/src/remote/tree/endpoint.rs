//! Local directories as sources and targets of archives.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, DuplexStream, ReadBuf};
use tokio::sync::mpsc;

use super::bridge::{PieceReader, PieceWriter, feed};
use super::{TreeTransferred, local};
use crate::blocking;
use crate::error::{Error, Kind, Part, Result};
use crate::remote::Source;

/// The number of pieces that wait between the two sides.
const WAITING: usize = 4;

/// An archive of a local directory, made while it is read.
pub fn pack(directory: PathBuf) -> Source {
    let (deliver, pieces) = mpsc::channel(WAITING);
    let packing = tokio::task::spawn_blocking(move || local::pack(&directory, PieceWriter::new(deliver)));
    Box::new(Packing { pieces, piece: Vec::new(), at: 0, packing: Some(packing) })
}

struct Packing {
    pieces: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    packing: Option<tokio::task::JoinHandle<io::Result<()>>>,
}

impl AsyncRead for Packing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.piece.len() {
            match ready!(self.pieces.poll_recv(context)) {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => {
                    // Whether it was the end, the one who packed must say.
                    let Some(packing) = &mut self.packing else { return Poll::Ready(Ok(())) };
                    let packed = ready!(Pin::new(packing).poll(context));
                    self.packing = None;
                    return Poll::Ready(packed.map_err(io::Error::other).and_then(|packed| packed));
                }
            }
        }
        let count = buffer.remaining().min(self.piece.len() - self.at);
        let until = self.at + count;
        buffer.put_slice(&self.piece[self.at..until]);
        self.at = until;
        Poll::Ready(Ok(()))
    }
}

/// Where an archive is unpacked to.
pub(crate) struct Unpacking {
    pub(crate) target: PathBuf,
    /// True if it may take the place of a directory that is not empty.
    pub(crate) replace: bool,
    /// The number of bytes that the files may have together.
    pub(crate) limit: u64,
}

/// Unpacks an archive as it comes, and puts the directory in place if `received`, which writes the archive, ends well.
pub(crate) async fn unpack(
    archive: DuplexStream,
    to: Unpacking,
    received: impl Future<Output = Result<TreeTransferred>> + Send,
) -> Result<TreeTransferred> {
    let (feeding, pieces) = mpsc::channel(WAITING);
    let Unpacking { target, replace, limit } = to;
    let failed = {
        let at = target.display().to_string();
        move |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::invalid("local", format!("{at:?} is in no directory")),
            io::ErrorKind::DirectoryNotEmpty => {
                Error::conflict(Kind::File, &at, "exists and is not empty; remove it first")
            }
            io::ErrorKind::NotADirectory => Error::conflict(Kind::File, &at, "exists and is not a directory"),
            io::ErrorKind::FileTooLarge => Error::TooLarge { limit },
            _ => Error::unavailable(Part::Desk, format!("{at:?} cannot be written: {error}")),
        }
    };
    let unpack = {
        let (target, failed) = (target.clone(), failed.clone());
        blocking::run("unpacking a directory", move || {
            local::unpack(PieceReader::new(pieces), &target, limit).map_err(failed)
        })
    };
    let unpack = async {
        let (draft, fed) = tokio::join!(unpack, feed(archive, feeding));
        fed.map_err(|error| Error::internal("handing on an archive", error))?;
        draft
    };
    let (received, draft) = tokio::join!(received, unpack);
    let (received, draft) = match (received, draft) {
        (Ok(received), Ok(draft)) => (received, draft),
        // A directory that cannot be written ends the transfer, and is the reason to tell.
        (Ok(_) | Err(Error::Unavailable { part: Part::Desk, .. }), Err(error)) | (Err(error), _) => return Err(error),
    };
    blocking::run("putting a directory in place", move || draft.place(&target, replace).map_err(failed)).await?;
    Ok(received)
}
