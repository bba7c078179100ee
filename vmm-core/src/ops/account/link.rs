//! Binding a chat to an account by a one-time code.

use std::time::Duration;

use chrono::Utc;
use secrecy::SecretString;

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{NewLinkCode, Timestamp, User, UserChange, UserName};
use crate::policy::{Action, Actor, Target};

use super::secret::{hash_token, new_secret};

/// The lifetime of a code.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A code that was just made.
#[derive(Debug)]
pub struct MadeLinkCode {
    /// 256 random bits as 43 letters, digits, `-` and `_`. It is not kept and cannot be shown again.
    pub code: SecretString,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

impl Vmm {
    /// Makes a code that binds the chat it is told from to an account, the actor's own if `of` is `None`. It is good
    /// once, for a quarter of an hour, and in place of any made before.
    ///
    /// # Errors
    /// `Forbidden` for an actor that is an API token, and for anyone but an admin if it is another account; `NotFound`
    /// if there is none.
    pub async fn create_link_code(&self, actor: &Actor, of: Option<&UserName>) -> Result<MadeLinkCode> {
        let target = self.link_target(actor, Action::LinkCreate, of).await?;
        let owner = target.owner;
        self.change(actor, Action::LinkCreate, target, |desk, audit| async move {
            let code = new_secret()?;
            let user = owner.ok_or(Error::Unauthenticated)?;
            let expires_at = Utc::now() + LIFETIME;
            let new = NewLinkCode { user, hash: hash_token(&code), expires_at };
            desk.repository().links().create(new, audit).await?;
            Ok(MadeLinkCode { code, expires_at })
        })
        .await
    }

    /// Binds a chat to the account that a code was made for, in place of the chat that it had.
    ///
    /// # Errors
    /// `Unauthenticated` if the code is unknown, used or expired or its account is disabled; `Conflict` if the chat is
    /// bound to another account.
    pub async fn link_chat(&self, code: &SecretString, chat: i64) -> Result<User> {
        let hash = hash_token(code);
        let found = self.unguarded().repository().links().by_hash(hash, Utc::now()).await?;
        let user = found.ok_or(Error::Unauthenticated)?;
        let target = Target::of(user.id, format!("user {}", user.name));
        self.change(&Actor::from(&user), Action::LinkUse, target, |desk, audit| async move {
            match desk.repository().links().redeem(hash, chat, Utc::now(), audit).await {
                Err(Error::NotFound { .. }) => Err(Error::Unauthenticated),
                result => result,
            }
        })
        .await
    }

    /// Frees an account of its chat, the actor's own if `of` is `None`. One that has none stays as it is.
    ///
    /// # Errors
    /// As for [`create_link_code`](Self::create_link_code).
    pub async fn unlink_chat(&self, actor: &Actor, of: Option<&UserName>) -> Result<()> {
        let target = self.link_target(actor, Action::LinkDelete, of).await?;
        let owner = target.owner;
        self.change(actor, Action::LinkDelete, target, |desk, audit| async move {
            let change = UserChange { chat_id: Some(None), ..UserChange::default() };
            let user = owner.ok_or(Error::Unauthenticated)?;
            desk.repository().users().update(user, change, None, audit).await.map(drop)
        })
        .await
    }

    /// Returns the actor who speaks in a chat that is linked to an account.
    ///
    /// # Errors
    /// `Unauthenticated` if it is bound to none, or the account is disabled.
    pub async fn chat_actor(&self, chat: i64) -> Result<Actor> {
        let user = self.unguarded().repository().users().by_chat(chat).await?;
        user.filter(|user| !user.disabled).as_ref().map(Actor::from).ok_or(Error::Unauthenticated)
    }

    async fn link_target(&self, actor: &Actor, action: Action, of: Option<&UserName>) -> Result<Target> {
        let label = match (of, actor) {
            (Some(name), _) | (None, Actor::User { name, .. }) => format!("user {name}"),
            (None, Actor::Anonymous | Actor::System) => String::new(),
        };
        let looking = self.account(actor, action, of);
        let owner = self.find_or_audit_failure(actor, action, &label, looking).await?;
        Ok(Target { label, owner })
    }
}
