//! A socket that tells of its progress.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::phase::Progress;

/// The number of unread bytes that are thrown away at a time.
const THROWN_AWAY: usize = 8 << 10;

/// A stream whose connection can be cut.
pub(super) trait Reset: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Has the socket, when it is dropped, forget what the client has not taken, instead of waiting for it.
    fn reset(&self);
}

impl Reset for TcpStream {
    fn reset(&self) {
        // It fails on a socket that the client has closed, which is as good.
        let _ = self.set_zero_linger();
    }
}

impl Reset for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

/// The stream of a connection.
pub(super) struct Watched<S: Reset> {
    inner: S,
    progress: Progress,
    shut: bool,
}

impl<S: Reset> Watched<S> {
    pub(super) fn new(inner: S, progress: Progress) -> Self {
        Self { inner, progress, shut: false }
    }

    fn told<T>(&self, polled: Poll<io::Result<T>>, bytes: impl FnOnce(&T) -> usize) -> Poll<io::Result<T>> {
        match &polled {
            Poll::Pending => self.progress.write_waits(),
            Poll::Ready(result) => self.progress.wrote(result.as_ref().map_or(0, bytes)),
        }
        polled
    }
}

impl<S: Reset> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.progress.is_given_up() {
            self.inner.reset();
        }
    }
}

impl<S: Reset> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.progress.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Reset> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.told(polled, |count| *count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.told(polled, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(cx);
        self.told(polled, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let unread = self.progress.close();
        if !self.shut {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.shut = true;
        }
        if !unread {
            return Poll::Ready(Ok(()));
        }
        let mut space = [0; THROWN_AWAY];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
