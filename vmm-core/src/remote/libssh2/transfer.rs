//! Between the asynchronous ends of a transfer and the blocking thread that talks SFTP.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::Libssh2Exec;
use super::call::{Call, ends};
use super::error::Cause;
use super::limits::Limits;
use super::session_lease::SessionLease;
use super::sockets::Sockets;
use crate::error::{Error, Part, Result};
use crate::remote::tree::{PieceReader, PieceWriter};
use crate::remote::{Endpoint, Login, Progress, Sink, Source};
use crate::text::hex;

/// The size of a piece, a multiple of what libssh2 puts into one packet.
pub(super) const CHUNK: usize = 8 * 30_000;
/// The number of pieces that wait between the two sides.
const WAITING: usize = 4;

/// Has a blocking thread do with a source what `work` does with its pieces.
pub(super) async fn send<T: Send + 'static>(
    remote: &Libssh2Exec,
    endpoint: &Endpoint,
    login: &Login,
    deadline: Duration,
    source: Source,
    work: impl FnOnce(&Call, SessionLease, Limits, &Sockets, Chunks) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (chunks, arriving) = mpsc::channel(WAITING);
    let digest = Arc::<OnceLock<String>>::default();
    let until = ends(Instant::now(), deadline).into();
    let arriving = Chunks { chunks: arriving, digest: Arc::clone(&digest) };
    let work = move |call: &Call, lease: SessionLease, limits: Limits, sockets: &Sockets| {
        work(call, lease, limits, sockets, arriving)
    };
    let mut call = std::pin::pin!(remote.call(endpoint, login, deadline, work));
    let mut pump = std::pin::pin!(timeout_at(until, pump(source, chunks, &digest)));
    // The call may end while the source is silent; the source may fail, and then the call ends.
    tokio::select! {
        answer = &mut call => answer,
        pumped = &mut pump => match (call.await, pumped) {
            (Err(_), Ok(Err(error))) => {
                Err(Error::unavailable(Part::Desk, format!("the content to send cannot be read: {error}")))
            }
            (answer, _) => answer,
        }
    }
}

/// Hands on pieces of the source, and its end; without the end the other side knows that it was cut. The digest is
/// worked out here, since the blocking thread is the one that has most to do.
async fn pump(mut source: Source, chunks: mpsc::Sender<Option<Vec<u8>>>, all: &OnceLock<String>) -> io::Result<()> {
    let mut digest = Sha256::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        while chunk.len() < CHUNK {
            let room = CHUNK - chunk.len();
            if (&mut source).take(room as u64).read_buf(&mut chunk).await? == 0 {
                break;
            }
        }
        let last = chunk.is_empty();
        digest.update(&chunk);
        if last {
            let _ = all.set(hex(digest.clone().finalize()));
        }
        if chunks.send(if last { None } else { Some(chunk) }).await.is_err() || last {
            return Ok(());
        }
    }
}

/// Has a blocking thread give a sink the pieces that `work` delivers. What the sink has taken is told.
pub(super) async fn receive<T: Send + 'static>(
    remote: &Libssh2Exec,
    endpoint: &Endpoint,
    login: &Login,
    deadline: Duration,
    sink: Sink,
    taken: &Progress,
    work: impl FnOnce(&Call, SessionLease, Limits, &Sockets, Deliver) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (deliver, chunks) = mpsc::channel(WAITING);
    let (tell, told) = std::sync::mpsc::channel();
    let until = ends(Instant::now(), deadline).into();
    let deliver = Deliver { chunks: deliver, digest: told };
    let work = move |call: &Call, lease: SessionLease, limits: Limits, sockets: &Sockets| {
        work(call, lease, limits, sockets, deliver)
    };
    let call = remote.call(endpoint, login, deadline, work);
    match tokio::join!(call, timeout_at(until, drain(chunks, sink, taken, tell))) {
        (_, Ok(Err(error))) => {
            Err(Error::unavailable(Part::Desk, format!("what was received cannot be written: {error}")))
        }
        (answer @ Err(Error::Timeout { .. }), _) => answer,
        (_, Err(_)) => Err(Error::Timeout {
            stage: "writing what was received".to_owned(),
            after: deadline,
            detail: "it was not taken in time".to_owned(),
        }),
        (answer, _) => answer,
    }
}

/// Writes the pieces, and tells the digest of all of them when an empty one asks for it.
async fn drain(
    mut chunks: mpsc::Receiver<Vec<u8>>,
    mut sink: Sink,
    taken: &Progress,
    tell: std::sync::mpsc::Sender<String>,
) -> io::Result<()> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    while let Some(chunk) = chunks.recv().await {
        if chunk.is_empty() {
            let _ = tell.send(hex(digest.clone().finalize()));
        }
        digest.update(&chunk);
        sink.write_all(&chunk).await?;
        bytes += chunk.len() as u64;
        taken.set(bytes);
    }
    sink.flush().await
}

/// The pieces to send, as the blocking thread gets them.
pub(super) struct Chunks {
    chunks: mpsc::Receiver<Option<Vec<u8>>>,
    digest: Arc<OnceLock<String>>,
}

/// The next piece of a transfer.
pub(super) enum Next {
    Chunk(Vec<u8>),
    End,
    NotYet,
    /// Nothing more comes, though it was not the end.
    Cut,
}

impl Chunks {
    /// The pieces as they are read on a blocking thread.
    pub(super) fn reader(self) -> PieceReader {
        PieceReader::new(self.chunks)
    }

    /// SHA-256 of all pieces, once their end has come.
    pub(super) fn digest(&self) -> String {
        self.digest.get().cloned().unwrap_or_default()
    }

    pub(super) fn wait(&mut self) -> Next {
        match self.chunks.blocking_recv() {
            Some(Some(chunk)) => Next::Chunk(chunk),
            Some(None) => Next::End,
            None => Next::Cut,
        }
    }

    pub(super) fn try_next(&mut self) -> Next {
        match self.chunks.try_recv() {
            Ok(Some(chunk)) => Next::Chunk(chunk),
            Ok(None) => Next::End,
            Err(mpsc::error::TryRecvError::Empty) => Next::NotYet,
            Err(mpsc::error::TryRecvError::Disconnected) => Next::Cut,
        }
    }
}

/// Where the blocking thread puts what it has received.
pub(super) struct Deliver {
    chunks: mpsc::Sender<Vec<u8>>,
    digest: std::sync::mpsc::Receiver<String>,
}

impl Deliver {
    /// A writer of pieces on a blocking thread.
    pub(super) fn writer(self) -> PieceWriter {
        PieceWriter::new(self.chunks)
    }

    pub(super) fn chunk(&self, chunk: Vec<u8>) -> Result<(), Cause> {
        self.chunks.blocking_send(chunk).map_err(|_| Cause::Cancelled)
    }

    /// SHA-256 of all that was delivered. Waits until it was taken.
    pub(super) fn digest(&self) -> Result<String, Cause> {
        self.chunk(Vec::new())?;
        self.digest.recv().map_err(|_| Cause::Cancelled)
    }
}

/// A name that no other file has.
pub(super) fn temporary_name() -> Result<String, Cause> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Cause::Public(Error::internal("reading random bytes", error)))?;
    Ok(format!(".vmm-{:016x}.part", u64::from_ne_bytes(random)))
}
