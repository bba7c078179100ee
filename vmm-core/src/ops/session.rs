//! Logging in and out.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::{NewSession, Session, SessionId, TokenHash, User, UserName};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

/// A login that was just made.
#[derive(Debug)]
pub struct NewLogin {
    /// The bearer token: 256 random bits. It is not kept and cannot be shown again.
    pub token: SecretString,
    /// What is recorded of it.
    pub session: Session,
    /// Whose it is.
    pub user: User,
}

impl Vmm {
    /// Logs in by name and password. `from` is the address that the attempt comes from, if it comes over a network; it
    /// must not be something that the caller on the other side can choose.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same and after the same work whether the name or the password is wrong or the
    /// account is disabled; [`Error::TooMany`] after too many wrong attempts, whether there is such an account or not, which leaves no row in
    /// the audit log; [`Error::Unavailable`] when too many log in at once.
    pub async fn login(&self, name: &str, password: SecretString, from: Option<IpAddr>) -> Result<NewLogin> {
        let desk = self.own_work();
        let attempt = desk.attempts().begin(name, from)?;
        match self.login_once(name, password).await {
            Err(error @ Error::Unauthenticated) => Err(error),
            Err(error) => {
                attempt.take_back();
                Err(error)
            }
            Ok(login) => {
                attempt.right();
                Ok(login)
            }
        }
    }

    async fn login_once(&self, name: &str, password: SecretString) -> Result<NewLogin> {
        // A name that cannot exist does the same work as one that does not.
        let desk = self.own_work();
        let user = match UserName::new(name) {
            Ok(name) => desk.repository().users().by_name(&name).await?,
            Err(_) => None,
        };
        let hash = match user.as_ref().filter(|user| !user.disabled) {
            Some(user) => desk.repository().users().password(user.id).await?,
            None => None,
        };
        let right = desk.passwords().verify(password, hash).await?;
        let target = match &user {
            Some(user) => Target::of(user.id, format!("user {}", user.name)),
            None => Target::new("user"),
        };
        let actor = user.as_ref().filter(|_| right).map_or(Actor::Anonymous, Actor::from);
        self.change(&actor, Action::Login, target, |desk, audit| async move {
            let Some(user) = user.filter(|_| right) else { return Err(Error::Unauthenticated) };
            let token = new_token()?;
            let expires_at = chrono::Utc::now() + desk.settings().session_lifetime;
            let session = NewSession { user: user.id, token: hash_token(&token), expires_at };
            let session = desk.repository().sessions().create(session, audit).await?;
            Ok(NewLogin { token, session, user })
        })
        .await
    }

    /// Who a bearer token belongs to.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is unknown, expired or revoked, or the account is disabled.
    pub async fn authenticate(&self, token: &SecretString) -> Result<(Actor, Session)> {
        let sessions = self.own_work();
        let found = sessions.repository().sessions().by_token(hash_token(token), chrono::Utc::now()).await?;
        let (session, user) = found.ok_or(Error::Unauthenticated)?;
        Ok((Actor::from(&user), session))
    }

    /// Ends a login.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn logout(&self, actor: &Actor, session: SessionId) -> Result<()> {
        let target = Target::new(format!("session {session}"));
        self.change(actor, Action::Logout, target, |desk, audit| async move {
            desk.repository().sessions().delete(session, audit).await
        })
        .await
    }
}

fn new_token() -> Result<SecretString> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("reading random bytes", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

fn hash_token(token: &SecretString) -> TokenHash {
    TokenHash(Sha256::digest(token.expose_secret().as_bytes()).into())
}
