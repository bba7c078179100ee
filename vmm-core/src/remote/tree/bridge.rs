//! Between the asynchronous ends of an archive and the blocking thread that reads or writes it.

use std::io::{self, ErrorKind, Read, Write};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// The size of a piece, in bytes.
const PIECE: usize = 128 * 1024;

/// Reads what comes in pieces on a blocking thread. `None` is the end; without it the content broke off.
pub(crate) struct PieceReader {
    pieces: mpsc::Receiver<Option<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
    ended: bool,
}

impl PieceReader {
    pub(crate) fn new(pieces: mpsc::Receiver<Option<Vec<u8>>>) -> Self {
        Self { pieces, piece: io::Cursor::default(), ended: false }
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match Read::read(&mut self.piece, buffer)? {
                0 if self.ended || buffer.is_empty() => return Ok(0),
                0 => match self.pieces.blocking_recv() {
                    Some(Some(piece)) => self.piece = io::Cursor::new(piece),
                    Some(None) => self.ended = true,
                    None => return Err(ErrorKind::ConnectionAborted.into()),
                },
                count => return Ok(count),
            }
        }
    }
}

/// Hands on what is written on a blocking thread, in pieces.
pub(crate) struct PieceWriter {
    pieces: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl PieceWriter {
    pub(crate) fn new(pieces: mpsc::Sender<Vec<u8>>) -> Self {
        Self { pieces, piece: Vec::with_capacity(PIECE) }
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..room]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        if piece.is_empty() {
            return Ok(());
        }
        self.pieces.blocking_send(piece).map_err(|_| ErrorKind::ConnectionAborted.into())
    }
}

/// Hands a source's bytes to a [`PieceReader`], and their end.
pub(crate) async fn feed(
    mut source: impl AsyncRead + Send + Unpin,
    pieces: mpsc::Sender<Option<Vec<u8>>>,
) -> io::Result<()> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let last = source.read_buf(&mut piece).await? == 0;
        if pieces.send(if last { None } else { Some(piece) }).await.is_err() || last {
            return Ok(());
        }
    }
}
