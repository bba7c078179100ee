//! Accounts.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::{Error, Result};
use super::row::{Columns, all, execute, exists, first, now};
use super::script;
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{AuditEntry, NewUser, PasswordHash, Role, User, UserId, UserName};
use crate::repository::UserRepository;

#[async_trait]
impl UserRepository for Store {
    async fn create(&self, user: NewUser, audit: AuditEntry) -> error::Result<User> {
        self.change("making an account", audit, move |tx| insert(tx, &user)).await
    }

    async fn by_id(&self, id: UserId) -> error::Result<Option<User>> {
        self.read("reading an account", move |connection| {
            first(connection, "SELECT * FROM user WHERE id = ?1", [id.0], user)
        })
        .await
    }

    async fn by_name(&self, name: &UserName) -> error::Result<Option<User>> {
        let name = name.clone();
        self.read("reading an account", move |connection| {
            first(connection, "SELECT * FROM user WHERE name = ?1", [name.as_str()], user)
        })
        .await
    }

    async fn list(&self) -> error::Result<Vec<User>> {
        self.read("listing accounts", |connection| all(connection, "SELECT * FROM user ORDER BY name", [], user)).await
    }

    async fn password(&self, id: UserId) -> error::Result<Option<PasswordHash>> {
        self.read("reading a password's hash", move |connection| {
            first(connection, "SELECT password FROM user WHERE id = ?1", [id.0], |row| {
                Ok(PasswordHash::new(row.value::<String>("password")?))
            })
        })
        .await
    }

    async fn set_password(&self, id: UserId, password: PasswordHash, audit: AuditEntry) -> error::Result<()> {
        self.change("setting a password", audit, move |tx| {
            let changed = execute(tx, "UPDATE user SET password = ?1 WHERE id = ?2", params![password.as_str(), id.0])?;
            if changed == 0 {
                return Err(error::Error::not_found(Kind::User, id).into());
            }
            execute(tx, "DELETE FROM session WHERE user = ?1", [id.0])?;
            Ok(())
        })
        .await
    }

    async fn delete(&self, id: UserId, audit: AuditEntry) -> error::Result<()> {
        self.change("removing an account", audit, move |tx| {
            let user = required(tx, id)?;
            refuse_while_named(tx, &user)?;
            refuse_last_admin(tx, &user)?;
            execute(tx, "DELETE FROM user WHERE id = ?1", [id.0])?;
            Ok(())
        })
        .await
    }
}

/// The account of this id, which must be there.
pub(super) fn required(connection: &Connection, id: UserId) -> Result<User> {
    first(connection, "SELECT * FROM user WHERE id = ?1", [id.0], user)?
        .ok_or_else(|| error::Error::not_found(Kind::User, id).into())
}

pub(super) fn user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: UserId(row.value("id")?),
        name: row.parsed("name")?,
        chat_id: row.value("chat_id")?,
        role: row.parsed("role")?,
        created_at: row.time("created_at")?,
    })
}

fn insert(tx: &Transaction<'_>, new: &NewUser) -> Result<User> {
    let NewUser { name, password, chat_id, role } = new;
    let created_at = now();
    let inserted = execute(
        tx,
        "INSERT INTO user (name, password, chat_id, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name.as_str(), password.as_str(), chat_id, role.as_str(), created_at.timestamp_micros()],
    );
    match inserted {
        Ok(_) => required(tx, UserId(tx.last_insert_rowid())),
        Err(error) if error.is_taken() => Err(taken(tx, new)?),
        Err(error) => Err(error),
    }
}

fn taken(tx: &Transaction<'_>, new: &NewUser) -> Result<Error> {
    let holder: Option<UserName> = first(
        tx,
        "SELECT name FROM user WHERE chat_id = ?1 AND name <> ?2",
        params![new.chat_id, new.name.as_str()],
        |row| row.parsed("name"),
    )?;
    let reason = match holder {
        Some(holder) if !exists(tx, "SELECT 1 FROM user WHERE name = ?1", [new.name.as_str()])? => {
            format!("the chat is already bound to user {holder}")
        }
        _ => "the name is taken; choose another one".to_owned(),
    };
    Ok(error::Error::conflict(Kind::User, &new.name, reason).into())
}

fn refuse_while_named(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let reason = if let Some(vm) = name_of(tx, "SELECT name FROM vm WHERE user = ?1 ORDER BY id LIMIT 1", user.id)? {
        format!("is responsible for vm {vm}; remove it first")
    } else if let Some(request) = name_of(
        tx,
        "SELECT id AS name FROM request WHERE requester = ?1 OR decided_by = ?1 ORDER BY number LIMIT 1",
        user.id,
    )? {
        format!("is named by request {request}, whose record stays")
    } else if let Some(script) = script::of_owner(tx, user.id)? {
        format!("owns script {script}; remove it first")
    } else {
        return Ok(());
    };
    Err(error::Error::conflict(Kind::User, &user.name, reason).into())
}

fn name_of(tx: &Transaction<'_>, sql: &str, user: UserId) -> Result<Option<String>> {
    first(tx, sql, [user.0], |row| row.value("name"))
}

fn refuse_last_admin(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let another = "SELECT 1 FROM user WHERE role = 'admin' AND id <> ?1";
    if user.role == Role::Admin && !exists(tx, another, [user.id.0])? {
        let reason = "is the last admin; make another one first";
        return Err(error::Error::conflict(Kind::User, &user.name, reason).into());
    }
    Ok(())
}
