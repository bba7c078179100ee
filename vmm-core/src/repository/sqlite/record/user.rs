//! Records of accounts.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::{Error, Result};
use super::super::row::{Columns, execute, exists, first};
use crate::error::{self, Kind};
use crate::model::{NewUser, PasswordHash, Revision, Role, User, UserChange, UserId, UserName};
use crate::repository::refusal;
use crate::repository::rules::{ends_sessions, is_enabled_admin, now};

/// The account of this id, which must be there.
pub(in super::super) fn required(connection: &Connection, id: UserId) -> Result<User> {
    first(connection, "SELECT * FROM user WHERE id = ?1", [id.0], user)?
        .ok_or_else(|| error::Error::not_found(Kind::User, id).into())
}

pub(in super::super) fn user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: UserId(row.value("id")?),
        name: row.parsed("name")?,
        chat_id: row.value("chat_id")?,
        role: row.parsed("role")?,
        disabled: row.value("disabled")?,
        second_factor: row.value("second_factor")?,
        revision: Revision(row.value("revision")?),
        created_at: row.time("created_at")?,
    })
}

pub(in super::super) fn insert(tx: &Transaction<'_>, new: &NewUser) -> Result<User> {
    let NewUser { name, password, chat_id, role } = new;
    let created_at = now();
    let inserted = execute(
        tx,
        "INSERT INTO user (name, password, chat_id, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name.as_str(), password.as_str(), chat_id, role.as_str(), created_at.timestamp_micros()],
    );
    match inserted {
        Ok(_) => required(tx, UserId(tx.last_insert_rowid())),
        Err(error) if error.is_taken() => Err(taken(tx, None, name, *chat_id)?),
        Err(error) => Err(error),
    }
}

pub(in super::super) fn update(tx: &Transaction<'_>, user: &User, change: UserChange) -> Result<User> {
    let ends_sessions = ends_sessions(user, &change);
    let UserChange { name, password, chat_id, role, disabled } = change;
    let (name, chat_id) = (name.as_ref().unwrap_or(&user.name), chat_id.unwrap_or(user.chat_id));
    let (role, disabled) = (role.unwrap_or(user.role), disabled.unwrap_or(user.disabled));
    if role != Role::Admin || disabled {
        refuse_last_admin(tx, user)?;
    }
    let updated = execute(
        tx,
        "UPDATE user SET name = ?2, password = coalesce(?3, password), chat_id = ?4, role = ?5, disabled = ?6,
                         revision = revision + 1
         WHERE id = ?1",
        params![
            user.id.0,
            name.as_str(),
            password.as_ref().map(PasswordHash::as_str),
            chat_id,
            role.as_str(),
            disabled
        ],
    );
    match updated {
        Ok(_) => {}
        Err(error) if error.is_taken() => return Err(taken(tx, Some(user.id), name, chat_id)?),
        Err(error) => return Err(error),
    }
    if ends_sessions {
        execute(tx, "DELETE FROM session WHERE user = ?1", [user.id.0])?;
    }
    required(tx, user.id)
}

/// Says which value is taken by another account than `own`.
fn taken(tx: &Transaction<'_>, own: Option<UserId>, name: &UserName, chat_id: Option<i64>) -> Result<Error> {
    let own = own.map_or(0, |id| id.0);
    if exists(tx, "SELECT 1 FROM user WHERE name = ?1 AND id <> ?2", params![name.as_str(), own])? {
        return Ok(refusal::name_taken(Kind::User, name).into());
    }
    let holder: Option<String> =
        first(tx, "SELECT name FROM user WHERE chat_id = ?1", [chat_id], |row| row.value("name"))?;
    Ok(refusal::chat_bound(name, holder.unwrap_or_default()).into())
}

/// Without an admin who can log in nobody could ever make another one.
pub(in super::super) fn refuse_last_admin(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let another = "SELECT 1 FROM user WHERE role = 'admin' AND NOT disabled AND id <> ?1";
    if is_enabled_admin(user) && !exists(tx, another, [user.id.0])? {
        return Err(refusal::last_admin(&user.name).into());
    }
    Ok(())
}
