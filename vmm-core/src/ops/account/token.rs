//! API tokens: what programs authenticate with.

use chrono::{Days, Utc};
use secrecy::SecretString;

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{NewToken, RevokedAccess, Token, TokenName, UserName};
use crate::policy::{Action, Actor, Target};

use super::secret::{hash_token, new_api_token};

/// In days.
const DEFAULT_LIFETIME: u32 = 90;
/// In days.
const LONGEST_LIFETIME: u32 = 3650;

/// An API token that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDraft {
    /// Its name, unique among the account's.
    pub name: TokenName,
    /// After how many days it ends by itself, 1 to 3,650; 90 if `None`.
    pub expires_in_days: Option<u32>,
}

/// An API token that was just made.
#[derive(Debug)]
pub struct MadeToken {
    /// The token's secret: `vmm_` and 256 random bits. It is not kept and cannot be shown again.
    pub secret: SecretString,
    /// Its record.
    pub token: Token,
}

impl Vmm {
    /// Makes an API token for the actor's account. It acts with the role that the account has when it is used.
    ///
    /// # Errors
    /// `Forbidden` for an actor that is itself a token, `Conflict` if the account has a token of this name or a hundred
    /// tokens.
    pub async fn create_token(&self, actor: &Actor, draft: TokenDraft) -> Result<MadeToken> {
        let user = actor.user_id().ok_or(Error::Unauthenticated)?;
        let target = Target::of(user, format!("token {}", draft.name));
        self.change(actor, Action::TokenCreate, target, |desk, audit| async move {
            let TokenDraft { name, expires_in_days } = draft;
            let days = expires_in_days.unwrap_or(DEFAULT_LIFETIME);
            if !(1..=LONGEST_LIFETIME).contains(&days) {
                return Err(Error::invalid("expires_in_days", format!("must be 1 to {LONGEST_LIFETIME}")));
            }
            let secret = new_api_token()?;
            let new =
                NewToken { user, name, hash: hash_token(&secret), expires_at: Utc::now() + Days::new(days.into()) };
            let token = desk.repository().tokens().create(new, audit).await?;
            Ok(MadeToken { secret, token })
        })
        .await
    }

    /// The API tokens of an account, in order of name; the actor's own if `of` is `None`.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin if it is another account, whether there is such an account or not;
    /// `NotFound` if there is none.
    pub async fn tokens(&self, actor: &Actor, of: Option<&UserName>) -> Result<Vec<Token>> {
        let owner = self.account(actor, Action::TokenRead, of).await?;
        let desk = self.read(actor, Action::TokenRead, &Target { owner, ..Target::none() })?;
        desk.repository().tokens().list(owner.ok_or(Error::Unauthenticated)?).await
    }

    /// Deletes an API token, which is of no use from then on; one of the actor's own if `of` is `None`.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name; `Forbidden` as for [`tokens`](Self::tokens).
    pub async fn delete_token(&self, actor: &Actor, of: Option<&UserName>, name: &TokenName) -> Result<()> {
        let label = format!("token {name}");
        let looking = self.account(actor, Action::TokenDelete, of);
        let owner = self.find_or_audit_failure(actor, Action::TokenDelete, &label, looking).await?;
        self.change(actor, Action::TokenDelete, Target { label, owner }, |desk, audit| async move {
            desk.repository().tokens().delete(owner.ok_or(Error::Unauthenticated)?, name, audit).await
        })
        .await
    }

    /// Ends all logins of an account, the one that asks included, and deletes its API tokens and its code that would
    /// bind a chat, after something of it has leaked; the actor's own if `of` is `None`. With `everything` it also
    /// frees the account's chat, disables its schedules and cancels its runs. Tells what has ended and what is left.
    ///
    /// # Errors
    /// `Forbidden` and `NotFound` as for [`tokens`](Self::tokens); with `everything`, `Forbidden` also for an API
    /// token.
    pub async fn revoke_access(&self, actor: &Actor, of: Option<&UserName>, everything: bool) -> Result<RevokedAccess> {
        let label = of.map_or_else(|| format!("user {actor}"), |of| format!("user {of}"));
        let action = Action::AccessRevoke;
        let owner = self.find_or_audit_failure(actor, action, &label, self.account(actor, action, of)).await?;
        let target = Target { label, owner };
        self.change(actor, action, target.clone(), |desk, mut audit| async move {
            if everything && !self.allows(actor, Action::LinkDelete, &target) {
                return Err(self.refusal(actor, Action::LinkDelete, &target));
            }
            if everything {
                audit.detail = "with chat, schedules and runs".into();
            }
            let user = owner.ok_or(Error::Unauthenticated)?;
            let revoked = desk.repository().tokens().revoke_access(user, everything, audit).await?;
            revoked.ended.runs.iter().for_each(|run| desk.runs().cancel(*run));
            Ok(revoked)
        })
        .await
    }
}
