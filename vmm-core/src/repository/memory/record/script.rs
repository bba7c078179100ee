//! Records of scripts, their versions and their texts.

use std::collections::{BTreeMap, BTreeSet};

use super::super::state::{ScriptRow, State};
use super::super::table::folded;
use super::user;
use crate::error::{Error, Kind, Result};
use crate::model::{
    KEPT_VERSIONS, NewScript, Script, ScriptChange, ScriptContent, ScriptId, ScriptName, ScriptVersion, UserId,
};
use crate::repository::refusal;
use crate::repository::rules::now;

/// Returns how many scripts a person has, and how many bytes the texts of all their kept versions have.
pub(in super::super) fn stored(state: &State, owner: UserId) -> (u64, u64) {
    let scripts: Vec<_> = state.scripts.values().filter(|row| row.script.owner == owner).collect();
    let versions = scripts.iter().flat_map(|row| row.versions.values());
    // A text that several have counts once.
    let sizes: BTreeMap<_, _> = versions.map(|version| (&version.sha256, version.size)).collect();
    (scripts.len() as u64, sizes.values().sum())
}

/// Returns the name of a script of this person, if there is one.
pub(in super::super) fn of_owner(state: &State, owner: UserId) -> Option<&ScriptName> {
    let scripts = state.scripts.values().map(|row| &row.script).filter(|script| script.owner == owner);
    scripts.map(|script| &script.name).min_by_key(|name| folded(name))
}

/// Forgets the texts that neither a version of a script nor a run has.
pub(in super::super) fn forget_contents(state: &mut State) {
    let versions = state.scripts.values().flat_map(|row| row.versions.values().map(|version| &version.sha256));
    let runs = state.runs.values().map(|row| &row.run.sha256);
    let needed: BTreeSet<String> = versions.chain(runs).cloned().collect();
    let forgotten: Vec<_> =
        state.contents.iter().map(|(sha256, _)| sha256.clone()).filter(|sha256| !needed.contains(sha256)).collect();
    state.contents.remove_all(&forgotten);
}

pub(in super::super) fn insert(state: &mut State, new: NewScript, author: &str) -> Result<Script> {
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

pub(in super::super) fn update(state: &mut State, id: ScriptId, change: ScriptChange, author: &str) -> Result<Script> {
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

pub(in super::super) fn required_version(state: &State, script: &Script, number: u32) -> Result<ScriptVersion> {
    let found = state.scripts.get(&script.id.0).and_then(|row| row.versions.get(&number)).cloned();
    found.ok_or_else(|| refusal::no_version(number, &script.name))
}

/// Keeps a text under its hash, which is returned.
pub(in super::super) fn remember(state: &mut State, content: &ScriptContent) -> String {
    let sha256 = content.sha256();
    if !state.contents.has(&sha256) {
        state.contents.insert(sha256.clone(), ScriptContent::stored(content.as_str()));
    }
    sha256
}

/// Returns the script of this id, which must be there.
pub(in super::super) fn required(state: &State, id: ScriptId) -> Result<Script> {
    let found = state.scripts.get(&id.0).and_then(|row| shown(state, row));
    found.ok_or_else(|| Error::not_found(Kind::Script, id))
}

/// Returns whether two names are the same without regard to case.
pub(in super::super) fn is_same(one: &ScriptName, other: &ScriptName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Returns a script with the present name of its owner.
pub(in super::super) fn shown(state: &State, row: &ScriptRow) -> Option<Script> {
    let owner_name = user::by_id(state, row.script.owner)?.name.clone();
    Some(Script { owner_name, ..row.script.clone() })
}
