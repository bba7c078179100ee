//! The cookie that the web console is signed in by. It counts for requests of our own pages alone.
//!
//! A page of another site can make a browser send requests here, and `SameSite=Strict` keeps the cookie out of them.
//! Two checks stand behind that, for browsers that do not know it: a header that only a script of ours can set, since
//! no other origin is allowed any, and the origin that the browser states.

use poem::Request;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use vmm_core::config::PublicUrl;
use vmm_core::{ExposeSecret, SecretString, Vmm};

use crate::error::Failure;

/// The header that the console's script sets.
pub(crate) const CONSOLE: HeaderName = HeaderName::from_static("x-vmm-console");

/// What the cookie is called. Browsers take one with the prefix `__Host-` over TLS alone, for the whole host and from
/// nobody else ([RFC 6265bis](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3)).
const PLAIN: &str = "vmm_session";
const OVER_TLS: &str = "__Host-vmm_session";

/// A request that is authenticated by the cookie.
#[derive(Clone, Copy)]
pub(crate) struct ByCookie;

/// Puts the token of the cookie where a program has its bearer token, if the request is one of our own pages. The
/// cookie of any other request counts for nothing.
pub(crate) fn with_token(vmm: &Vmm, mut request: Request) -> Request {
    let ours = request.headers().contains_key(CONSOLE) && of_our_pages(vmm, &request).is_ok();
    if !ours || request.headers().contains_key(header::AUTHORIZATION) {
        return request;
    }
    let value = token(request.headers()).map(|token| format!("Bearer {}", token.expose_secret()));
    if let Some(mut value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
        request.set_data(ByCookie);
    }
    request
}

/// Checks that a request comes from a page of ours, as far as the browser says: its origin is the setting `public_url`,
/// or has the host that the request is for. A browser states no origin where it reads from the page's own.
///
/// # Errors
/// If another origin is stated, or none where a browser states it.
pub(crate) fn of_our_pages(vmm: &Vmm, request: &Request) -> Result<(), Failure> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin") {
        return Err(Failure::malformed("the browser says that another site sends this request"));
    }
    let Some(origin) = text(header::ORIGIN) else {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        return if reads { Ok(()) } else { Err(Failure::malformed("the request does not say its Origin")) };
    };
    match vmm.public_url() {
        Some(url) if url.origin() == origin => Ok(()),
        Some(url) => Err(Failure::malformed(format!("open the console at {url}, which is the setting public_url"))),
        None => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let own = text(header::HOST).or_else(|| request.uri().host());
            if host.is_some() && host == own {
                return Ok(());
            }
            let detail = "the page's Origin is not the Host that this request is for; behind a proxy set public_url";
            Err(Failure::malformed(detail))
        }
    }
}

/// A cookie with the token of a login that lasts so many seconds.
pub(crate) fn set(vmm: &Vmm, request: &Request, token: &SecretString, seconds: i64) -> String {
    let tls = *request.scheme() == Scheme::HTTPS || vmm.public_url().as_ref().is_some_and(PublicUrl::is_https);
    let (name, secure) = if tls { (OVER_TLS, "; Secure") } else { (PLAIN, "") };
    format!("{name}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}", token.expose_secret())
}

fn token(headers: &HeaderMap) -> Option<SecretString> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<_> =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|all| all.trim().split_once('=')).collect();
    // Over TLS nobody else can set the first; the second could come from a neighbour on the same host.
    let of = |name| cookies.iter().find(|(key, _)| *key == name).map(|(_, token)| SecretString::from(*token));
    of(OVER_TLS).or_else(|| of(PLAIN))
}
