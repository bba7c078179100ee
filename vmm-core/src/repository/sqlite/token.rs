//! API tokens.

use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::error::Result;
use super::record::user;
use super::row::{Columns, all, execute, exists, first};
use super::run;
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    Access, AuditEntry, NewToken, RevokedAccess, RunId, ScheduleId, Timestamp, Token, TokenHash, TokenId, TokenName,
    User, UserChange, UserId,
};
use crate::repository::rules::{now, stored};
use crate::repository::{MOST_TOKENS, TokenRepository, refusal};

#[async_trait]
impl TokenRepository for Store {
    async fn create(&self, token: NewToken, audit: AuditEntry) -> error::Result<Token> {
        self.change("recording a token", audit, move |tx| insert(tx, token)).await
    }

    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> error::Result<Option<(Token, User)>> {
        self.read("reading a token", move |connection| {
            let sql = "SELECT * FROM token WHERE hash = ?1 AND expires_at > ?2";
            let Some(token) = first(connection, sql, params![hash.0, now.timestamp_micros()], token)? else {
                return Ok(None);
            };
            let user = user::required(connection, token.user)?;
            Ok((!user.disabled).then_some((token, user)))
        })
        .await
    }

    async fn list(&self, user: UserId) -> error::Result<Vec<Token>> {
        self.read("listing tokens", move |connection| {
            all(connection, "SELECT * FROM token WHERE user = ?1 ORDER BY name", [user.0], token)
        })
        .await
    }

    async fn used(&self, id: TokenId, at: Timestamp) -> error::Result<()> {
        self.write("recording the use of a token", move |tx| {
            execute(tx, "UPDATE token SET last_used_at = ?2 WHERE id = ?1", params![id.0, at.timestamp_micros()])
                .map(drop)
        })
        .await
    }

    async fn delete(&self, user: UserId, name: &TokenName, audit: AuditEntry) -> error::Result<()> {
        let name = name.clone();
        self.change("removing a token", audit, move |tx| {
            let removed =
                execute(tx, "DELETE FROM token WHERE user = ?1 AND name = ?2", params![user.0, name.as_str()])?;
            if removed == 0 { Err(error::Error::not_found(Kind::Token, name).into()) } else { Ok(()) }
        })
        .await
    }

    async fn revoke_access(&self, user: UserId, everything: bool, audit: AuditEntry) -> error::Result<RevokedAccess> {
        self.change("removing what gives access", audit, move |tx| {
            let account = user::required(tx, user)?;
            let before = access(tx, &account)?;
            for table in ["token", "session", "link_code"] {
                execute(tx, &format!("DELETE FROM {table} WHERE user = ?1"), [user.0])?;
            }
            if everything {
                if account.chat_id.is_some() {
                    user::update(tx, &account, UserChange { chat_id: Some(None), ..UserChange::default() })?;
                }
                execute(tx, "UPDATE schedule SET enabled = 0, next_at = NULL WHERE made_by = ?1", [user.0])?;
                before.runs.iter().try_for_each(|run| run::cancel(tx, *run))?;
            }
            let rest = Access { sessions: 0, tokens: Vec::new(), link_code: false, ..before.clone() };
            let nothing = Access::default();
            let (ended, left) = if everything {
                (before, nothing)
            } else {
                let Access { sessions, tokens, link_code, .. } = before;
                (Access { sessions, tokens, link_code, ..nothing }, rest)
            };
            Ok(RevokedAccess { ended, left })
        })
        .await
    }
}

/// The ways into an account.
fn access(tx: &Transaction<'_>, user: &User) -> Result<Access> {
    let (id, now) = (user.id.0, now().timestamp_micros());
    let sessions: i64 =
        tx.query_row("SELECT count(*) FROM session WHERE user = ?1 AND expires_at > ?2", [id, now], |row| row.get(0))?;
    let code = "SELECT 1 FROM link_code WHERE user = ?1 AND expires_at > ?2";
    let tokens = "SELECT name FROM token WHERE user = ?1 AND expires_at > ?2 ORDER BY name";
    let schedules = "SELECT id FROM schedule WHERE made_by = ?1 AND enabled ORDER BY id";
    let runs = "SELECT id FROM run WHERE user = ?1 AND state IN ('queued', 'running') ORDER BY id";
    Ok(Access {
        sessions: u64::try_from(sessions).unwrap_or_default(),
        tokens: all(tx, tokens, [id, now], |row| row.parsed("name"))?,
        link_code: exists(tx, code, [id, now])?,
        chat_id: user.chat_id,
        schedules: all(tx, schedules, [id], |row| Ok(ScheduleId(row.value("id")?)))?,
        runs: all(tx, runs, [id], |row| Ok(RunId(row.value("id")?)))?,
    })
}

fn insert(tx: &Transaction<'_>, new: NewToken) -> Result<Token> {
    let NewToken { user, name, hash, expires_at } = new;
    let (user, created_at, expires_at) = (user::required(tx, user)?.id, now(), stored(expires_at));
    let expired = "DELETE FROM token WHERE user = ?1 AND expires_at <= ?2";
    execute(tx, expired, params![user.0, created_at.timestamp_micros()])?;
    let count: i64 = tx.query_row("SELECT count(*) FROM token WHERE user = ?1", [user.0], |row| row.get(0))?;
    if count >= i64::from(MOST_TOKENS) {
        return Err(refusal::too_many_tokens(&name).into());
    }
    let inserted = execute(
        tx,
        "INSERT INTO token (user, name, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![user.0, name.as_str(), hash.0, created_at.timestamp_micros(), expires_at.timestamp_micros()],
    );
    match inserted {
        Ok(_) => {
            let id = TokenId(tx.last_insert_rowid());
            Ok(Token { id, user, name, created_at, expires_at, last_used_at: None })
        }
        Err(error) if error.is_taken() => Err(refusal::token_name_taken(&name).into()),
        Err(error) => Err(error),
    }
}

fn token(row: &Row<'_>) -> Result<Token> {
    Ok(Token {
        id: TokenId(row.value("id")?),
        user: UserId(row.value("user")?),
        name: row.parsed("name")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        last_used_at: row.time_opt("last_used_at")?,
    })
}
