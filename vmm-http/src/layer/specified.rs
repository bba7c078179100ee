//! Lets in only requests that are as the specification says: its methods and its query parameters.

use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::operations::Operations;

/// Refuses methods and query parameters that no operation has.
pub(crate) struct AsSpecified(pub(crate) Operations);

impl<E: Endpoint> Middleware<E> for AsSpecified {
    type Output = Specified<E>;

    fn transform(&self, inner: E) -> Specified<E> {
        Specified { inner, operations: self.0.clone() }
    }
}

/// An endpoint that gets only requests of the specification's operations.
pub(crate) struct Specified<E> {
    inner: E,
    operations: Operations,
}

impl<E: Endpoint> Endpoint for Specified<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let operation = self.operations.find(&request)?;
        if let Some(operation) = operation {
            operation.check_query(request.uri().query().unwrap_or_default())?;
        }
        match (self.inner.call(request).await, operation) {
            (Err(error), Some(operation)) => Err(operation.name_path_parameter(error)),
            (answer, _) => answer.map(IntoResponse::into_response),
        }
    }
}
