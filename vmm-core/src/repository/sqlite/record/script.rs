//! Records of scripts, their versions and their texts.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::{Error, Result};
use super::super::row::{Columns, execute, first};
use super::user;
use crate::error::{self, Kind};
use crate::model::{
    Interpreter, KEPT_VERSIONS, NewScript, Script, ScriptArguments, ScriptChange, ScriptContent, ScriptFile, ScriptId,
    ScriptTarget, ScriptVersion, UserId,
};
use crate::repository::refusal;
use crate::repository::rules::now;

pub(in super::super) const SELECT: &str =
    "SELECT script.*, user.name AS owner_name, length(CAST(content AS BLOB)) AS size
    FROM script JOIN user ON user.id = script.owner JOIN script_content USING (sha256)";

pub(in super::super) const SELECT_VERSION: &str = "SELECT script_version.*, length(CAST(content AS BLOB)) AS size
    FROM script_version JOIN script_content USING (sha256)";

/// Returns the number of scripts of a person, and of the bytes of all their kept versions.
pub(in super::super) fn stored(connection: &Connection, owner: UserId) -> Result<(u64, u64)> {
    let sum = "SELECT (SELECT count(*) FROM script WHERE owner = ?1) AS scripts,
        (SELECT coalesce(sum(octet_length(content)), 0) FROM script_content WHERE sha256 IN
            (SELECT script_version.sha256 FROM script_version JOIN script ON script.id = script_version.script
             WHERE script.owner = ?1)) AS bytes";
    Ok(first(connection, sum, [owner.0], |row| Ok((row.size("scripts")?, row.size("bytes")?)))?.unwrap_or_default())
}

/// A script of this person, if there is one.
pub(in super::super) fn of_owner(connection: &Connection, owner: UserId) -> Result<Option<String>> {
    first(connection, "SELECT name FROM script WHERE owner = ?1 ORDER BY name LIMIT 1", [owner.0], |row| {
        row.value("name")
    })
}

/// Removes the texts that neither a version of a script nor a run has.
pub(in super::super) fn forget_contents(tx: &Transaction<'_>) -> Result<()> {
    execute(
        tx,
        "DELETE FROM script_content
         WHERE NOT EXISTS (SELECT 1 FROM script WHERE script.sha256 = script_content.sha256)
           AND NOT EXISTS (SELECT 1 FROM script_version WHERE script_version.sha256 = script_content.sha256)
           AND NOT EXISTS (SELECT 1 FROM run WHERE run.sha256 = script_content.sha256)",
        [],
    )
    .map(drop)
}

pub(in super::super) fn insert(tx: &Transaction<'_>, new: &NewScript, author: &str) -> Result<Script> {
    let NewScript { id, name, owner, file, command, content, targets, login } = new;
    user::required(tx, *owner)?;
    let at = now().timestamp_micros();
    let inserted = execute(
        tx,
        "INSERT INTO script (id, name, owner, file, command, version, sha256, vm, user, password, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?10)",
        params![
            id.to_string(),
            name.as_str(),
            owner.0,
            file.as_str(),
            command.to_string(),
            remember(tx, content)?,
            listed(targets),
            login.as_ref().map(|login| &login.user),
            login.as_ref().map(|login| login.password.as_bytes()),
            at,
        ],
    );
    match inserted {
        Ok(_) => {
            keep_version(tx, *id, author)?;
            required(tx, *id)
        }
        Err(error) if error.is_taken() => Err(refusal::name_taken(Kind::Script, name).into()),
        Err(error) => Err(error),
    }
}

pub(in super::super) fn update(
    tx: &Transaction<'_>,
    id: ScriptId,
    change: &ScriptChange,
    author: &str,
) -> Result<Script> {
    let ScriptChange { version, file, command, content, targets, login } = change;
    let before = required(tx, id)?;
    let earlier = version.map(|number| required_version(tx, &before, number)).transpose()?;
    let earlier = earlier.as_ref();
    let sha256 = match content {
        Some(content) => Some(remember(tx, content)?),
        None => earlier.map(|version| version.sha256.clone()),
    };
    execute(
        tx,
        "UPDATE script SET file = coalesce(?2, file), command = coalesce(?3, command), sha256 = coalesce(?4, sha256),
                           vm = coalesce(?5, vm), user = coalesce(?6, user), password = coalesce(?7, password),
                           changed_at = ?8
         WHERE id = ?1",
        params![
            id.to_string(),
            file.as_ref().or(earlier.map(|version| &version.file)).map(ScriptFile::as_str),
            command.as_ref().or(earlier.map(|version| &version.command)).map(Interpreter::to_string),
            sha256,
            targets.as_ref().map(|targets| listed(targets)),
            login.as_ref().map(|login| &login.user),
            login.as_ref().map(|login| login.password.as_bytes()),
            now().timestamp_micros(),
        ],
    )?;
    let after = required(tx, id)?;
    if (&after.file, &after.command, &after.sha256) != (&before.file, &before.command, &before.sha256) {
        execute(tx, "UPDATE script SET version = version + 1 WHERE id = ?1", [id.to_string()])?;
        keep_version(tx, id, author)?;
    }
    required(tx, id)
}

