//! Logins.

use async_trait::async_trait;

use super::record::{audit, user};
use super::state::SessionRow;
use super::store::Store;
use super::table::page;
use crate::error::{Error, Kind, Result};
use crate::model::{AuditEntry, NewSession, Session, SessionFilter, SessionId, Timestamp, TokenHash, User, UserId};
use crate::repository::SessionRepository;
use crate::repository::rules::{now, stored};

#[async_trait]
impl SessionRepository for Store {
    async fn create(&self, session: NewSession, audit: AuditEntry) -> Result<Session> {
        self.change(&audit, |state| {
            let NewSession { user, token, expires_at, second_factor_at } = session;
            let (user, created_at) = (user::required(state, user)?.id, now());
            state.sessions.remove_if(|row| row.session.user == user && row.session.expires_at <= created_at);
            let id = SessionId(state.sessions.next_id());
            let (expires_at, second_factor_at) = (stored(expires_at), second_factor_at.map(stored));
            let session = Session { id, user, created_at, expires_at, second_factor_at };
            state.sessions.insert(id, SessionRow { session: session.clone(), token });
            Ok(session)
        })
    }

    async fn by_token(&self, token: TokenHash, now: Timestamp) -> Result<Option<(Session, User)>> {
        self.read(|state| {
            let found = state.sessions.find(|row| row.token == token && row.session.expires_at > stored(now));
            let Some(SessionRow { session, .. }) = found else { return Ok(None) };
            let user = user::required(state, session.user)?;
            Ok((!user.disabled).then(|| (session.clone(), user.clone())))
        })
    }

    async fn by_id(&self, id: SessionId) -> Result<Option<Session>> {
        Ok(self.read(|state| state.sessions.get(&id).map(|row| row.session.clone())))
    }

    async fn list(&self, user: UserId, filter: &SessionFilter, now: Timestamp) -> Result<Vec<Session>> {
        let SessionFilter { after, limit } = filter;
        let is_wanted = |session: &&Session| {
            session.user == user && session.expires_at > stored(now) && after.is_none_or(|after| session.id > after)
        };
        Ok(self.read(|state| page(state.sessions.values().map(|row| &row.session).filter(is_wanted).cloned(), *limit)))
    }

    async fn confirm(&self, id: SessionId, at: Timestamp, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let row = state.sessions.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Session, id))?;
            row.session.second_factor_at = Some(stored(at));
            Ok(())
        })
    }

    async fn delete(&self, id: SessionId, audit: AuditEntry) -> Result<()> {
        let key = self.audit_key()?;
        self.write(|state| {
            if state.sessions.remove(&id) {
                audit::append(state, key, &audit)?;
            }
            Ok(())
        })
    }
}
