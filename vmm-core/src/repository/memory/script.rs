//! Named scripts.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::state::{ScriptRow, State};
use super::store::Store;
use super::table::{folded, page};
use super::{schedule, user};
use crate::error::{Error, Kind, Result};
use crate::model::{
    AuditEntry, Budget, KEPT_VERSIONS, NewScript, Script, ScriptChange, ScriptContent, ScriptFilter, ScriptId,
    ScriptName, ScriptVersion, Stored, StoredLogin, UserId,
};
use crate::repository::rules::{check_share, now};
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

/// Returns how many scripts a person has, and how many bytes the texts of all their kept versions have.
pub(super) fn stored(state: &State, owner: UserId) -> (u64, u64) {
    let scripts: Vec<_> = state.scripts.values().filter(|row| row.script.owner == owner).collect();
    let versions = scripts.iter().flat_map(|row| row.versions.values());
    // A text that several have counts once.
    let sizes: BTreeMap<_, _> = versions.map(|version| (&version.sha256, version.size)).collect();
    (scripts.len() as u64, sizes.values().sum())
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

/// Returns the name of a script of this person, if there is one.
pub(super) fn of_owner(state: &State, owner: UserId) -> Option<&ScriptName> {
    let scripts = state.scripts.values().map(|row| &row.script).filter(|script| script.owner == owner);
    scripts.map(|script| &script.name).min_by_key(|name| folded(name))
}

/// Forgets the texts that neither a version of a script nor a run has.
pub(super) fn forget_contents(state: &mut State) {
    let versions = state.scripts.values().flat_map(|row| row.versions.values().map(|version| &version.sha256));
    let runs = state.runs.values().map(|row| &row.run.sha256);
    let needed: BTreeSet<String> = versions.chain(runs).cloned().collect();
    let forgotten: Vec<_> =
        state.contents.iter().map(|(sha256, _)| sha256.clone()).filter(|sha256| !needed.contains(sha256)).collect();
    state.contents.remove_all(&forgotten);
}

fn insert(state: &mut State, new: NewScript, author: &str) -> Result<Script> {
    let NewScript { id, name, owner, file, command, content, targets, login } = new;
    let (owner_name, at) = (user::required(state, owner)?.name.clone(), now());
    if state.scripts.has(&id.0) || state.scripts.find(|row| is_same(&row.script.name, &name)).is_some() {
        return Err(refusal::name_taken(Kind::Script, name));
    }
    let script = Script {
        id,
        name,
        owner,
        owner_name,
        file,
        command,
        version: 1,
        sha256: remember(state, &content),
        size: content.as_str().len() as u64,
        targets,
        user: login.as_ref().map(|login| login.user.clone()),
        created_at: at,
        changed_at: at,
    };
    let mut row = ScriptRow { script, login, versions: BTreeMap::new() };
    keep_version(&mut row, author);
    state.scripts.insert(id.0, row);
    required(state, id)
}

fn update(state: &mut State, id: ScriptId, change: ScriptChange, author: &str) -> Result<Script> {
    let ScriptChange { version, file, command, content, targets, login } = change;
    let before = required(state, id)?;
    let earlier = version.map(|number| required_version(state, &before, number)).transpose()?;
    let earlier = earlier.as_ref();
    let text = match content {
        Some(content) => Some((remember(state, &content), content.as_str().len() as u64)),
        None => earlier.map(|version| (version.sha256.clone(), version.size)),
    };
    let row = state.scripts.get_mut(&id.0).ok_or_else(|| Error::not_found(Kind::Script, id))?;
    let script = &mut row.script;
    if let Some(file) = file.or_else(|| earlier.map(|version| version.file.clone())) {
        script.file = file;
    }
    if let Some(command) = command.or_else(|| earlier.map(|version| version.command.clone())) {
        script.command = command;
    }
    if let Some((sha256, size)) = text {
        (script.sha256, script.size) = (sha256, size);
    }
    if let Some(targets) = targets {
        script.targets = targets;
    }
    if let Some(login) = login {
        script.user = Some(login.user.clone());
        row.login = Some(login);
    }
    script.changed_at = now();
    if (&script.file, &script.command, &script.sha256) != (&before.file, &before.command, &before.sha256) {
        script.version += 1;
        keep_version(row, author);
        forget_contents(state);
    }
    required(state, id)
}

/// Keeps what a script is now as a version of it, and forgets the oldest ones beyond those that are kept.
fn keep_version(row: &mut ScriptRow, author: &str) {
    let script = &row.script;
    let version = ScriptVersion {
        number: script.version,
        file: script.file.clone(),
        command: script.command.clone(),
        sha256: script.sha256.clone(),
        size: script.size,
        changed_by: author.to_owned(),
        created_at: script.changed_at,
    };
    row.versions.insert(version.number, version);
    row.versions.retain(|number, _| *number + KEPT_VERSIONS > row.script.version);
}

fn required_version(state: &State, script: &Script, number: u32) -> Result<ScriptVersion> {
    let found = state.scripts.get(&script.id.0).and_then(|row| row.versions.get(&number)).cloned();
    found.ok_or_else(|| refusal::no_version(number, &script.name))
}

/// Keeps a text under its hash, which is returned.
pub(super) fn remember(state: &mut State, content: &ScriptContent) -> String {
    let sha256 = content.sha256();
    if !state.contents.has(&sha256) {
        state.contents.insert(sha256.clone(), ScriptContent::stored(content.as_str()));
    }
    sha256
}

/// Returns the script of this id, which must be there.
pub(super) fn required(state: &State, id: ScriptId) -> Result<Script> {
    let found = state.scripts.get(&id.0).and_then(|row| shown(state, row));
    found.ok_or_else(|| Error::not_found(Kind::Script, id))
}

/// Returns whether two names are the same without regard to case.
pub(super) fn is_same(one: &ScriptName, other: &ScriptName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Returns a script with the present name of its owner.
fn shown(state: &State, row: &ScriptRow) -> Option<Script> {
    let owner_name = user::by_id(state, row.script.owner)?.name.clone();
    Some(Script { owner_name, ..row.script.clone() })
}
