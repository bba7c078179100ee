//! A way to a server that is cut where a test wants it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Whose bytes are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that the client sends.
    Client,
    /// Those that the server sends.
    Server,
}

/// The end of a connection after so many bytes of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whose bytes.
    pub side: Side,
    /// The number of bytes that pass.
    pub after: u64,
}

/// The end of a connection that is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Silent,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    client: AtomicU64,
    server: AtomicU64,
}

/// A TCP proxy on loopback that cuts connections at given bytes and counts what passes. Dropping it ends it, and every
/// connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A way to this server. `plan` tells of each connection, counted from 0, where it is cut.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(server: SocketAddr, plan: impl Fn(usize) -> Option<Cut> + Send + 'static) -> Self {
        Self::ending(server, plan, End::Closed).await
    }

    /// Cuts connections without closing them: nothing more passes, either way.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn falling_silent(server: SocketAddr, plan: impl Fn(usize) -> Option<Cut> + Send + 'static) -> Self {
        Self::ending(server, plan, End::Silent).await
    }

    async fn ending(server: SocketAddr, plan: impl Fn(usize) -> Option<Cut> + Send + 'static, end: End) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound address");
        let counts = Arc::<Counts>::default();
        let task = tokio::spawn({
            let counts = Arc::clone(&counts);
            async move {
                let mut connections = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    let cut = plan(counts.connections.fetch_add(1, Ordering::Relaxed));
                    connections.spawn(carry(client, server, cut, end, Arc::clone(&counts)));
                    while connections.try_join_next().is_some() {}
                }
            }
        });
        Self { address, counts, task }
    }

    /// A way whose first connections are cut like this, one after the other. Later ones hold.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn cutting(server: SocketAddr, cuts: Vec<Cut>) -> Self {
        Self::start(server, move |connection| cuts.get(connection).copied()).await
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of connections.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes of this side that have passed, over all connections.
    pub fn passed(&self, side: Side) -> u64 {
        self.counts.of(side).load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Counts {
    fn of(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

async fn carry(client: TcpStream, server: SocketAddr, cut: Option<Cut>, end: End, counts: Arc<Counts>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut server_reads, mut server_writes) = server.into_split();
    let limit = |side| cut.filter(|cut| cut.side == side).map_or(u64::MAX, |cut| cut.after);
    // The one that ends first ends both.
    tokio::select! {
        () = forward(&mut client_reads, &mut server_writes, limit(Side::Client), counts.of(Side::Client)) => {}
        () = forward(&mut server_reads, &mut client_writes, limit(Side::Server), counts.of(Side::Server)) => {}
    }
    if end == End::Silent {
        let _ = tokio::io::copy(&mut client_reads, &mut tokio::io::sink()).await;
    }
}

async fn forward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut left: u64, passed: &AtomicU64) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let pass = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        if to.write_all(&buffer[..pass]).await.is_err() {
            return;
        }
        passed.fetch_add(pass as u64, Ordering::Relaxed);
        left -= pass as u64;
        if pass < count {
            return;
        }
    }
}
