//! Logging in and out.

use std::net::IpAddr;

use chrono::TimeDelta;
use secrecy::SecretString;
use tracing::warn;

use crate::attempts::Door;
use crate::budget::Holder;
use crate::config::{PublicUrl, SecondFactorUse, WebAccess};
use crate::desk::Vmm;
use crate::error::{Error, Kind, Result};
use crate::model::{
    AccountCredential, NewSession, Page, Role, Session, SessionFilter, SessionId, User, UserName, one_more,
};
use crate::policy::{Action, Actor, Target};

use super::second_factor::{shows_second_factor, wrong_code};
use super::secret::{hash_token, is_api_token, new_secret};

/// The use of an API token is recorded so often, because each time is a write.
const TOKEN_USE_RECORDED: TimeDelta = TimeDelta::minutes(1);

/// How long the second factor counts for what asks for it again.
const SECOND_FACTOR_COUNTS: TimeDelta = TimeDelta::minutes(10);

/// A login that was just made.
#[derive(Debug)]
pub struct NewLogin {
    /// The bearer token: 256 random bits. It is not kept and cannot be shown again.
    pub token: SecretString,
    /// Its record.
    pub session: Session,
    /// Whose it is.
    pub user: User,
}

impl Vmm {
    /// Logs in by name and password, and by a `code` of the second factor if the account has one. `from` is the address that the attempt comes from, if it comes over a network; it
    /// must not be something that the caller on the other side can choose.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], the same and after the same work whether the name or the password is wrong or the
    /// account is disabled; [`Error::SecondFactorNeeded`] if they are right and the code is missing; `Invalid` if it is
    /// wrong or was used; [`Error::TooMany`] after too many wrong attempts, whether there is such an account or not,
    /// which leaves no row in the audit log; [`Error::Unavailable`] when too many log in at once.
    pub async fn login(
        &self,
        name: &str,
        password: SecretString,
        code: Option<SecretString>,
        from: Option<IpAddr>,
    ) -> Result<NewLogin> {
        let desk = self.unguarded();
        let attempt = desk.attempts().begin(Door::SignIn(name), from)?;
        match self.login_once(name, password, code).await {
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

    async fn login_once(&self, name: &str, password: SecretString, code: Option<SecretString>) -> Result<NewLogin> {
        // A name that cannot exist does the same work as one that does not.
        let desk = self.unguarded();
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
            let now = chrono::Utc::now();
            let second_factor_at = match code {
                _ if !user.second_factor => None,
                None => return Err(Error::SecondFactorNeeded { sign_in: true }),
                Some(code) if shows_second_factor(&desk, &user, &code).await? => Some(now),
                Some(_) => return Err(wrong_code()),
            };
            let token = new_secret()?;
            let expires_at = now + desk.settings().session_lifetime;
            let session = NewSession { user: user.id, token: hash_token(&token), expires_at, second_factor_at };
            let session = desk.repository().sessions().create(session, audit).await?;
            Ok(NewLogin { token, session, user })
        })
        .await
    }

    /// Returns the owner of a bearer token: that of a login, or an API token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if it is unknown, expired or revoked, or the account is disabled.
    pub async fn authenticate(&self, token: &SecretString) -> Result<(Actor, AccountCredential)> {
        let (desk, now, hash) = (self.unguarded(), chrono::Utc::now(), hash_token(token));
        if !is_api_token(token) {
            let found = desk.repository().sessions().by_token(hash, now).await?;
            let (session, user) = found.ok_or(Error::Unauthenticated)?;
            let actor = signed_in(&user, &session, desk.settings().second_factor);
            desk.holders().remember(hash, Holder::from(&actor));
            return Ok((actor, AccountCredential::Session(session)));
        }
        let found = desk.repository().tokens().by_hash(hash, now).await?;
        let (token, user) = found.ok_or(Error::Unauthenticated)?;
        if token.last_used_at.is_none_or(|used| now - used >= TOKEN_USE_RECORDED)
            && let Err(error) = desk.repository().tokens().used(token.id, now).await
        {
            warn!(%error, token = %token.name, "the use of a token could not be recorded");
        }
        let actor = Actor::with_token(&user, &token);
        desk.holders().remember(hash, Holder::from(&actor));
        Ok((actor, AccountCredential::Token(token)))
    }

