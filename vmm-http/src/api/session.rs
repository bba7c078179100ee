//! Logins.

use chrono::{DateTime, Utc};
use poem::Request;
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::Vmm;

use super::user::UserBody;
use super::{Done, Tag};
use crate::auth::Caller;
use crate::body::Body;
use crate::error::Failure;
use crate::peer;
use crate::secret::Secret;

pub(crate) struct SessionApi;

/// A name and its password.
#[derive(Debug, Object)]
#[oai(rename = "Credentials", deny_unknown_fields)]
struct Credentials {
    #[oai(validator(max_length = 128))]
    name: String,
    password: Secret,
}

/// A login.
#[derive(Debug, Object)]
#[oai(rename = "Session")]
struct SessionBody {
    /// Send it as `Authorization: Bearer …`. It is not shown again.
    token: Secret,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
    user: UserBody,
}

#[OpenApi(tag = "Tag::Session")]
impl SessionApi {
    /// Log in.
    #[oai(path = "/session", method = "post", operation_id = "login")]
    async fn login(
        &self,
        request: &Request,
        vmm: Data<&Vmm>,
        body: Body<Credentials>,
    ) -> Result<Json<SessionBody>, Failure> {
        let Credentials { name, password } = body.0;
        let login = vmm.login(&name, password.0, peer::address(request)).await?;
        Ok(Json(SessionBody {
            token: Secret(login.token),
            expires_at: login.session.expires_at,
            user: login.user.into(),
        }))
    }

    /// Log out. The token is of no use from then on.
    #[oai(path = "/session", method = "delete", operation_id = "logout")]
    async fn logout(&self, caller: Caller) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.logout(&login.actor, login.session).await?;
        Ok(Done::Done)
    }
}
