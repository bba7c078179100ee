//! Binding a Telegram account to an account of the desk.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::MadeLinkCode;
use vmm_core::model::UserName;

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct LinkApi;

/// A code that was just made.
#[derive(Debug, Object)]
#[oai(rename = "MadeLinkCode")]
struct MadeLinkCodeBody {
    /// The code. Send `/start CODE` to the bot in a private chat. The code is not shown again.
    code: Secret,
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
}

impl From<MadeLinkCode> for MadeLinkCodeBody {
    fn from(made: MadeLinkCode) -> Self {
        Self { code: made.code.into(), expires_at: made.expires_at }
    }
}

#[OpenApi(tag = "Tag::Session")]
impl LinkApi {
    /// Make a code that links a Telegram account to one's account; to any account for admins.
    ///
    /// The code works once, expires after 15 minutes, and replaces earlier codes. Needs a session: an API token cannot
    /// make one.
    #[oai(path = "/link-code", method = "post", operation_id = "createLinkCode")]
    async fn create(
        &self,
        caller: Caller,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Json<MadeLinkCodeBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        Ok(Json(login.vmm.create_link_code(&login.actor, of.as_ref()).await?.into()))
    }

    /// Unlink one's Telegram account; that of any account for admins. Needs a session: an API token cannot.
    #[oai(path = "/link", method = "delete", operation_id = "deleteLink")]
    async fn delete(
        &self,
        caller: Caller,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        login.vmm.unlink_chat(&login.actor, of.as_ref()).await?;
        Ok(Done::Done)
    }
}