    /// Whose places the requests with a bearer token take, as of a second ago at most; `None` if the token is no good.
    /// This gives no right to anything: [`authenticate`](Self::authenticate) says who asks.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the records do not answer.
    pub async fn holder(&self, token: &SecretString) -> Result<Option<Holder>> {
        if let Some(holder) = self.unguarded().holders().get(hash_token(token)) {
            return Ok(Some(holder));
        }
        match self.authenticate(token).await {
            Ok((actor, _)) => Ok(Some(Holder::from(&actor))),
            Err(Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The actor with the name and the role that its account has at this moment, for what goes on after it was asked
    /// for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the account is gone or disabled.
    pub(crate) async fn at_this_moment(&self, actor: &Actor) -> Result<Actor> {
        let Actor::User { token, unconfirmed, .. } = actor else { return Ok(actor.clone()) };
        let User { id, name, role, .. } = self.own_user(actor).await?;
        Ok(Actor::User { id, name, role, token: token.clone(), unconfirmed: *unconfirmed })
    }

    /// Ends the login that the caller authenticated with.
    ///
    /// # Errors
    /// `Conflict` for an API token, which is no login.
    pub async fn logout(&self, actor: &Actor, credential: &AccountCredential) -> Result<()> {
        match credential {
            AccountCredential::Session(session) => self.end(actor, session).await,
            AccountCredential::Token(token) => {
                let label = format!("token {}", token.name);
                let reason = "is an API token, which cannot sign out; delete it (DELETE /token)";
                let refused = Err(Error::conflict(Kind::Token, &token.name, reason));
                self.find_or_audit_failure(actor, Action::Logout, label, async { refused }).await
            }
        }
    }

    /// The logins of an account that have not ended, in order of beginning; the actor's own if `of` is `None`.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin if it is another account, whether there is such an account or not;
    /// `NotFound` if there is none.
    pub async fn sessions(
        &self,
        actor: &Actor,
        of: Option<&UserName>,
        filter: &SessionFilter,
    ) -> Result<Page<Session, SessionId>> {
        let owner = self.account(actor, Action::SessionRead, of).await?;
        let desk = self.read(actor, Action::SessionRead, &Target { owner, ..Target::none() })?;
        let asked = SessionFilter { limit: one_more(filter.limit), ..filter.clone() };
        let user = owner.ok_or(Error::Unauthenticated)?;
        let sessions = desk.repository().sessions().list(user, &asked, chrono::Utc::now()).await?;
        Ok(Page::cut(sessions, filter.limit, |session| session.id))
    }

    /// Checks that an actor may use the pages that a front end makes for a browser, besides that of its own account.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, unless [`web_access`](crate::config::Settings::web_access) is for everyone.
    pub fn may_use_web(&self, actor: &Actor) -> Result<()> {
        let everyone = self.unguarded().settings().web_access == WebAccess::Everyone;
        if everyone && actor.user_id().is_some() {
            return Ok(());
        }
        self.read(actor, Action::WebUse, &Target::none()).map(drop)
    }

    /// Where browsers reach the web pages, if a setting says it.
    pub fn public_url(&self) -> Option<PublicUrl> {
        self.unguarded().settings().public_url.clone()
    }

    /// Ends a login.
    ///
    /// # Errors
    /// `NotFound` if there is none that the actor may see.
    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<()> {
        let looking = self.visible_session(actor, id);
        let session = self.find_or_audit_failure(actor, Action::Logout, format!("session {id}"), looking).await?;
        self.end(actor, &session).await
    }

    async fn visible_session(&self, actor: &Actor, id: SessionId) -> Result<Session> {
        let session = self.lookup(actor)?.session(id).await?;
        let seen = self.allows(actor, Action::SessionRead, &target(&session));
        if seen { Ok(session) } else { Err(Error::not_found(Kind::Session, id)) }
    }

    async fn end(&self, actor: &Actor, session: &Session) -> Result<()> {
        let id = session.id;
        self.change(actor, Action::Logout, target(session), |desk, audit| async move {
            desk.repository().sessions().delete(id, audit).await
        })
        .await
    }
}

/// The account as a login of it stands for it. Where admins need a second factor, one without acts as a user, who can
/// set it up.
fn signed_in(user: &User, session: &Session, needed: SecondFactorUse) -> Actor {
    let User { id, name, role, .. } = user.clone();
    let role = match session.second_factor_at {
        None if needed == SecondFactorUse::Admins => Role::User,
        _ => role,
    };
    let lately = chrono::Utc::now() - SECOND_FACTOR_COUNTS;
    let unconfirmed = user.second_factor && session.second_factor_at.is_none_or(|at| at < lately);
    Actor::User { id, name, role, token: None, unconfirmed }
}

fn target(session: &Session) -> Target {
    Target::of(session.user, format!("session {}", session.id))
}
