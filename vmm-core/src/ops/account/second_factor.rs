//! Second factors: a code from an authenticator app beside the password.

use chrono::Utc;
use secrecy::{ExposeSecret, SecretString};
use totp_rs::{Builder, Secret as Shared, Totp};
use zeroize::Zeroizing;

use super::secret::{hash_token, new_recovery_code};
use super::user::check_present_password;
use crate::attempts::Door;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AccountCredential, ConfirmedFactor, SecondFactor, SecondFactorProof, Timestamp, User, UserId, UserName,
};
use crate::policy::{Action, Actor, Target};
use crate::secrets::{SECOND_FACTOR, place_of};

/// The bits of a secret that RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// How many recovery codes an account gets.
const RECOVERY_CODES: usize = 10;

/// A second factor that was begun, for an authenticator app.
#[derive(Debug)]
pub struct NewSecondFactor {
    /// The secret in Base32, to be typed. It cannot be shown again.
    pub secret: SecretString,
    /// The secret as an `otpauth` address, which a QR code carries.
    pub address: SecretString,
}

/// How an account's second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactorState {
    /// Since when it counts; `None` if there is none or it is not confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// How many recovery codes are left.
    pub recovery_codes: u32,
}

impl Vmm {
    /// Begins a second factor for the actor's account, in place of one that was begun and not confirmed. It counts once
    /// [`confirm_second_factor`](Self::confirm_second_factor) has seen a code of it.
    ///
    /// # Errors
    /// `Invalid` if the present password is wrong; `Conflict` if the account has a second factor; `Forbidden` for an API
    /// token.
    pub async fn begin_second_factor(&self, actor: &Actor, password: SecretString) -> Result<NewSecondFactor> {
        let user = self.own_user(actor).await?;
        self.change(actor, Action::SecondFactorChange, target(&user), |desk, audit| async move {
            check_present_password(&desk, actor, &user, "password", Some(password)).await?;
            let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
            getrandom::fill(&mut *bytes).map_err(|error| Error::internal("reading random bytes", error))?;
            let secret = SecretString::from(Shared::from(*bytes).to_base32());
            let sealed = desk.secrets().seal(SECOND_FACTOR, place_of(user.id), &secret)?;
            desk.repository().second_factors().begin(user.id, sealed, audit).await?;
            let address = format!("otpauth://totp/vmm:{}?secret={}&issuer=vmm", user.name, secret.expose_secret());
            Ok(NewSecondFactor { secret, address: address.into() })
        })
        .await
    }

    /// Confirms the second factor that was begun with a code of it, and gives recovery codes, each good once in place of a
    /// code. The login that this is asked in counts as one with the second factor.
    ///
    /// # Errors
    /// `Invalid` if the code is wrong; `Conflict` if none was begun; `Forbidden` for an API token.
    pub async fn confirm_second_factor(
        &self,
        actor: &Actor,
        login: &AccountCredential,
        code: &SecretString,
    ) -> Result<Vec<SecretString>> {
        let user = self.own_user(actor).await?;
        self.change(actor, Action::SecondFactorChange, target(&user), |desk, audit| async move {
            let attempt = desk.attempts().begin(Door::SecondFactor(user.id), None)?;
            let factor = desk.repository().second_factors().get(user.id).await?;
            let step = factor.map(|factor| step(&desk, user.id, &factor, code)).transpose()?.flatten();
            let step = step.ok_or_else(wrong_code)?;
            attempt.right();
            let codes = (0..RECOVERY_CODES).map(|_| new_recovery_code()).collect::<Result<Vec<_>>>()?;
            let recovery_codes = codes.iter().map(|code| hash_token(&plain(code))).collect();
            let session = match login {
                AccountCredential::Session(session) => Some(session.id),
                AccountCredential::Token(_) => None,
            };
            let confirmed = ConfirmedFactor { step, recovery_codes, session };
            desk.repository().second_factors().confirm(user.id, confirmed, audit).await?;
            Ok(codes)
        })
        .await
    }

    /// Gives the second factor again in a login, for what asks for one that was given in the last ten minutes.
    ///
    /// # Errors
    /// `Invalid` if the code is wrong or was used; `Forbidden` for an API token.
    pub async fn give_second_factor(
        &self,
        actor: &Actor,
        login: &AccountCredential,
        code: &SecretString,
    ) -> Result<()> {
        let user = self.own_user(actor).await?;
        self.change(actor, Action::SessionConfirm, target(&user), |desk, audit| async move {
            if !shows_second_factor(&desk, &user, code).await? {
                return Err(wrong_code());
            }
            match login {
                AccountCredential::Session(session) => {
                    desk.repository().sessions().confirm(session.id, Utc::now(), audit).await
                }
                AccountCredential::Token(_) => Err(Error::Unauthenticated),
            }
        })
        .await
    }

