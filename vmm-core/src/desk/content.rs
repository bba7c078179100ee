//! Content of a transfer that may have to begin a second time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::remote::{Sink, Source};

/// The number of bytes of a source that are kept, so that it can be read again. A client reads a little ahead of its
/// connection.
const KEPT: usize = 2 << 20;

/// A source that can be read from its beginning for as long as little of it was read.
pub(super) struct Rewind(Arc<Mutex<Read>>);

struct Read {
    source: Source,
    /// The bytes that were read; `None` once that is too much to be kept.
    kept: Option<Vec<u8>>,
    /// The number of kept bytes that the present reader has had.
    position: usize,
}

impl Rewind {
    pub(super) fn new(source: Source) -> Self {
        Self(Arc::new(Mutex::new(Read { source, kept: Some(Vec::new()), position: 0 })))
    }

    /// The whole content; `None` if its beginning is gone.
    pub(super) fn rewound(&self) -> Option<Source> {
        let mut read = lock(&self.0);
        read.kept.as_ref()?;
        read.position = 0;
        Some(Box::new(Reader(Arc::clone(&self.0))))
    }
}

struct Reader(Arc<Mutex<Read>>);

impl AsyncRead for Reader {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut read = lock(&self.0);
        let Read { source, kept, position } = &mut *read;
        if let Some(rest) = kept.as_ref().and_then(|kept| kept.get(*position..)).filter(|rest| !rest.is_empty()) {
            let count = rest.len().min(buffer.remaining());
            buffer.put_slice(&rest[..count]);
            *position += count;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(source).poll_read(context, buffer);
        let new = &buffer.filled()[before..];
        match kept {
            Some(bytes) if bytes.len() + new.len() <= KEPT => {
                bytes.extend_from_slice(new);
                *position = bytes.len();
            }
            _ => *kept = None,
        }
        polled
    }
}

/// A sink that knows whether anything was written to it.
pub(super) struct Counted(Arc<Mutex<Written>>);

struct Written {
    sink: Sink,
    any: bool,
}

impl Counted {
    pub(super) fn new(sink: Sink) -> Self {
        Self(Arc::new(Mutex::new(Written { sink, any: false })))
    }

    /// The sink; `None` if something was written to it.
    pub(super) fn while_empty(&self) -> Option<Sink> {
        if lock(&self.0).any { None } else { Some(Box::new(Writer(Arc::clone(&self.0)))) }
    }
}

struct Writer(Arc<Mutex<Written>>);

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut written = lock(&self.0);
        written.any = true;
        Pin::new(&mut written.sink).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).sink).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).sink).poll_shutdown(context)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_source_is_read_again_from_its_beginning_while_little_was_read() {
        let content: Vec<u8> = (0..=255).cycle().take(KEPT + 10).collect();
        let rewind = Rewind::new(Box::new(io::Cursor::new(content.clone())));
        let mut first = rewind.rewound().expect("nothing was read");
        first.read_exact(&mut vec![0; 1000]).await.expect("there is more");
        drop(first);
        let mut all = Vec::new();
        let mut second = rewind.rewound().expect("little was read");
        second.read_to_end(&mut all).await.expect("it is read");
        assert!(all == content);
        assert!(rewind.rewound().is_none());
    }

    #[tokio::test]
    async fn a_sink_is_given_again_until_something_was_written() {
        let counted = Counted::new(Box::new(Vec::new()));
        drop(counted.while_empty().expect("it is empty"));
        counted.while_empty().expect("it is empty").write_all(b"a").await.expect("it is written");
        assert!(counted.while_empty().is_none());
    }
}
