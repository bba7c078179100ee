//! Logins.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::error::Result;
use super::list::List;
use super::record::{audit, user};
use super::row::{Columns, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{AuditEntry, NewSession, Session, SessionFilter, SessionId, Timestamp, TokenHash, User, UserId};
use crate::repository::SessionRepository;
use crate::repository::rules::{now, stored};

const SELECT: &str = "SELECT id, user, created_at, expires_at, second_factor_at FROM session";

#[async_trait]
impl SessionRepository for Store {
    async fn create(&self, session: NewSession, audit: AuditEntry) -> error::Result<Session> {
        self.change("recording a login", audit, move |tx| {
            let NewSession { user, token, expires_at, second_factor_at } = session;
            let (user, created_at) = (user::required(tx, user)?.id, now());
            let (expires_at, second_factor_at) = (stored(expires_at), second_factor_at.map(stored));
            execute(
                tx,
                "DELETE FROM session WHERE user = ?1 AND expires_at <= ?2",
                params![user.0, created_at.timestamp_micros()],
            )?;
            execute(
                tx,
                "INSERT INTO session (user, token_hash, created_at, expires_at, second_factor_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    user.0,
                    token.0,
                    created_at.timestamp_micros(),
                    expires_at.timestamp_micros(),
                    second_factor_at.map(|at| at.timestamp_micros())
                ],
            )?;
            Ok(Session { id: SessionId(tx.last_insert_rowid()), user, created_at, expires_at, second_factor_at })
        })
        .await
    }

    async fn by_token(&self, token: TokenHash, now: Timestamp) -> error::Result<Option<(Session, User)>> {
        self.read("reading a login", move |connection| {
            let found = first(
                connection,
                &format!("{SELECT} WHERE token_hash = ?1 AND expires_at > ?2"),
                params![token.0, now.timestamp_micros()],
                session,
            )?;
            let Some(session) = found else { return Ok(None) };
            let user = user::required(connection, session.user)?;
            Ok((!user.disabled).then_some((session, user)))
        })
        .await
    }

    async fn by_id(&self, id: SessionId) -> error::Result<Option<Session>> {
        self.read("reading a login", move |connection| {
            first(connection, &format!("{SELECT} WHERE id = ?1"), [id.0], session)
        })
        .await
    }

    async fn list(&self, user: UserId, filter: &SessionFilter, now: Timestamp) -> error::Result<Vec<Session>> {
        let SessionFilter { after, limit } = filter.clone();
        self.read("listing logins", move |connection| {
            List::of(SELECT)
                .only("user = ?", Some(user.0))
                .only("expires_at > ?", Some(now.timestamp_micros()))
                .only("id > ?", after.map(|id| id.0))
                .read(connection, "id", limit, session)
        })
        .await
    }

    async fn confirm(&self, id: SessionId, at: Timestamp, audit: AuditEntry) -> error::Result<()> {
        self.change("confirming a login", audit, move |tx| {
            let sql = "UPDATE session SET second_factor_at = ?2 WHERE id = ?1";
            if execute(tx, sql, params![id.0, at.timestamp_micros()])? == 0 {
                return Err(error::Error::not_found(Kind::Session, id).into());
            }
            Ok(())
        })
        .await
    }

    async fn delete(&self, id: SessionId, audit: AuditEntry) -> error::Result<()> {
        let key = self.audit_key()?.clone();
        self.write("ending a login", move |tx| {
            if execute(tx, "DELETE FROM session WHERE id = ?1", [id.0])? > 0 {
                audit::append(tx, &key, &audit)?;
            }
            Ok(())
        })
        .await
    }
}

fn session(row: &Row<'_>) -> Result<Session> {
    Ok(Session {
        id: SessionId(row.value("id")?),
        user: UserId(row.value("user")?),
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        second_factor_at: row.time_opt("second_factor_at")?,
    })
}
