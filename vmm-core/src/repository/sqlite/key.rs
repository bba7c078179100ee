//! The secrets that are sealed with the master key.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::error::Result;
use super::row::{Columns, all, execute, first};
use super::second_factor;
use super::store::Store;
use crate::error;
use crate::model::{AuditEntry, Resealed, ScriptId, Sealed, UserId};
use crate::repository::{KeyRepository, refusal};

#[async_trait]
impl KeyRepository for Store {
    async fn machines_secret(&self) -> error::Result<Option<Sealed>> {
        self.read("reading the machines' secret", kept).await
    }

    async fn keep_machines_secret(&self, secret: Sealed) -> error::Result<Sealed> {
        self.write("keeping the machines' secret", move |tx| {
            let sql = "UPDATE desk SET machines_secret = ?1 WHERE machines_secret IS NULL";
            execute(tx, sql, [secret.as_bytes()])?;
            Ok(kept(tx)?.unwrap_or(secret))
        })
        .await
    }

    async fn passwords(&self) -> error::Result<Vec<(ScriptId, Sealed)>> {
        self.read("reading sealed passwords", passwords).await
    }

    async fn second_factors(&self) -> error::Result<Vec<(UserId, Sealed)>> {
        self.read("reading sealed second factors", second_factor::secrets).await
    }

    async fn replace(&self, resealed: Resealed, audit: AuditEntry) -> error::Result<()> {
        self.change("replacing what is sealed", audit, move |tx| {
            let Resealed { was, machines_secret, passwords: new, second_factors } = &resealed;
            let same_scripts = passwords(tx)?.iter().map(|(id, _)| id).eq(new.iter().map(|(id, _)| id));
            let present = second_factor::secrets(tx)?;
            let same_accounts = present.iter().map(|(user, _)| user).eq(second_factors.iter().map(|(user, _)| user));
            if kept(tx)?.as_ref() != Some(was) || !same_scripts || !same_accounts {
                return Err(refusal::sealed_meanwhile().into());
            }
            execute(tx, "UPDATE desk SET machines_secret = ?1", [machines_secret.as_bytes()])?;
            for (id, password) in new {
                let sql = "UPDATE script SET password = ?2 WHERE id = ?1";
                execute(tx, sql, params![id.to_string(), password.as_bytes()])?;
            }
            for (user, secret) in second_factors {
                let sql = "UPDATE second_factor SET secret = ?2 WHERE user = ?1";
                execute(tx, sql, params![user.0, secret.as_bytes()])?;
            }
            Ok(())
        })
        .await
    }
}

fn kept(connection: &Connection) -> Result<Option<Sealed>> {
    let secret = first(connection, "SELECT machines_secret FROM desk", [], |row| {
        Ok(row.value::<Option<Vec<u8>>>("machines_secret")?.map(Sealed::new))
    })?;
    Ok(secret.flatten())
}

fn passwords(connection: &Connection) -> Result<Vec<(ScriptId, Sealed)>> {
    all(connection, "SELECT id, password FROM script WHERE password IS NOT NULL ORDER BY id", [], |row| {
        Ok((ScriptId(row.parsed("id")?), Sealed::new(row.value::<Vec<u8>>("password")?)))
    })
}
