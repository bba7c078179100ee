//! API tokens: what programs authenticate with.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{Token, TokenName, UserName};
use vmm_core::{MadeToken, TokenDraft};

use super::{Done, Tag};
use crate::auth::Caller;
use crate::batch::{self, named};
use crate::body::Body;
use crate::error::Failure;
use crate::secret::Secret;

pub(crate) struct TokenApi;

/// An API token to make.
#[derive(Debug, Object)]
#[oai(rename = "NewToken", deny_unknown_fields)]
struct NewTokenBody {
    /// Letters, digits, dots, dashes and underscores; unique among one's own.
    #[oai(validator(max_length = 128))]
    name: String,
    /// After how many days it ends by itself; 90 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "3650")))]
    expires_in_days: Option<u32>,
}

impl TryFrom<NewTokenBody> for TokenDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewTokenBody) -> vmm_core::Result<Self> {
        Ok(Self { name: TokenName::new(body.name)?, expires_in_days: body.expires_in_days })
    }
}

/// API tokens to make.
#[derive(Debug, Object)]
#[oai(rename = "NewTokens", deny_unknown_fields)]
struct NewTokensBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    token: Vec<NewTokenBody>,
}

/// An API token that was just made.
#[derive(Debug, Object)]
#[oai(rename = "MadeToken")]
struct MadeTokenBody {
    name: String,
    /// Send it as `Authorization: Bearer …`. It is not shown again.
    secret: Secret,
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
}

impl From<MadeToken> for MadeTokenBody {
    fn from(made: MadeToken) -> Self {
        let MadeToken { secret, token } = made;
        let (created_at, expires_at) = (token.created_at, token.expires_at);
        Self { name: token.name.to_string(), secret: Secret(secret), created_at, expires_at }
    }
}

/// API tokens that were just made.
#[derive(Debug, Object)]
#[oai(rename = "MadeTokens")]
struct MadeTokensBody {
    token: Vec<MadeTokenBody>,
}

/// An API token.
#[derive(Debug, Object)]
#[oai(rename = "Token", skip_serializing_if_is_none)]
struct TokenBody {
    name: String,
    created_at: DateTime<Utc>,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
    /// When it was last used, to about a minute; absent if never.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> Self {
        let Token { id: _, user: _, name, created_at, expires_at, last_used_at } = token;
        Self { name: name.to_string(), created_at, expires_at, last_used_at }
    }
}

/// API tokens, in order of name.
#[derive(Debug, Object)]
#[oai(rename = "Tokens")]
struct TokensBody {
    token: Vec<TokenBody>,
}

#[OpenApi(tag = "Tag::Session")]
impl TokenApi {
    /// Make API tokens for programs. They act with the role that one has when they are used.
    ///
    /// A login is needed: a token cannot make further ones, nor change a password.
    #[oai(path = "/token", method = "post", operation_id = "createTokens")]
    async fn create(&self, caller: Caller, body: Body<NewTokensBody>) -> Result<Json<MadeTokensBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("token", body.0.token, TokenDraft::try_from)?;
        let create = |draft| login.vmm.create_token(&login.actor, draft);
        let made = batch::in_order("token", drafts, create).await?;
        Ok(Json(MadeTokensBody { token: made.into_iter().map(MadeTokenBody::from).collect() }))
    }

    /// List one's API tokens in order of name, without their secrets; another account's for admins.
    #[oai(path = "/token", method = "get", operation_id = "listTokens")]
    async fn list(
        &self,
        caller: Caller,
        /// Whose; the caller's if absent.
        user: Query<Option<String>>,
    ) -> Result<Json<TokensBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        let tokens = login.vmm.tokens(&login.actor, of.as_ref()).await?;
        Ok(Json(TokensBody { token: tokens.into_iter().map(TokenBody::from).collect() }))
    }

    /// Delete one of one's API tokens; anybody's for admins. It is of no use from then on.
    #[oai(path = "/token", method = "delete", operation_id = "deleteToken")]
    async fn delete(
        &self,
        caller: Caller,
        name: Query<String>,
        /// Whose; the caller's if absent.
        user: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        login.vmm.delete_token(&login.actor, of.as_ref(), &TokenName::new(name.0)?).await?;
        Ok(Done::Done)
    }

    /// End all of one's logins and delete all of one's API tokens, after a leak; anybody's for admins.
    ///
    /// The login or the token that asks ends with them, and so does a code that would bind a Telegram account. A Telegram
    /// account that is bound stays, and so do schedules. Then change the password.
    #[oai(path = "/access", method = "delete", operation_id = "revokeAccess")]
    async fn revoke(
        &self,
        caller: Caller,
        /// Whose; the caller's if absent.
        user: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        login.vmm.revoke_access(&login.actor, of.as_ref()).await?;
        Ok(Done::Done)
    }
}
