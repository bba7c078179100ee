//! Logins of the web console, which a cookie holds.

use chrono::{DateTime, Utc};
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use vmm_core::model::{AccountCredential, User};
use vmm_core::{Actor, SecretString, Vmm};

use super::session::Credentials;
use super::user::UserBody;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::layer::session_cookie;
use crate::server::peer;
use crate::wire::body::Body;

pub(crate) struct WebSessionApi;

/// The pages of the console that an account gets.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
enum WebAccess {
    /// All that its role may use.
    All,
    /// That of the account itself.
    Own,
}

/// A login of the web console.
#[derive(Debug, Object)]
#[oai(rename = "WebSession")]
struct WebSessionBody {
    user: UserBody,
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
    /// The pages that this account gets: `all`, or `own` for that of the account alone.
    access: WebAccess,
}

/// A login whose token is in a cookie.
#[derive(ApiResponse)]
enum SignedIn {
    /// The login.
    #[oai(status = 200)]
    SignedIn(
        Json<WebSessionBody>,
        /// The cookie with the token, which no script can read.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The login has ended.
#[derive(ApiResponse)]
enum SignedOut {
    /// Done.
    #[oai(status = 204)]
    SignedOut(
        /// Takes the cookie away.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(tag = "Tag::Session")]
impl WebSessionApi {
    /// Sign in to the web console. The token is in a cookie, which counts for the console's own pages alone.
    ///
    /// A program signs in with `POST /session` instead.
    #[oai(path = "/web-session", method = "post", operation_id = "signInToConsole")]
    async fn sign_in(&self, request: &Request, vmm: Data<&Vmm>, body: Body<Credentials>) -> Result<SignedIn, Failure> {
        session_cookie::of_our_pages(&vmm, request)?;
        let Credentials { name, password, code } = body.0;
        let code = code.map(SecretString::from);
        let login = vmm.login(&name, password.into(), code, peer::address(request)).await?;
        let seconds = (login.session.expires_at - Utc::now()).num_seconds();
        let cookie = session_cookie::set(&vmm, request, &login.token, seconds);
        Ok(SignedIn::SignedIn(Json(shown(&vmm, login.user, login.session.expires_at)), cookie))
    }

    /// Read the login of the web console: the account, when it ends, and the pages that it gets.
    #[oai(path = "/web-session", method = "get", operation_id = "getWebSession")]
    async fn get(&self, caller: Caller) -> Result<Json<WebSessionBody>, Failure> {
        let login = caller.0;
        let AccountCredential::Session(session) = &login.credential else {
            return Err(Failure::conflict(
                "an API token is no login of the console; sign in with a name and a password",
            ));
        };
        let user = login.vmm.own_user(&login.actor).await?;
        Ok(Json(shown(&login.vmm, user, session.expires_at)))
    }

    /// Sign out of the web console.
    #[oai(path = "/web-session", method = "delete", operation_id = "signOutOfConsole")]
    async fn sign_out(&self, request: &Request, caller: Caller) -> Result<SignedOut, Failure> {
        let login = caller.0;
        login.vmm.logout(&login.actor, &login.credential).await?;
        Ok(SignedOut::SignedOut(session_cookie::set(&login.vmm, request, &SecretString::from(""), 0)))
    }
}

fn shown(vmm: &Vmm, user: User, expires_at: DateTime<Utc>) -> WebSessionBody {
    let all = vmm.may_use_web(&Actor::from(&user)).is_ok();
    WebSessionBody { user: user.into(), expires_at, access: if all { WebAccess::All } else { WebAccess::Own } }
}
