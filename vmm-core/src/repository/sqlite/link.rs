//! Codes that bind a chat to an account.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::error::Result;
use super::record::user;
use super::row::{Columns, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{AuditEntry, NewLinkCode, Timestamp, TokenHash, User, UserChange, UserId};
use crate::repository::LinkRepository;
use crate::repository::rules::stored;

#[async_trait]
impl LinkRepository for Store {
    async fn create(&self, code: NewLinkCode, audit: AuditEntry) -> error::Result<()> {
        self.change("recording a link code", audit, move |tx| {
            let user = user::required(tx, code.user)?.id;
            execute(
                tx,
                "INSERT INTO link_code (user, hash, expires_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
                params![user.0, code.hash.0, stored(code.expires_at).timestamp_micros()],
            )
            .map(drop)
        })
        .await
    }

    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> error::Result<Option<User>> {
        self.read("reading a link code", move |connection| by_hash(connection, hash, now)).await
    }

    async fn redeem(&self, hash: TokenHash, chat: i64, now: Timestamp, audit: AuditEntry) -> error::Result<User> {
        self.change("binding a chat", audit, move |tx| {
            let user = by_hash(tx, hash, now)?.ok_or_else(|| error::Error::not_found(Kind::LinkCode, "given"))?;
            execute(tx, "DELETE FROM link_code WHERE user = ?1", [user.id.0])?;
            user::update(tx, &user, UserChange { chat_id: Some(Some(chat)), ..UserChange::default() })
        })
        .await
    }
}

fn by_hash(connection: &Connection, hash: TokenHash, now: Timestamp) -> Result<Option<User>> {
    let sql = "SELECT user FROM link_code WHERE hash = ?1 AND expires_at > ?2";
    let owner = first(connection, sql, params![hash.0, now.timestamp_micros()], |row| Ok(UserId(row.value("user")?)))?;
    let Some(owner) = owner else { return Ok(None) };
    Ok(Some(user::required(connection, owner)?).filter(|user| !user.disabled))
}
