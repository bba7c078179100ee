//! Named scripts.

use async_trait::async_trait;

use super::record::schedule;
use super::record::script::{forget_contents, insert, is_same, required, shown, stored, update};
use super::state::{ScriptRow, State};
use super::store::Store;
use super::table::{folded, page};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Budget, NewScript, Script, ScriptChange, ScriptContent, ScriptFilter, ScriptId, ScriptName,
    ScriptVersion, Stored, StoredLogin, UserId,
};
use crate::repository::rules::check_share;
use crate::repository::{ScriptRepository, refusal};

#[async_trait]
impl ScriptRepository for Store {
    async fn create(&self, script: NewScript, limits: Stored, audit: AuditEntry) -> Result<Script> {
        self.change(&audit, |state| within(state, script.owner, limits, |state| insert(state, script, &audit.actor)))
    }

    async fn by_name(&self, name: &ScriptName) -> Result<Option<Script>> {
        Ok(self.read(|state| shown(state, state.scripts.find(|row| is_same(&row.script.name, name))?)))
    }

    async fn list(&self, filter: &ScriptFilter) -> Result<Vec<Script>> {
        let ScriptFilter { after, limit } = filter;
        let after = after.as_ref().map(folded);
        Ok(self.read(|state| {
            let is_behind = |row: &&ScriptRow| after.as_ref().is_none_or(|after| folded(&row.script.name) > *after);
            let mut rows: Vec<_> = state.scripts.values().filter(is_behind).collect();
            rows.sort_by_key(|row| folded(&row.script.name));
            page(rows.into_iter().filter_map(|row| shown(state, row)), *limit)
        }))
    }

    async fn content(&self, sha256: &str) -> Result<Option<ScriptContent>> {
        Ok(self.read(|state| state.contents.get(&sha256.to_owned()).cloned()))
    }

    async fn versions(&self, id: ScriptId) -> Result<Vec<ScriptVersion>> {
        Ok(self.read(|state| {
            let row = state.scripts.get(&id.0);
            row.map(|row| row.versions.values().rev().cloned().collect()).unwrap_or_default()
        }))
    }

    async fn login(&self, id: ScriptId) -> Result<Option<StoredLogin>> {
        Ok(self.read(|state| state.scripts.get(&id.0).and_then(|row| row.login.clone())))
    }

    async fn change(&self, id: ScriptId, change: ScriptChange, limits: Stored, audit: AuditEntry) -> Result<Script> {
        self.change(&audit, |state| {
            let owner = required(state, id)?.owner;
            within(state, owner, limits, |state| update(state, id, change, &audit.actor))
        })
    }

    async fn delete(&self, id: ScriptId, unless_run: bool, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            if unless_run && state.runs.find(|row| row.run.script == Some(id)).is_some() {
                return Err(refusal::script_has_runs(required(state, id)?.name));
            }
            if !state.scripts.remove(&id.0) {
                return Err(Error::not_found(Kind::Script, id));
            }
            schedule::remove_if(state, |schedule| schedule.script == id);
            state.runs.change_if(|row| row.run.script == Some(id), |row| row.run.script = None);
            forget_contents(state);
            Ok(())
        })
    }
}

/// Makes a change of a person's scripts that leaves them within their budgets.
fn within<T>(
    state: &mut State,
    owner: UserId,
    limits: Stored,
    change: impl FnOnce(&mut State) -> Result<T>,
) -> Result<T> {
    let (scripts, bytes) = stored(state, owner);
    let done = change(state)?;
    let (scripts_after, bytes_after) = stored(state, owner);
    check_share(Budget::Scripts, scripts, scripts_after, limits.scripts)?;
    check_share(Budget::ScriptBytes, bytes, bytes_after, limits.script_bytes)?;
    Ok(done)
}
