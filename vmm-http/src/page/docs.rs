//! The interactive page of the API at `/docs`, for admins. Everything on it is served from here.
//!
//! A login form makes a cookie that is good for this page alone: the operations take bearer tokens only. The page's
//! script gets one of its own for the cookie, and keeps it in its memory.

use std::sync::LazyLock;

use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::web::{Data, Form};
use poem::{EndpointExt, IntoEndpoint, IntoResponse, Request, Response, Result, Route, get, handler, post};
use serde::Deserialize;
use vmm_core::model::AccountCredential;
use vmm_core::{Actor, Error, ExposeSecret, SecretString, Vmm};

use super::token::{self, PageTokens};
use crate::error::Failure;
use crate::server::peer;
use crate::spec;

/// Where the page is.
pub(crate) const PATH: &str = "/docs";

const COOKIE: &str = "vmm_docs";
/// Nothing from elsewhere, no script in a page, no frame around it. Swagger UI sets styles of elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const PAGE: &str = include_str!("docs.html");
const LOGIN: &str = include_str!("login.html");
const STYLE: &str = include_str!("style.css");
const START: &str = include_str!("start.js");
/// Where the login page says what was wrong.
const MESSAGE: &str = "<!-- message -->";

/// Swagger UI as poem-openapi brings it: one page, whose style and script are served by themselves here, so that the
/// page needs none inside.
struct Assets {
    style: String,
    script: String,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let upstream = spec::service().swagger_ui_html();
    let between = |open: &str, close: &str| {
        let inner = upstream.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inner.map_or_else(String::new, |(inner, _)| inner.to_owned())
    };
    Assets {
        style: between("<style charset=\"UTF-8\">", "</style>"),
        script: between("<script charset=\"UTF-8\">", "</script>\n</head>"),
    }
});

/// The page, its parts and its login.
pub(crate) fn routes() -> impl IntoEndpoint {
    Route::new()
        .at("/", get(page).post(log_in))
        .at("/logout", post(log_out))
        .at("/token", post(give_token))
        .at("/start.js", get(start))
        .at("/swagger-ui.js", get(script))
        .at("/swagger-ui.css", get(swagger_style))
        .at("/style.css", get(style))
        .after(|response: Result<Response>| async { response.map(protected) })
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: Box<str>,
    #[serde(default)]
    code: Box<str>,
}

#[handler]
async fn page(request: &Request, vmm: Data<&Vmm>) -> Result<Response> {
    match admin(request, &vmm).await {
        Ok(_) => Ok(html(StatusCode::OK, PAGE.to_owned())),
        Err(Error::Unauthenticated) => Ok(html(StatusCode::OK, login_page(""))),
        Err(error) => Err(Failure::from(error).into()),
    }
}

#[handler]
async fn log_in(request: &Request, vmm: Data<&Vmm>, form: Form<Credentials>) -> Result<Response> {
    of_this_page(request.headers())?;
    let Credentials { name, password, code } = form.0;
    let code = Some(code).filter(|code| !code.is_empty()).map(SecretString::from);
    let login = match vmm.login(&name, password.into(), code, peer::address(request)).await {
        Ok(login) => login,
        Err(Error::Unauthenticated) => {
            return Ok(html(StatusCode::UNAUTHORIZED, login_page("The name or the password is wrong.")));
        }
        Err(error @ (Error::SecondFactorNeeded { .. } | Error::Invalid(_))) => {
            return Ok(html(StatusCode::FORBIDDEN, login_page(&format!("{error}."))));
        }
        Err(error @ Error::TooMany { .. }) => {
            let mut response = html(StatusCode::TOO_MANY_REQUESTS, login_page(&format!("{error}.")));
            let refusal = Failure::from(error).into_response();
            response
                .headers_mut()
                .extend(refusal.headers().get(header::RETRY_AFTER).map(|wait| (header::RETRY_AFTER, wait.clone())));
            return Ok(response);
        }
        Err(error) => return Err(Failure::from(error).into()),
    };
    let actor = Actor::from(&login.user);
    if vmm.may_use_web(&actor).is_err() {
        vmm.logout(&actor, &AccountCredential::Session(login.session)).await.map_err(Failure::from)?;
        return Ok(html(StatusCode::FORBIDDEN, login_page("This page is for admins.")));
    }
    let left = (login.session.expires_at - chrono::Utc::now()).num_seconds();
    Ok(to_page(&cookie(request, login.token.expose_secret(), left)))
}

