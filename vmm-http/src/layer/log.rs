//! One line in the log for each request. It holds no query, no header and no body.

use std::time::Instant;

use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

/// Writes the line.
pub(crate) struct Log;

impl<E: Endpoint> Middleware<E> for Log {
    type Output = Logged<E>;

    fn transform(&self, inner: E) -> Logged<E> {
        Logged(inner)
    }
}

/// An endpoint whose requests are logged.
pub(crate) struct Logged<E>(E);

impl<E: Endpoint> Endpoint for Logged<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let (method, path, began) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
        let response = self.0.call(request).await?.into_response();
        let (status, milliseconds) = (response.status().as_u16(), began.elapsed().as_millis());
        tracing::info!(%method, path, status, milliseconds, "request");
        Ok(response)
    }
}
