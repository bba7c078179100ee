//! API tokens: what programs authenticate with.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{Access, Token, TokenName, UserName};
use vmm_core::{MadeToken, TokenDraft};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct TokenApi;

/// An API token to make.
#[derive(Debug, Object)]
#[oai(rename = "NewToken", deny_unknown_fields)]
struct NewTokenBody {
    /// Letters, digits, dots, dashes and underscores; unique among one's own.
    name: TextOf<TokenName>,
    /// The number of days after which the token expires; 90 if absent.
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
    /// The secret to send as `Authorization: Bearer …`. It is not shown again.
    secret: Secret,
    created_at: DateTime<Utc>,
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
}

impl From<MadeToken> for MadeTokenBody {
    fn from(made: MadeToken) -> Self {
        let MadeToken { secret, token } = made;
        let (created_at, expires_at) = (token.created_at, token.expires_at);
        Self { name: token.name.to_string(), secret: secret.into(), created_at, expires_at }
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
    /// The moment at which it expires.
    expires_at: DateTime<Utc>,
    /// The moment of its last use, exact to about a minute; absent if it was never used.
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

/// The access to an account, and the work that goes on in its name.
#[derive(Debug, Object)]
#[oai(rename = "Access", skip_serializing_if_is_none)]
struct AccessBody {
    /// The number of sessions.
    sessions: u64,
    /// The names of API tokens.
    tokens: Vec<String>,
    /// True if there is an unused code that links a Telegram account.
    link_code: bool,
    /// The linked Telegram account.
    chat_id: Option<i64>,
    /// The ids of enabled schedules.
    schedules: Vec<i64>,
    /// The ids of runs of scripts that have not ended.
    runs: Vec<i64>,
}

impl From<Access> for AccessBody {
    fn from(access: Access) -> Self {
        let Access { sessions, tokens, link_code, chat_id, schedules, runs } = access;
        Self {
            sessions,
            tokens: tokens.into_iter().map(|name| name.to_string()).collect(),
            link_code,
            chat_id,
            schedules: schedules.into_iter().map(|id| id.0).collect(),
            runs: runs.into_iter().map(|id| id.0).collect(),
        }
    }
}

/// The access to an account that was ended, and the access that is left.
#[derive(Debug, Object)]
#[oai(rename = "RevokedAccess")]
struct RevokedAccessBody {
    /// The access that was ended.
    ended: AccessBody,
    /// The access that is left.
    left: AccessBody,
}

#[OpenApi(tag = "Tag::Session")]
impl TokenApi {
    /// Make API tokens for programs. A token acts with the role that its account has at the moment of use.
    ///
    /// Needs a session: an API token can neither make tokens nor change a password.
    #[oai(path = "/token", method = "post", operation_id = "createTokens")]
    async fn create(&self, caller: Caller, body: Body<NewTokensBody>) -> Result<Json<MadeTokensBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("token", body.0.token, TokenDraft::try_from)?;
        let create = |draft| login.vmm.create_token(&login.actor, draft);
        let made = batch::in_order("token", drafts, create).await?;
        Ok(Json(MadeTokensBody { token: made.into_iter().map(MadeTokenBody::from).collect() }))
    }

    /// List one's API tokens in order of name, without their secrets; those of any account for admins.
    #[oai(path = "/token", method = "get", operation_id = "listTokens")]
    async fn list(
        &self,
        caller: Caller,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Json<TokensBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        let tokens = login.vmm.tokens(&login.actor, of.as_ref()).await?;
        Ok(Json(TokensBody { token: tokens.into_iter().map(TokenBody::from).collect() }))
    }

    /// Delete one of one's API tokens; a token of any account for admins. The token is invalid from then on.
    #[oai(path = "/token", method = "delete", operation_id = "deleteToken")]
    async fn delete(
        &self,
        caller: Caller,
        name: Query<TextOf<TokenName>>,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        login.vmm.delete_token(&login.actor, of.as_ref(), &TokenName::new(name.0)?).await?;
        Ok(Done::Done)
    }

    /// After a leak, end all of one's sessions and delete all of one's API tokens; those of any account for admins.
    ///
    /// The session or token of this call ends too, and so does an unused link code. The answer shows what is left: a
    /// linked Telegram account, schedules, and runs in progress. Then change the password.
    #[oai(path = "/access", method = "delete", operation_id = "revokeAccess")]
    async fn revoke(
        &self,
        caller: Caller,
        /// The name of the account; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
        /// Also unlinks the Telegram account, disables the account's schedules and cancels its runs. Needs a session.
        everything: Query<Option<bool>>,
    ) -> Result<Json<RevokedAccessBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        let everything = everything.0.unwrap_or_default();
        let revoked = login.vmm.revoke_access(&login.actor, of.as_ref(), everything).await?;
        Ok(Json(RevokedAccessBody { ended: revoked.ended.into(), left: revoked.left.into() }))
    }
}
