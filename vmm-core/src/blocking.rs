//! The one way off the async threads, for backends over blocking libraries.

use crate::error::{Error, Result};

/// Runs a whole blocking operation on tokio's blocking threads. It goes on to its end also when the caller stops
/// waiting; an operation must therefore have a deadline of its own.
pub(crate) async fn run<T: Send + 'static>(
    context: &'static str,
    operation: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(operation).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal(context, error)),
    }
}

/// Starts a whole blocking operation on tokio's blocking threads, for whose end nobody waits.
pub(crate) fn start(operation: impl FnOnce() + Send + 'static) {
    drop(tokio::task::spawn_blocking(operation));
}
