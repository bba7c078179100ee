//! The connections of the server, each with deadlines for everything that a client could drag out.
//!
//! A client has so long for the head of a request, may leave a kept-alive connection idle so long, and must send its
//! body and take its answer faster than a least rate. HTTP/1.1 alone is spoken.

mod phase;
mod socket;

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::ready;
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, EndpointExt, IntoResponse, Request};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use self::phase::{Answer, Incoming, Progress};
use self::socket::{Reset, Watched};
use crate::error::Failure;
use crate::server::tls::Tls;

/// The largest head of a request, and how much of an answer waits in memory for its client, in bytes.
const BUFFER: usize = 64 << 10;
/// Tells browsers to speak TLS alone with this host for a year (RFC 6797).
const TLS_FOR_A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// The size of the system's send buffer for an answer, in bytes. Left to itself the system grows it to megabytes, and
/// clients that take nothing then fill the memory of the host.
const SEND_BUFFER: usize = 256 << 10;
/// The time to wait when no further connection can be accepted, for want of file descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The time that connections may take to end once they are told to end at once.
const END: Duration = Duration::from_secs(1);

/// The limits of connections: the time that a client may take, and the number of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// From the connection, or from the first byte of a further request, to the end of the request's head.
    pub header_deadline: Duration,
    /// From the end of an answer to the first byte of a further request.
    pub idle_deadline: Duration,
    /// The time that a client may send nothing of a body that is awaited, or take nothing of an answer.
    pub stall_deadline: Duration,
    /// Bytes of a body or answer that have to move for each second of waiting for the client, beyond `stall_deadline`.
    pub least_rate: u32,
    /// The longest life of a connection, whatever happens on it.
    pub lifetime: Option<Duration>,
    /// The number of connections that are open at once; further ones wait until one is closed.
    pub connections: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            header_deadline: Duration::from_secs(10),
            idle_deadline: Duration::from_secs(15),
            stall_deadline: Duration::from_secs(11),
            least_rate: 16 << 10,
            lifetime: None,
            connections: 4096,
        }
    }
}

/// The number of open connections; stands in the extensions of every request that a [`Server`] takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves an endpoint, such as [`routes`](crate::routes), on a listener.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<Tls>,
    limits: ConnectionLimits,
}

/// The stage that the server tells a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serve,
    /// Answer the request that runs, take no other.
    Finish,
    End,
}

