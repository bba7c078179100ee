//! API tokens.

use async_trait::async_trait;

use super::record::user;
use super::run;
use super::state::{State, TokenRow};
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Access, AuditEntry, NewToken, RevokedAccess, Timestamp, Token, TokenHash, TokenId, TokenName, User, UserChange,
    UserId,
};
use crate::repository::rules::{now, stored};
use crate::repository::{MOST_TOKENS, TokenRepository, refusal};

#[async_trait]
impl TokenRepository for Store {
    async fn create(&self, token: NewToken, audit: AuditEntry) -> Result<Token> {
        self.change(&audit, |state| insert(state, token))
    }

    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<(Token, User)>> {
        self.read(|state| {
            let found = state.tokens.find(|row| row.hash == hash && row.token.expires_at > stored(now));
            let Some(TokenRow { token, .. }) = found else { return Ok(None) };
            let user = user::required(state, token.user)?;
            Ok((!user.disabled).then(|| (token.clone(), user.clone())))
        })
    }

    async fn list(&self, user: UserId) -> Result<Vec<Token>> {
        let mut tokens: Vec<_> = self.read(|state| of_user(state, user).cloned().collect());
        tokens.sort_by(|one, next| one.name.cmp(&next.name));
        Ok(tokens)
    }

    async fn used(&self, id: TokenId, at: Timestamp) -> Result<()> {
        self.write(|state| {
            if let Some(row) = state.tokens.get_mut(&id) {
                row.token.last_used_at = Some(stored(at));
            }
            Ok(())
        })
    }

    async fn delete(&self, user: UserId, name: &TokenName, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let removed = state.tokens.remove_if(|row| row.token.user == user && row.token.name == *name);
            if removed { Ok(()) } else { Err(Error::not_found(Kind::Token, name)) }
        })
    }

    async fn revoke_access(&self, user: UserId, everything: bool, audit: AuditEntry) -> Result<RevokedAccess> {
        self.change(&audit, |state| {
            let before = access(state, user::required(state, user)?);
            state.tokens.remove_if(|row| row.token.user == user);
            state.sessions.remove_if(|row| row.session.user == user);
            state.link_codes.remove(&user);
            if everything {
                if before.chat_id.is_some() {
                    user::update(state, user, UserChange { chat_id: Some(None), ..UserChange::default() })?;
                }
                let disable = |schedule: &mut crate::model::Schedule| {
                    (schedule.enabled, schedule.next_at) = (false, None);
                };
                state.schedules.change_if(|schedule| schedule.made_by == user, disable);
                before.runs.iter().for_each(|run| run::cancel(state, *run));
            }
            Ok(revoked(before, everything))
        })
    }
}

/// Returns what of an account's access has ended and what is left.
fn revoked(before: Access, everything: bool) -> RevokedAccess {
    if everything {
        return RevokedAccess { ended: before, left: Access::default() };
    }
    let left = Access { sessions: 0, tokens: Vec::new(), link_code: false, ..before.clone() };
    let Access { sessions, tokens, link_code, .. } = before;
    RevokedAccess { ended: Access { sessions, tokens, link_code, ..Access::default() }, left }
}

/// Returns what reaches an account.
fn access(state: &State, user: &User) -> Access {
    let (id, now) = (user.id, now());
    let mut tokens: Vec<_> =
        of_user(state, id).filter(|token| token.expires_at > now).map(|token| token.name.clone()).collect();
    tokens.sort();
    let sessions = state.sessions.keys_of(|row| row.session.user == id && row.session.expires_at > now);
    Access {
        sessions: sessions.len() as u64,
        tokens,
        link_code: state.link_codes.get(&id).is_some_and(|code| code.expires_at > now),
        chat_id: user.chat_id,
        schedules: state.schedules.keys_of(|schedule| schedule.made_by == id && schedule.enabled),
        runs: state.runs.keys_of(|row| row.run.user == Some(id) && !row.run.state.is_final()),
    }
}

fn of_user(state: &State, user: UserId) -> impl Iterator<Item = &Token> {
    state.tokens.values().map(|row| &row.token).filter(move |token| token.user == user)
}

fn insert(state: &mut State, new: NewToken) -> Result<Token> {
    let NewToken { user, name, hash, expires_at } = new;
    let (user, created_at, expires_at) = (user::required(state, user)?.id, now(), stored(expires_at));
    state.tokens.remove_if(|row| row.token.user == user && row.token.expires_at <= created_at);
    if of_user(state, user).count() >= MOST_TOKENS as usize {
        return Err(refusal::too_many_tokens(&name));
    }
    if state.tokens.find(|row| row.hash == hash || row.token.user == user && row.token.name == name).is_some() {
        return Err(refusal::token_name_taken(&name));
    }
    let id = TokenId(state.tokens.next_id());
    let token = Token { id, user, name, created_at, expires_at, last_used_at: None };
    state.tokens.insert(id, TokenRow { token: token.clone(), hash });
    Ok(token)
}
