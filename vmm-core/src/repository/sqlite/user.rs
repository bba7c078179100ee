//! Accounts.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::{Error, Result};
use super::list::List;
use super::row::{Columns, execute, exists, first};
use super::store::Store;
use super::{file, request, script};
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, NewUser, PasswordHash, Revision, Role, Stored, User, UserChange, UserFilter, UserId, UserName,
};
use crate::repository::rules::{ends_sessions, expected, is_enabled_admin, now};
use crate::repository::{UserRepository, refusal};

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

    async fn by_chat(&self, chat: i64) -> error::Result<Option<User>> {
        self.read("reading an account", move |connection| {
            first(connection, "SELECT * FROM user WHERE chat_id = ?1", [chat], user)
        })
        .await
    }

    async fn list(&self, filter: &UserFilter) -> error::Result<Vec<User>> {
        let UserFilter { role, disabled, name_prefix, after, limit } = filter.clone();
        self.read("listing accounts", move |connection| {
            List::of("SELECT * FROM user")
                .only("role = ?", role.map(|role| role.as_str().to_owned()))
                .only("disabled = ?", disabled)
                .named("name", name_prefix.as_ref())
                .only("name > ?", after.map(|name| name.to_string()))
                .read(connection, "name", limit, user)
        })
        .await
    }

    async fn stored(&self, id: UserId) -> error::Result<Stored> {
        self.read("counting what an account has", move |connection| {
            let (files, file_bytes) = file::stored(connection, id)?;
            let (scripts, script_bytes) = script::stored(connection, id)?;
            let open_requests = request::open(connection, id)?;
            Ok(Stored { files, file_bytes, scripts, script_bytes, open_requests })
        })
        .await
    }

    async fn password(&self, id: UserId) -> error::Result<Option<PasswordHash>> {
        self.read("reading a password's hash", move |connection| {
            first(connection, "SELECT password FROM user WHERE id = ?1", [id.0], |row| {
                Ok(PasswordHash::new(row.value::<String>("password")?))
            })
        })
        .await
    }

    async fn update(
        &self,
        id: UserId,
        change: UserChange,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> error::Result<User> {
        self.change("changing an account", audit, move |tx| {
            let user = required(tx, id)?;
            expected(Kind::User, &user.name, user.revision, expect)?;
            update(tx, &user, change)
        })
        .await
    }

    async fn delete(&self, id: UserId, expect: Option<Revision>, audit: AuditEntry) -> error::Result<()> {
        self.change("removing an account", audit, move |tx| {
            let user = required(tx, id)?;
            expected(Kind::User, &user.name, user.revision, expect)?;
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
        disabled: row.value("disabled")?,
        revision: Revision(row.value("revision")?),
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
        Err(error) if error.is_taken() => Err(taken(tx, None, name, *chat_id)?),
        Err(error) => Err(error),
    }
}

pub(super) fn update(tx: &Transaction<'_>, user: &User, change: UserChange) -> Result<User> {
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

fn refuse_while_named(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let refusal = if let Some(vm) = name_of(tx, "SELECT name FROM vm WHERE user = ?1 ORDER BY id LIMIT 1", user.id)? {
        refusal::user_has_vm(&user.name, vm)
    } else if let Some(request) = name_of(
        tx,
        "SELECT id AS name FROM request WHERE requester = ?1 OR decided_by = ?1 ORDER BY number LIMIT 1",
        user.id,
    )? {
        refusal::user_has_request(&user.name, request)
    } else if let Some(script) = script::of_owner(tx, user.id)? {
        refusal::user_has_script(&user.name, script)
    } else {
        return Ok(());
    };
    Err(refusal.into())
}

fn name_of(tx: &Transaction<'_>, sql: &str, user: UserId) -> Result<Option<String>> {
    first(tx, sql, [user.0], |row| row.value("name"))
}

/// Without an admin who can log in nobody could ever make another one.
fn refuse_last_admin(tx: &Transaction<'_>, user: &User) -> Result<()> {
    let another = "SELECT 1 FROM user WHERE role = 'admin' AND NOT disabled AND id <> ?1";
    if is_enabled_admin(user) && !exists(tx, another, [user.id.0])? {
        return Err(refusal::last_admin(&user.name).into());
    }
    Ok(())
}
