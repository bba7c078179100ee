//! What one client may cost: bytes of body, time to send them, and requests at once.

use std::sync::Arc;
use std::time::Duration;

use poem::error::ReadBodyError;
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response, Result};
use tokio::sync::Semaphore;

use crate::error::Failure;

/// Paths that are served however busy the server is.
const ALWAYS: [&str; 2] = ["/healthz", "/readyz"];

/// Limits in front of every operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// How many requests are served at once; a further one is refused with 503.
    pub concurrent_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 2 << 20, body_deadline: Duration::from_secs(10), concurrent_requests: 256 }
    }
}

impl<E: Endpoint> Middleware<E> for Limits {
    type Output = Limited<E>;

    fn transform(&self, inner: E) -> Limited<E> {
        let running = Arc::new(Semaphore::new(self.concurrent_requests.min(Semaphore::MAX_PERMITS)));
        Limited { inner, limits: self.clone(), running }
    }
}

/// An endpoint behind [`Limits`].
pub struct Limited<E> {
    inner: E,
    limits: Limits,
    running: Arc<Semaphore>,
}

impl<E: Endpoint> Endpoint for Limited<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let always = ALWAYS.contains(&request.uri().path());
        let _permit = match self.running.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) if always => None,
            Err(_) => return Err(Failure::busy().into()),
        };
        let body = self.read(&mut request).await?;
        request.set_body(body);
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

impl<E> Limited<E> {
    /// The whole body, which holds no more than the limit, whatever its length header says or leaves out.
    async fn read(&self, request: &mut Request) -> Result<Body, Failure> {
        let limit = self.limits.body;
        let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(Failure::too_large(limit));
        }
        let reading = request.take_body().into_bytes_limit(limit);
        match tokio::time::timeout(self.limits.body_deadline, reading).await {
            Ok(Ok(bytes)) => Ok(Body::from_bytes(bytes)),
            Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Failure::too_large(limit)),
            Ok(Err(_)) => Err(Failure::malformed("the body broke off")),
            Err(_) => Err(Failure::slow()),
        }
    }
}
