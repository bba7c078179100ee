//! The web console: the pages that `console/` builds, at `/` and below `/console/`, held in the program.
//!
//! What is served here is the same for everybody and holds nothing of the desk: the script signs in and calls
//! operations.

use std::borrow::Cow;

use hyper::body::Bytes;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoEndpoint, Request, Response, Route, get, handler};
use rust_embed::{EmbeddedFile, RustEmbed};

/// The built files, each text also compressed, with `.gz` at the end of its name.
#[derive(RustEmbed)]
#[folder = "console/dist"]
struct Built;

/// Below which path everything is the console's.
pub(crate) const PATH: &str = "/console";

/// The page that finds out by its address what to show.
const INDEX: &str = "index.html";

/// The folder of files whose names change with what is in them.
const HASHED: &str = "assets/";

/// Nothing from elsewhere, no script and no style in a page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Everything below [`PATH`].
pub(crate) fn routes() -> impl IntoEndpoint {
    Route::new().at("/*path", get(page)).at("/", get(page))
}

#[handler]
fn page(request: &Request) -> Response {
    // An address without a file is one of a page, which the script knows.
    let name = request.raw_path_param("path").unwrap_or_default();
    let name = if name.starts_with(HASHED) { name } else { INDEX };
    answer(request.headers(), name)
}

/// The start page.
pub(crate) fn index(request: &Request) -> Response {
    answer(request.headers(), INDEX)
}

fn answer(asked: &HeaderMap, name: &str) -> Response {
    let compressed = accepts_gzip(asked).then(|| Built::get(&format!("{name}.gz"))).flatten();
    let encoding = compressed.is_some().then_some("gzip");
    let Some(file) = compressed.or_else(|| Built::get(name)) else {
        return Response::builder().status(StatusCode::NOT_FOUND).finish();
    };
    let tag = tag(&file);
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let content = match file.data {
        _ if known => Bytes::new(),
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = Response::builder().status(status).content_type(media_type(name)).body(content);
    let headers = response.headers_mut();
    let kept = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn accepts_gzip(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && parts.next() != Some("q=0")
    })
}

fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    format!("\"{}\"", hash[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
