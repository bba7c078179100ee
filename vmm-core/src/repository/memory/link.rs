//! Codes that bind a chat to an account.

use async_trait::async_trait;

use super::record::user;
use super::state::{LinkCodeRow, State};
use super::store::Store;
use crate::error::{Error, Kind, Result};
use crate::model::{AuditEntry, NewLinkCode, Timestamp, TokenHash, User, UserChange};
use crate::repository::LinkRepository;
use crate::repository::rules::stored;

#[async_trait]
impl LinkRepository for Store {
    async fn create(&self, code: NewLinkCode, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            let NewLinkCode { user, hash, expires_at } = code;
            let user = user::required(state, user)?.id;
            state.link_codes.insert(user, LinkCodeRow { hash, expires_at: stored(expires_at) });
            Ok(())
        })
    }

    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<User>> {
        Ok(self.read(|state| by_hash(state, hash, now).cloned()))
    }

    async fn redeem(&self, hash: TokenHash, chat: i64, now: Timestamp, audit: AuditEntry) -> Result<User> {
        self.change(&audit, |state| {
            let user = by_hash(state, hash, now).ok_or_else(|| Error::not_found(Kind::LinkCode, "given"))?.id;
            state.link_codes.remove(&user);
            user::update(state, user, UserChange { chat_id: Some(Some(chat)), ..UserChange::default() })
        })
    }
}

fn by_hash(state: &State, hash: TokenHash, now: Timestamp) -> Option<&User> {
    let now = stored(now);
    let (owner, _) = state.link_codes.iter().find(|(_, code)| code.hash == hash && code.expires_at > now)?;
    user::by_id(state, *owner).filter(|user| !user.disabled)
}
