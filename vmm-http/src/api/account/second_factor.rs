//! Second factors: codes of an authenticator app.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::UserName;
use vmm_core::{NewSecondFactor, SecondFactorState, SecretString};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::body::Body;
use crate::wire::secret::Secret;
use crate::wire::text::TextOf;

pub(crate) struct SecondFactorApi;

/// The password of the account that gets a second factor.
#[derive(Debug, Object)]
#[oai(rename = "PresentPassword", deny_unknown_fields)]
struct PresentPasswordBody {
    password: Secret,
}

/// A code of an authenticator app.
#[derive(Debug, Object)]
#[oai(rename = "SecondFactorCode", deny_unknown_fields)]
struct CodeBody {
    /// The six digits that the app shows, or a recovery code where one counts.
    code: Secret,
}

/// A second factor that was begun. It counts once a code of it was seen.
#[derive(Debug, Object)]
#[oai(rename = "NewSecondFactor")]
struct NewSecondFactorBody {
    /// The secret in Base32, for an authenticator app. It is not shown again.
    secret: Secret,
    /// The secret as an `otpauth` address, to be shown as a QR code.
    address: Secret,
}

impl From<NewSecondFactor> for NewSecondFactorBody {
    fn from(NewSecondFactor { secret, address }: NewSecondFactor) -> Self {
        Self { secret: secret.into(), address: address.into() }
    }
}

/// The recovery codes of a second factor.
#[derive(Debug, Object)]
#[oai(rename = "RecoveryCodes")]
struct RecoveryCodesBody {
    /// Each counts once in place of a code of the app. They are not shown again.
    recovery_code: Vec<Secret>,
}

/// How the second factor of an account stands.
#[derive(Debug, Object)]
#[oai(rename = "SecondFactor", skip_serializing_if_is_none)]
struct SecondFactorBody {
    /// Since when the account needs it to sign in; absent if it has none.
    confirmed_at: Option<DateTime<Utc>>,
    /// How many recovery codes are left.
    recovery_codes: u32,
}

impl From<SecondFactorState> for SecondFactorBody {
    fn from(SecondFactorState { confirmed_at, recovery_codes }: SecondFactorState) -> Self {
        Self { confirmed_at, recovery_codes }
    }
}

#[OpenApi(tag = "Tag::Session")]
impl SecondFactorApi {
    /// Read whether one has a second factor, and how many recovery codes are left; any account's for admins.
    #[oai(path = "/second-factor", method = "get", operation_id = "getSecondFactor")]
    async fn get(
        &self,
        caller: Caller,
        /// Whose; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Json<SecondFactorBody>, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        Ok(Json(login.vmm.second_factor(&login.actor, of.as_ref()).await?.into()))
    }

    /// Begin one's second factor: get the secret for an authenticator app. It counts once it is confirmed.
    #[oai(path = "/second-factor", method = "post", operation_id = "beginSecondFactor")]
    async fn begin(
        &self,
        caller: Caller,
        body: Body<PresentPasswordBody>,
    ) -> Result<Json<NewSecondFactorBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.begin_second_factor(&login.actor, body.0.password.into()).await?.into()))
    }

    /// Confirm one's second factor with a code of the app, and get recovery codes. From then on it is needed to sign in.
    #[oai(path = "/second-factor", method = "put", operation_id = "confirmSecondFactor")]
    async fn confirm(&self, caller: Caller, body: Body<CodeBody>) -> Result<Json<RecoveryCodesBody>, Failure> {
        let login = caller.0;
        let codes =
            login.vmm.confirm_second_factor(&login.actor, &login.credential, &SecretString::from(body.0.code)).await?;
        Ok(Json(RecoveryCodesBody { recovery_code: codes.into_iter().map(Secret::from).collect() }))
    }

    /// Give a code again, for what needs a second factor that was given in the last ten minutes.
    #[oai(path = "/second-factor/code", method = "post", operation_id = "giveSecondFactor")]
    async fn give(&self, caller: Caller, body: Body<CodeBody>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.give_second_factor(&login.actor, &login.credential, &SecretString::from(body.0.code)).await?;
        Ok(Done::Done)
    }

    /// Remove one's second factor and its recovery codes; any account's for admins.
    #[oai(path = "/second-factor", method = "delete", operation_id = "removeSecondFactor")]
    async fn remove(
        &self,
        caller: Caller,
        /// Whose; the caller's if absent.
        user: Query<Option<TextOf<UserName>>>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        let of = named("user", user.0.map(UserName::new).transpose())?;
        login.vmm.remove_second_factor(&login.actor, of.as_ref()).await?;
        Ok(Done::Done)
    }
}
