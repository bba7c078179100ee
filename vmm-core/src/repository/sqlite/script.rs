//! Named scripts.

use async_trait::async_trait;
use rusqlite::Transaction;

use super::error::Result;
use super::list::List;
use super::record::script::{
    SELECT, SELECT_VERSION, forget_contents, insert, required, script, stored, update, version,
};
use super::row::{Columns, all, execute, exists, first};
use super::store::Store;
use crate::error::{self, Kind};
use crate::model::{
    AuditEntry, Budget, NewScript, Script, ScriptChange, ScriptContent, ScriptFilter, ScriptId, ScriptName,
    ScriptVersion, Sealed, Stored, StoredLogin, UserId,
};
use crate::repository::rules::check_share;
use crate::repository::{ScriptRepository, refusal};

#[async_trait]
impl ScriptRepository for Store {
    async fn create(&self, script: NewScript, limits: Stored, audit: AuditEntry) -> error::Result<Script> {
        let author = audit.actor.clone();
        self.change("registering a script", audit, move |tx| {
            within(tx, script.owner, limits, || insert(tx, &script, &author))
        })
        .await
    }

    async fn by_name(&self, name: &ScriptName) -> error::Result<Option<Script>> {
        let name = name.clone();
        self.read("reading a script", move |connection| {
            first(connection, &format!("{SELECT} WHERE script.name = ?1"), [name.as_str()], script)
        })
        .await
    }

    async fn list(&self, filter: &ScriptFilter) -> error::Result<Vec<Script>> {
        let ScriptFilter { after, limit } = filter.clone();
        self.read("listing scripts", move |connection| {
            List::of(SELECT).only("script.name > ?", after.map(|name| name.to_string())).read(
                connection,
                "script.name",
                limit,
                script,
            )
        })
        .await
    }

    async fn content(&self, sha256: &str) -> error::Result<Option<ScriptContent>> {
        let sha256 = sha256.to_owned();
        self.read("reading a script's text", move |connection| {
            first(connection, "SELECT content FROM script_content WHERE sha256 = ?1", [sha256], |row| {
                Ok(ScriptContent::stored(row.value::<String>("content")?))
            })
        })
        .await
    }

    async fn versions(&self, id: ScriptId) -> error::Result<Vec<ScriptVersion>> {
        self.read("reading a script's versions", move |connection| {
            let sql = format!("{SELECT_VERSION} WHERE script = ?1 ORDER BY number DESC");
            all(connection, &sql, [id.to_string()], version)
        })
        .await
    }

    async fn login(&self, id: ScriptId) -> error::Result<Option<StoredLogin>> {
        self.read("reading a script's login", move |connection| {
            let sql = "SELECT user, password FROM script WHERE id = ?1 AND password IS NOT NULL";
            first(connection, sql, [id.to_string()], |row| {
                Ok(StoredLogin { user: row.value("user")?, password: Sealed::new(row.value::<Vec<u8>>("password")?) })
            })
        })
        .await
    }

    async fn change(
        &self,
        id: ScriptId,
        change: ScriptChange,
        limits: Stored,
        audit: AuditEntry,
    ) -> error::Result<Script> {
        let author = audit.actor.clone();
        self.change("changing a script", audit, move |tx| {
            within(tx, required(tx, id)?.owner, limits, || update(tx, id, &change, &author))
        })
        .await
    }

    async fn delete(&self, id: ScriptId, unless_run: bool, audit: AuditEntry) -> error::Result<()> {
        self.change("removing a script", audit, move |tx| {
            if unless_run && exists(tx, "SELECT 1 FROM run WHERE script = ?1", [id.to_string()])? {
                return Err(refusal::script_has_runs(required(tx, id)?.name).into());
            }
            if execute(tx, "DELETE FROM script WHERE id = ?1", [id.to_string()])? == 0 {
                return Err(error::Error::not_found(Kind::Script, id).into());
            }
            forget_contents(tx)
        })
        .await
    }
}

/// Makes a change of a person's scripts that leaves them within their budgets.
fn within<T>(tx: &Transaction<'_>, owner: UserId, limits: Stored, change: impl FnOnce() -> Result<T>) -> Result<T> {
    let (scripts, bytes) = stored(tx, owner)?;
    let done = change()?;
    let (scripts_after, bytes_after) = stored(tx, owner)?;
    check_share(Budget::Scripts, scripts, scripts_after, limits.scripts)?;
    check_share(Budget::ScriptBytes, bytes, bytes_after, limits.script_bytes)?;
    Ok(done)
}