#[handler]
async fn log_out(request: &Request, vmm: Data<&Vmm>) -> Result<Response> {
    of_this_page(request.headers())?;
    if let Ok((actor, login)) = admin(request, &vmm).await {
        vmm.logout(&actor, &login).await.map_err(Failure::from)?;
    }
    Ok(to_page(&cookie(request, "", 0)))
}

/// Gives the page's script a token that stands for the cookie's login.
#[handler]
async fn give_token(request: &Request, vmm: Data<&Vmm>, tokens: Data<&PageTokens>) -> Result<Response> {
    if request.headers().get(header::ORIGIN).is_none() {
        return Err(Failure::malformed("the request does not say from which page it comes").into());
    }
    of_this_page(request.headers())?;
    admin(request, &vmm).await.map_err(Failure::from)?;
    let login = cookie_token(request).ok_or(Error::Unauthenticated).map_err(Failure::from)?;
    let token = tokens.make(login)?;
    let body = serde_json::json!({ "token": token.expose_secret(), "seconds": token::LIFE.as_secs() });
    Ok(Response::builder().content_type("application/json").body(body.to_string()))
}

#[handler]
async fn start(request: &Request, vmm: Data<&Vmm>) -> Result<Response> {
    part(request, &vmm, "text/javascript", START).await
}

#[handler]
async fn script(request: &Request, vmm: Data<&Vmm>) -> Result<Response> {
    part(request, &vmm, "text/javascript", &ASSETS.script).await
}

#[handler]
async fn swagger_style(request: &Request, vmm: Data<&Vmm>) -> Result<Response> {
    part(request, &vmm, "text/css", &ASSETS.style).await
}

/// The style of the login form too, so for everybody.
#[handler]
fn style() -> Response {
    Response::builder().content_type("text/css").body(STYLE)
}

/// A part of the page, for whom the page is.
async fn part(request: &Request, vmm: &Vmm, kind: &str, text: &'static str) -> Result<Response> {
    admin(request, vmm).await.map_err(Failure::from)?;
    Ok(Response::builder().content_type(kind).body(text))
}

/// The token of the login that the cookie has.
fn cookie_token(request: &Request) -> Option<SecretString> {
    let cookies = request.headers().get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
    cookies.find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('=')).map(SecretString::from)
}

/// The admin whose cookie it is.
async fn admin(request: &Request, vmm: &Vmm) -> vmm_core::Result<(Actor, AccountCredential)> {
    let token = cookie_token(request).ok_or(Error::Unauthenticated)?;
    let (actor, login) = vmm.authenticate(&token).await?;
    // Somebody who has lost the role sees the form again.
    vmm.may_use_web(&actor).map_err(|_| Error::Unauthenticated)?;
    Ok((actor, login))
}

/// Refuses a form that another site sent.
fn of_this_page(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let same =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).is_some_and(|(_, host)| Some(host) == own);
    if same { Ok(()) } else { Err(Failure::malformed("the form comes from another site")) }
}

fn cookie(request: &Request, token: &str, seconds: i64) -> String {
    let secure = if *request.scheme() == Scheme::HTTPS { "; Secure" } else { "" };
    format!("{COOKIE}={token}; Path=/docs; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

fn login_page(message: &str) -> String {
    LOGIN.replace(MESSAGE, message)
}

fn html(status: StatusCode, text: String) -> Response {
    Response::builder().status(status).content_type("text/html; charset=utf-8").body(text)
}

fn to_page(cookie: &str) -> Response {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, PATH)
        .header(header::SET_COOKIE, cookie)
        .finish()
}

/// Adds the headers of a page that stands alone.
pub(crate) fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With `no-referrer` a browser sends the form with the origin `null`, which tells nothing.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Returns whether somebody signs in with the page's form.
pub(crate) fn is_sign_in(request: &Request) -> bool {
    request.uri().path() == PATH && *request.method() == Method::POST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swagger_ui_is_found_where_it_is_taken_from() {
        assert!(ASSETS.script.contains("SwaggerUIBundle") && !ASSETS.script.contains("<div id=\"ui\">"));
        assert!(ASSETS.style.contains(".swagger-ui"));
    }
}
