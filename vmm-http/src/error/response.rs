//! Errors as answers.

use std::sync::Arc;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::ApiResponse;
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;
use vmm_core::{Error, Problem};

use super::failure::Failure;
use super::problem::ProblemDetails;
use super::sort::{METHOD, NOT_FOUND};

/// The media type of every error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

impl Failure {
    /// Returns an error of poem or poem-openapi in the form of vmm's own problems.
    fn from_poem(error: &poem::Error) -> Self {
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::invalid(Problem::new(*name, reason.as_str()));
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::invalid(Problem::new(*name, reason.as_str()));
        }
        if error.is::<AuthorizationError>() {
            return Self::from(Error::Unauthenticated);
        }
        if error.is::<ContentTypeError>() {
            return Self::not_json();
        }
        if error.is::<NotFoundError>() {
            return Self::new(NOT_FOUND, "there is no such path; /openapi.json lists all");
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(METHOD, "the path has no such method");
        }
        if error.status().is_client_error() {
            return Self::malformed(error.to_string());
        }
        tracing::error!(%error, "a request failed for a fault of the server");
        Self::internal()
    }
}

impl From<Failure> for poem::Error {
    fn from(failure: Failure) -> Self {
        Self::from_response(failure.into_response())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.sort.code();
        let mut response = Json(self.details()).into_response();
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some((name, value)) = self.header.map(|header| *header)
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            headers.insert(name, value);
        }
        response
    }
}

/// The problems that an operation can answer with are listed in `spec`, for all operations in one place.
impl ApiResponse for Failure {
    fn meta() -> MetaResponses {
        MetaResponses { responses: Vec::new() }
    }

    fn register(registry: &mut Registry) {
        ProblemDetails::register(registry);
    }
}

/// Makes an answer of an error that no handler made one of.
pub(crate) async fn answer(error: poem::Error) -> Response {
    if error.is_from_response() { error.into_response() } else { Failure::from_poem(&error).into_response() }
}

/// Sends problems as plain JSON to whom accepts that and nothing that a problem's own media type is.
pub(crate) async fn as_accepted<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let accepts = |kind: &str| {
        let kinds = request.headers().get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        kinds.flat_map(|kinds| kinds.split(',')).any(|own| own.split(';').next().is_some_and(|own| own.trim() == kind))
    };
    let plain = accepts("application/json") && ![MEDIA_TYPE, "application/*", "*/*"].into_iter().any(accepts);
    let mut response = endpoint.call(request).await.map(IntoResponse::into_response)?;
    if plain && response.content_type() == Some(MEDIA_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(response)
}