    /// How the second factor of an account stands; of the actor's own if `of` is `None`.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin if it is another account; `NotFound` if there is no such account.
    pub async fn second_factor(&self, actor: &Actor, of: Option<&UserName>) -> Result<SecondFactorState> {
        let owner = self.account(actor, Action::SecondFactorRead, of).await?;
        let desk = self.read(actor, Action::SecondFactorRead, &Target { owner, ..Target::none() })?;
        let factor = desk.repository().second_factors().get(owner.ok_or(Error::Unauthenticated)?).await?;
        let confirmed = factor.filter(|factor| factor.confirmed_at.is_some());
        Ok(confirmed.map_or(SecondFactorState { confirmed_at: None, recovery_codes: 0 }, |factor| SecondFactorState {
            confirmed_at: factor.confirmed_at,
            recovery_codes: factor.recovery_codes,
        }))
    }

    /// Removes the second factor of an account and its recovery codes; of the actor's own if `of` is `None`. For somebody
    /// who has lost the app and the recovery codes an admin does it.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin if it is another account; `NotFound` if there is none.
    pub async fn remove_second_factor(&self, actor: &Actor, of: Option<&UserName>) -> Result<()> {
        let label = of.map_or_else(|| format!("user {actor}"), |of| format!("user {of}"));
        let looking = self.account(actor, Action::SecondFactorRemove, of);
        let owner = self.find_or_audit_failure(actor, Action::SecondFactorRemove, &label, looking).await?;
        self.change(actor, Action::SecondFactorRemove, Target { label, owner }, |desk, audit| async move {
            let user = owner.ok_or(Error::Unauthenticated)?;
            match desk.repository().second_factors().remove(user, audit).await {
                Err(Error::NotFound { name, .. }) => {
                    Err(Error::conflict(Kind::User, name, "has no second factor that could be removed"))
                }
                removed => removed,
            }
        })
        .await
    }
}

/// Returns whether a code or recovery code shows the confirmed second factor of an account, and uses it up. It has a
/// budget of attempts of its own.
pub(super) async fn shows_second_factor(desk: &Desk, user: &User, code: &SecretString) -> Result<bool> {
    let attempt = desk.attempts().begin(Door::SecondFactor(user.id), None)?;
    let Some(factor) = desk.repository().second_factors().get(user.id).await? else { return Ok(false) };
    let proof = match step(desk, user.id, &factor, code)? {
        Some(step) => SecondFactorProof::Step(step),
        None => SecondFactorProof::RecoveryCode(hash_token(&plain(code))),
    };
    let shown = desk.repository().second_factors().use_up(user.id, proof).await?;
    if shown {
        attempt.right();
    }
    Ok(shown)
}

/// Returns the step that a code of the app is of: this one, or one beside it, since clocks differ and people are slow.
fn step(desk: &Desk, user: UserId, factor: &SecondFactor, code: &SecretString) -> Result<Option<u64>> {
    let secret = desk.secrets().unseal(SECOND_FACTOR, place_of(user), &factor.secret).ok_or_else(|| {
        Error::conflict(Kind::User, user, "its second factor does not open with the master key; an admin can remove it")
    })?;
    let now = u64::try_from(Utc::now().timestamp()).unwrap_or_default();
    Ok(app(&secret)?.check(plain(code).expose_secret(), now))
}

fn app(secret: &SecretString) -> Result<Totp> {
    let shared = Shared::try_from_base32(secret.expose_secret())
        .map_err(|error| Error::internal("reading a second factor", error.to_string()))?;
    Builder::new()
        .with_secret(shared)
        .build()
        .map_err(|error| Error::internal("using a second factor", error.to_string()))
}

/// A code as it counts: people copy spaces and dashes, and type letters of either case.
fn plain(code: &SecretString) -> SecretString {
    let kept = code.expose_secret().chars().filter(|c| c.is_ascii_alphanumeric());
    kept.map(|c| c.to_ascii_uppercase()).collect::<String>().into()
}

/// Refuses a code that shows nothing.
pub(super) fn wrong_code() -> Error {
    Error::invalid("code", "is not a code of this moment, or was used; wait for the next one of the app and give that")
}

fn target(user: &User) -> Target {
    Target::of(user.id, format!("user {}", user.name))
}
