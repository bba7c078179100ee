//! Accounts.

use async_trait::async_trait;
use rusqlite::Transaction;

use super::error::Result;
use super::file;
use super::list::List;
use super::record::user::{insert, refuse_last_admin, required, update, user};
use super::record::{request, script};
use super::row::{Columns, execute, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, NewUser, PasswordHash, Revision, Stored, User, UserChange, UserFilter, UserId, UserName,
};
use crate::repository::rules::expected;
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