impl Server {
    /// A server with the default limits and without TLS.
    pub fn new(listener: TcpListener) -> Self {
        Self { listener, tls: None, limits: ConnectionLimits::default() }
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Other limits than the default.
    #[must_use]
    pub fn limits(self, limits: ConnectionLimits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until `stop` is ready. Then it takes no more requests, and returns when those that run are answered or
    /// `stop_deadline` is over.
    pub async fn run(self, endpoint: impl Endpoint + 'static, stop: impl Future<Output = ()>, stop_deadline: Duration) {
        let Self { listener, tls, limits } = self;
        let most = limits.connections.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let slots = Arc::new(Semaphore::new(most));
        let (stage, stages) = watch::channel(Stage::Serve);
        let shared = Arc::new(Shared {
            endpoint: endpoint.map_to_response(),
            tls,
            limits,
            open: OpenConnections::default(),
            stages,
        });
        let accepting = async {
            loop {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let shared = Arc::clone(&shared);
                        tokio::spawn(async move {
                            shared.open.0.fetch_add(1, Ordering::Relaxed);
                            let _open = Open(&shared.open);
                            shared.connection(stream, peer).await;
                            drop(slot);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        drop(listener);
        let all = u32::try_from(most).unwrap_or(u32::MAX);
        for (next, patience) in [(Stage::Finish, stop_deadline), (Stage::End, END)] {
            stage.send_replace(next);
            if timeout(patience, slots.acquire_many(all)).await.is_ok() {
                return;
            }
        }
    }
}

/// Counts a connection until it is dropped.
struct Open<'a>(&'a OpenConnections);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The state that all connections of a server share.
struct Shared<E> {
    endpoint: E,
    tls: Option<Tls>,
    limits: ConnectionLimits,
    open: OpenConnections,
    stages: watch::Receiver<Stage>,
}

impl<E: Endpoint<Output = poem::Response> + 'static> Shared<E> {
    async fn connection(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Answers go out at once; hyper writes each in as few pieces as it can.
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER);
        let accepted = Instant::now();
        let local = stream.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let (local, peer) = (LocalAddr(Addr::socket(local)), RemoteAddr(Addr::socket(peer)));
        match &self.tls {
            None => self.serve(stream, accepted, local, peer, Scheme::HTTP).await,
            Some(tls) => {
                let shaking = timeout_at(accepted + self.limits.header_deadline, tls.accept(stream));
                let shaken = tokio::select! {
                    shaken = shaking => shaken,
                    () = reached(self.stages.clone(), Stage::Finish) => return,
                };
                if let Ok(Ok(stream)) = shaken {
                    self.serve(stream, accepted, local, peer, Scheme::HTTPS).await;
                }
            }
        }
    }

    async fn serve<S: Reset>(
        self: &Arc<Self>,
        stream: S,
        accepted: Instant,
        local: LocalAddr,
        peer: RemoteAddr,
        scheme: Scheme,
    ) {
        let progress = Progress::new(&self.limits, accepted);
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            progress.begin(&request);
            let large = head_size(&request) > BUFFER;
            let secure = scheme == Scheme::HTTPS;
            let mut request = Request::from((request, local.clone(), peer.clone(), scheme.clone()));
            let body = Incoming::new(request.take_body().into(), progress.clone());
            request.set_body(http_body_util::combinators::BoxBody::new(body));
            request.extensions_mut().insert(self.open.clone());
            let (shared, progress) = (Arc::clone(self), progress.clone());
            async move {
                let mut response = match large {
                    true => Failure::large_head(BUFFER).into_response(),
                    false => shared.endpoint.get_response(request).await,
                };
                if secure {
                    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, TLS_FOR_A_YEAR);
                }
                let response = hyper::Response::from(response);
                Ok::<_, std::convert::Infallible>(response.map(|body| Answer::new(body, progress)))
            }
        });
        let io = TokioIo::new(Watched::new(stream, progress.clone()));
        let connection = http1::Builder::new().max_buf_size(BUFFER).serve_connection(io, service).with_upgrades();
        let (mut connection, mut sleep) = (pin!(connection), pin!(sleep_until(accepted)));
        tokio::select! {
            () = supervise(connection.as_mut(), sleep.as_mut(), &progress) => return,
            () = reached(self.stages.clone(), Stage::Finish) => {}
        }
        progress.finish();
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            () = supervise(connection.as_mut(), sleep.as_mut(), &progress) => {}
            () = reached(self.stages.clone(), Stage::End) => {}
        }
    }
}

/// Returns the number of bytes that the head of a request has at least.
fn head_size<B>(request: &hyper::Request<B>) -> usize {
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    let place = request.uri().path_and_query().map_or(0, |place| place.as_str().len());
    request.method().as_str().len() + place + "  HTTP/1.1\r\n\r\n".len() + lines.sum::<usize>()
}

/// Drives a connection until it ends or a deadline of it passes.
async fn supervise<C: Future>(mut connection: Pin<&mut C>, mut sleep: Pin<&mut Sleep>, progress: &Progress) {
    // Everything that moves a deadline happens inside the connection's poll, so looking after each one is enough.
    std::future::poll_fn(|cx| {
        if connection.as_mut().poll(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        while let Some(deadline) = progress.deadline() {
            if sleep.deadline() != deadline {
                sleep.as_mut().reset(deadline);
            }
            ready!(sleep.as_mut().poll(cx));
            if progress.deadline().is_none_or(|moved| moved <= deadline) {
                progress.give_up();
                return std::task::Poll::Ready(());
            }
        }
        std::task::Poll::Pending
    })
    .await;
}

async fn reached(mut stages: watch::Receiver<Stage>, stage: Stage) {
    // A sender that is gone means that the server was dropped.
    let _ = stages.wait_for(|now| *now >= stage).await;
}
