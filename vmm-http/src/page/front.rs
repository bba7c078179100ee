//! The page at `/` for somebody who opens the server's address in a browser: the console, or in a program without it
//! what this is and where to go.

use poem::http::{Method, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

#[cfg(not(feature = "console"))]
const PAGE: &str = include_str!("front.html");

/// Answers a browser at `/`, and leaves all else to the routes. A program that does not ask for HTML gets their answer.
pub(crate) async fn or_front_page<E: Endpoint>(routes: std::sync::Arc<E>, request: Request) -> Result<Response> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && request.uri().path() == "/" && wants_html(&request) {
        return Ok(page(&request));
    }
    routes.call(request).await.map(IntoResponse::into_response)
}

#[cfg(feature = "console")]
fn page(request: &Request) -> Response {
    super::console::index(request)
}

#[cfg(not(feature = "console"))]
fn page(_: &Request) -> Response {
    super::docs::protected(Response::builder().content_type("text/html; charset=utf-8").body(PAGE))
}

/// Returns whether a client names HTML among what it accepts, as browsers do and programs do not.
fn wants_html(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"))
}