/// Keeps what a script is now as a version of it, and forgets the oldest ones beyond those that are kept.
fn keep_version(tx: &Transaction<'_>, id: ScriptId, author: &str) -> Result<()> {
    execute(
        tx,
        "INSERT INTO script_version (script, number, file, command, sha256, changed_by, created_at)
         SELECT id, version, file, command, sha256, ?2, changed_at FROM script WHERE id = ?1",
        params![id.to_string(), author],
    )?;
    let sql = "DELETE FROM script_version WHERE script = ?1
               AND number <= (SELECT version FROM script WHERE id = ?1) - ?2";
    let forgotten = execute(tx, sql, params![id.to_string(), KEPT_VERSIONS])?;
    if forgotten > 0 { forget_contents(tx) } else { Ok(()) }
}

fn required_version(connection: &Connection, script: &Script, number: u32) -> Result<ScriptVersion> {
    let sql = format!("{SELECT_VERSION} WHERE script = ?1 AND number = ?2");
    let found = first(connection, &sql, params![script.id.to_string(), number], version)?;
    found.ok_or_else(|| refusal::no_version(number, &script.name).into())
}

pub(in super::super) fn version(row: &Row<'_>) -> Result<ScriptVersion> {
    Ok(ScriptVersion {
        number: row.value("number")?,
        file: row.parsed("file")?,
        command: row.parsed("command")?,
        sha256: row.value("sha256")?,
        size: row.size("size")?,
        changed_by: row.value("changed_by")?,
        created_at: row.time("created_at")?,
    })
}

/// Keeps a text under its hash, which is given back.
pub(in super::super) fn remember(tx: &Transaction<'_>, content: &ScriptContent) -> Result<String> {
    let sha256 = content.sha256();
    execute(
        tx,
        "INSERT INTO script_content (sha256, content) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![sha256, content.as_str()],
    )?;
    Ok(sha256)
}

pub(in super::super) fn required(connection: &Connection, id: ScriptId) -> Result<Script> {
    first(connection, &format!("{SELECT} WHERE script.id = ?1"), [id.to_string()], script)?
        .ok_or_else(|| error::Error::not_found(Kind::Script, id).into())
}

pub(in super::super) fn listed(targets: &[ScriptTarget]) -> String {
    serde_json::Value::from_iter(targets.iter().map(ToString::to_string)).to_string()
}

pub(in super::super) fn targets(listed: &str) -> Result<Vec<ScriptTarget>> {
    let corrupt = |source| Error::corrupt("vm", source);
    let names: Vec<String> = serde_json::from_str(listed).map_err(|source| Error::corrupt("vm", source))?;
    names.iter().map(|name| name.parse::<ScriptTarget>().map_err(corrupt)).collect()
}

pub(in super::super) fn script(row: &Row<'_>) -> Result<Script> {
    Ok(Script {
        id: ScriptId(row.parsed("id")?),
        name: row.parsed("name")?,
        owner: UserId(row.value("owner")?),
        owner_name: row.parsed("owner_name")?,
        file: row.parsed("file")?,
        command: row.parsed("command")?,
        version: row.value("version")?,
        sha256: row.value("sha256")?,
        size: row.size("size")?,
        targets: targets(&row.value::<String>("vm")?)?,
        user: row.value("user")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

pub(in super::super) fn listed_arguments(arguments: &ScriptArguments) -> String {
    serde_json::Value::from(arguments.as_slice()).to_string()
}

pub(in super::super) fn arguments(row: &Row<'_>) -> Result<ScriptArguments> {
    let arguments: String = row.value("arguments")?;
    let arguments = serde_json::from_str(&arguments).map_err(|source| Error::corrupt("arguments", source))?;
    ScriptArguments::new(arguments).map_err(|source| Error::corrupt("arguments", source))
}
