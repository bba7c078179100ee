//! What one client may cost: bytes of body, time to send them, and requests at once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response, Result};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::content;
use crate::error::Failure;

/// Paths that are served however busy the server is.
const ALWAYS: [&str; 2] = ["/healthz", "/readyz"];
/// Paths that take a body from anybody.
const OPEN: [&str; 2] = ["/session", "/docs"];
/// The most that they take, in bytes.
const OPEN_BODY: usize = 64 << 10;

/// Limits in front of every operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How many bytes of bodies are held at once; a request that needs more is refused with 503.
    pub bodies: u32,
    /// Proxies whose word is taken for the address that a request comes from (the last of `X-Forwarded-For`). Nobody
    /// else's is.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many requests are served at once; a further one is refused with 503.
    pub concurrent_requests: usize,
    /// How many files are sent to the server at once, beside those requests. Their size has limits of its own, and
    /// [`ConnectionLimits`](crate::ConnectionLimits) sees to it that they come.
    pub concurrent_files: usize,
    /// How many event streams are open at once, beside those requests; a further one is refused with 503.
    pub concurrent_streams: usize,
    /// How often an event stream that has nothing to tell shows that it is open, and sees whether its login still is.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 2 << 20,
            body_deadline: Duration::from_secs(10),
            bodies: 64 << 20,
            trusted_proxies: Vec::new(),
            concurrent_requests: 256,
            concurrent_files: 64,
            concurrent_streams: 256,
            heartbeat: Duration::from_secs(10),
        }
    }
}

impl<E: Endpoint> Middleware<E> for Limits {
    type Output = Limited<E>;

    fn transform(&self, inner: E) -> Limited<E> {
        let semaphore = |permits: usize| Semaphore::new(permits.min(Semaphore::MAX_PERMITS));
        let (running, files) = (Arc::new(semaphore(self.concurrent_requests)), semaphore(self.concurrent_files));
        Limited { inner, limits: self.clone(), running, files, bodies: semaphore(self.bodies as usize) }
    }
}

/// An endpoint behind [`Limits`].
pub struct Limited<E> {
    inner: E,
    limits: Limits,
    running: Arc<Semaphore>,
    files: Semaphore,
    bodies: Semaphore,
}

impl<E: Endpoint> Endpoint for Limited<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if content::is_streamed(&request) {
            let _permit = self.files.try_acquire().map_err(|_| Failure::busy())?;
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        // The body comes first, so that a client that sends it slowly takes nobody's place.
        let (bytes, _held) = self.read(&mut request).await?;
        request.set_body(Body::from_vec(bytes));
        let always = ALWAYS.contains(&request.uri().path());
        let _permit = match self.running.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) if always => None,
            Err(_) => return Err(Failure::busy().into()),
        };
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

impl<E> Limited<E> {
    /// The whole body, which holds no more than the limit, whatever its length header says or leaves out.
    async fn read(&self, request: &mut Request) -> Result<(Vec<u8>, SemaphorePermit<'_>), Failure> {
        let limit =
            if OPEN.contains(&request.uri().path()) { self.limits.body.min(OPEN_BODY) } else { self.limits.body };
        let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(Failure::too_large(limit));
        }
        let reading = self.collect(request.take_body().into(), limit);
        tokio::time::timeout(self.limits.body_deadline, reading).await.unwrap_or_else(|_| Err(Failure::slow()))
    }

    async fn collect(
        &self,
        mut body: BoxBody<Bytes, std::io::Error>,
        limit: usize,
    ) -> Result<(Vec<u8>, SemaphorePermit<'_>), Failure> {
        let busy = |_| Failure::busy();
        let (mut bytes, mut held) = (Vec::new(), self.bodies.try_acquire_many(0).map_err(busy)?);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Failure::malformed("the body broke off"))?;
            let Some(data) = frame.data_ref() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(Failure::too_large(limit));
            }
            held.merge(self.bodies.try_acquire_many(u32::try_from(data.len()).unwrap_or(u32::MAX)).map_err(busy)?);
            bytes.extend_from_slice(data);
        }
        Ok((bytes, held))
    }
}
