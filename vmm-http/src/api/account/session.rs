//! Logins.

use chrono::{DateTime, Utc};
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{AccountCredential, Session, SessionFilter, SessionId, UserName};
use vmm_core::{SecretString, Vmm};

use super::user::UserBody;
use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::server::peer;
use crate::wire::batch::named;
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct SessionApi;

/// A name and its password.
#[derive(Debug, Object)]
#[oai(rename = "Credentials", deny_unknown_fields)]
pub(super) struct Credentials {
    #[oai(validator(max_length = 128))]
    pub(super) name: String,
    pub(super) password: Secret,
    /// For an account with a second factor: a code of its authenticator app, or a recovery code.
    pub(super) code: Option<Secret>,
}

/// A session.
#[derive(Debug, Object)]
#[oai(rename = "Session")]
struct SessionBody {
    /// The secret to send as `Authorization: Bearer …`. It is not shown again.
    token: Secret,
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
    user: UserBody,
}

/// An open session.
#[derive(Debug, Object)]
#[oai(rename = "Login")]
struct LoginBody {
    id: i64,
    created_at: DateTime<Utc>,
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
    /// True for the session of this call.
    current: bool,
}

/// Open sessions, in the order in which they began.
#[derive(Debug, Object)]
#[oai(rename = "Logins", skip_serializing_if_is_none)]
struct LoginsBody {
    session: Vec<LoginBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

#[OpenApi(tag = "Tag::Session")]
impl SessionApi {
    /// Sign in with a name and a password, and get a token.
    #[oai(path = "/session", method = "post", operation_id = "login")]
    async fn login(
        &self,
        request: &Request,
        vmm: Data<&Vmm>,
        body: Body<Credentials>,
    ) -> Result<Json<SessionBody>, Failure> {
        let Credentials { name, password, code } = body.0;
        let code = code.map(SecretString::from);
        let login = vmm.login(&name, password.into(), code, peer::address(request)).await?;
        Ok(Json(SessionBody {
            token: login.token.into(),
            expires_at: login.session.expires_at,
            user: login.user.into(),
        }))
    }

    /// List one's open sessions, oldest first; those of any account for admins.
    #[oai(path = "/session", method = "get", operation_id = "listSessions")]
    async fn list(
        &self,
        caller: Caller,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<LoginsBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        let filter = SessionFilter {
            after: cursor::read("session", after.0, cursor::id)?.map(SessionId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.sessions(&login.actor, of.as_ref(), &filter).await?;
        let next = page.next.map(|key| cursor::write("session", key));
        let body = |session: Session| LoginBody {
            id: session.id.0,
            created_at: session.created_at,
            expires_at: session.expires_at,
            current: matches!(&login.credential, AccountCredential::Session(own) if own.id == session.id),
        };
        Ok(Json(LoginsBody { session: page.into_iter().map(body).collect(), next }))
    }

    /// Sign out. The token is invalid from then on.
    #[oai(path = "/session", method = "delete", operation_id = "logout")]
    async fn logout(&self, caller: Caller) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.logout(&login.actor, &login.credential).await?;
        Ok(Done::Done)
    }

    /// End one of one's sessions; a session of any account for admins.
    #[oai(path = "/session/:id", method = "delete", operation_id = "endSession")]
    async fn end(&self, caller: Caller, id: Path<i64>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.end_session(&login.actor, SessionId(id.0)).await?;
        Ok(Done::Done)
    }
}
