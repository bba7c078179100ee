//! Between the socket and the protocol: time that packets take, and connections that break.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

/// The most that is read at once, in bytes.
const CHUNK: usize = 32 << 10;
/// The number of chunks that are under way at once.
const WAITING: usize = 256;

/// The treatment of a connection below its protocol.
pub(super) struct Wire {
    /// The time that each direction takes.
    pub(super) latency: Duration,
    /// The number of bytes that pass before it breaks.
    pub(super) left: AtomicUsize,
    /// True if it stays open when it breaks.
    pub(super) stays: bool,
    /// Ends the server's side of it.
    pub(super) half_close: Notify,
}

impl Wire {
    /// Carries bytes until one of the sides ends.
    pub(super) async fn carry(&self, socket: TcpStream, server: DuplexStream) {
        let (from_client, mut to_client) = socket.into_split();
        let (from_server, mut to_server) = tokio::io::split(server);
        let inward = async {
            let whole = self.forward(from_client, &mut to_server).await;
            let _ = to_server.shutdown().await;
            whole
        };
        let outward = async {
            let half_closed = tokio::select! {
                _ = self.forward(from_server, &mut to_client) => false,
                () = self.half_close.notified() => true,
            };
            let _ = to_client.shutdown().await;
            half_closed
        };
        tokio::pin!(inward, outward);
        tokio::select! {
            // After the client's end the server still says what it has to say.
            whole = &mut inward => if whole { outward.await; },
            half_closed = &mut outward => if half_closed { inward.await; },
        }
    }

    /// Forwards a direction, and returns whether it was carried to its end.
    async fn forward(&self, mut from: impl AsyncRead + Unpin, to: &mut (impl AsyncWrite + Unpin)) -> bool {
        let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(WAITING);
        let read = async move {
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                if !matches!(from.read_buf(&mut chunk).await, Ok(1..)) {
                    return true;
                }
                let (length, left) = (chunk.len(), &self.left);
                let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length));
                if taken.is_err() && self.stays {
                    left.store(0, Ordering::Relaxed);
                    // What comes is taken and goes nowhere.
                    while matches!(from.read_buf(&mut Vec::with_capacity(CHUNK)).await, Ok(1..)) {}
                    return true;
                }
                if taken.is_err() || queue.send((Instant::now() + self.latency, chunk)).await.is_err() {
                    return false;
                }
            }
        };
        let write = async {
            while let Some((when, chunk)) = due.recv().await {
                if !self.latency.is_zero() {
                    sleep_until(when).await;
                }
                if to.write_all(&chunk).await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::pin!(write);
        let whole = tokio::select! {
            whole = read => whole,
            _ = &mut write => return false,
        };
        write.await && whole
    }
}
