//! Named scripts.

use chrono::{DateTime, Utc};
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{
    Interpreter, LoginUser, RunPassword, Script, ScriptContent, ScriptFile, ScriptFilter, ScriptName, ScriptTarget,
    ScriptVersion,
};
use vmm_core::{SavedScript, ScriptDraft, ScriptUpdate, SecretString};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::secret::Secret;
use crate::wire::target::targets;
use crate::wire::text::TextOf;

pub(crate) struct ScriptApi;

/// A script to register.
#[derive(Debug, Object)]
#[oai(rename = "NewScript", deny_unknown_fields)]
struct NewScriptBody {
    /// Letters, digits, dots, dashes, underscores and single spaces; not `run`, `schedule` or `version`.
    name: TextOf<ScriptName>,
    /// The name of its file on the machine.
    file: TextOf<ScriptFile>,
    /// The text, at most 256 KiB; if it is absent, the text of `file` in the caller's file area.
    content: Option<TextOf<ScriptContent>>,
    /// The interpreter of the file: a program and its arguments, like `sh` or `python3 -u`. No shell reads it. If it is
    /// absent, the first line of the text names it after `#!`, or it is `sh`.
    command: Option<TextOf<Interpreter>>,
    /// The machines it runs on if a call names none: names, or `@group`.
    #[oai(default, validator(max_items = 500))]
    vm: Vec<TextOf<ScriptTarget>>,
    /// The user on the machines; with `password`, or neither.
    user: Option<TextOf<LoginUser>>,
    /// The password on the machines. It is stored sealed and not shown again.
    password: Option<Secret<RunPassword>>,
}

impl TryFrom<NewScriptBody> for ScriptDraft {
    type Error = vmm_core::Error;

    fn try_from(body: NewScriptBody) -> vmm_core::Result<Self> {
        let NewScriptBody { name, file, content, command, vm, user, password } = body;
        Ok(Self {
            name: ScriptName::new(name)?,
            file: ScriptFile::new(file)?,
            command: command.map(|command| command.parse()).transpose()?,
            content: content.map(ScriptContent::new).transpose()?,
            targets: targets(vm)?,
            user: user.map(String::from),
            password: password.map(SecretString::from),
        })
    }
}

/// Scripts to register.
#[derive(Debug, Object)]
#[oai(rename = "NewScripts", deny_unknown_fields)]
struct NewScriptsBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    script: Vec<NewScriptBody>,
}

/// A change of a script. Absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "ScriptChange", deny_unknown_fields)]
struct ScriptChangeBody {
    /// The script's name, which does not change.
    name: TextOf<ScriptName>,
    /// The earlier version whose text, file name and interpreter are restored before the other fields are applied.
    #[oai(validator(minimum(value = "1")))]
    version: Option<u32>,
    /// The name of its file on the machine.
    file: Option<TextOf<ScriptFile>>,
    /// Its text, at most 256 KiB.
    content: Option<TextOf<ScriptContent>>,
    /// The interpreter of the file: a program and its arguments, like `sh` or `python3 -u`. No shell reads it.
    command: Option<TextOf<Interpreter>>,
    /// The machines it runs on if a call names none: names, or `@group`.
    #[oai(validator(max_items = 500))]
    vm: Option<Vec<TextOf<ScriptTarget>>>,
    /// The user on the machines.
    user: Option<TextOf<LoginUser>>,
    /// The password on the machines. It is stored sealed and not shown again.
    password: Option<Secret<RunPassword>>,
}

fn change(body: ScriptChangeBody) -> vmm_core::Result<(ScriptName, ScriptUpdate)> {
    let ScriptChangeBody { name, version, file, content, command, vm, user, password } = body;
    let update = ScriptUpdate {
        version,
        file: file.map(ScriptFile::new).transpose()?,
        command: command.map(|command| command.parse()).transpose()?,
        content: content.map(ScriptContent::new).transpose()?,
        targets: vm.map(targets).transpose()?,
        user: user.map(String::from),
        password: password.map(SecretString::from),
    };
    Ok((ScriptName::new(name)?, update))
}

/// Changes of scripts.
#[derive(Debug, Object)]
#[oai(rename = "ScriptChanges", deny_unknown_fields)]
struct ScriptChangesBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    script: Vec<ScriptChangeBody>,
}

/// A script, without its text.
#[derive(Debug, Object)]
#[oai(rename = "Script", skip_serializing_if_is_none)]
struct ScriptBody {
    name: String,
    /// The account that registered the script.
    owner: String,
    file: String,
    command: String,
    /// The number of its version: 1 at first, and one more after each change of its text, file name or interpreter.
    version: u32,
    /// SHA-256 of its text.
    sha256: String,
    /// Length of its text in bytes.
    size: u64,
    /// The machines it runs on if a call names none.
    vm: Vec<String>,
    /// The user on the machines whose login is stored with it.
    user: Option<String>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// The changes that made the given text readable for a shell, a sentence for each. Absent if the text was stored as
    /// given.
    mended: Option<Vec<String>>,
}

impl From<SavedScript> for ScriptBody {
    fn from(saved: SavedScript) -> Self {
        let mended = Some(saved.mended).filter(|mended| !mended.is_empty());
        Self { mended, ..Self::from(saved.script) }
    }
}

impl From<Script> for ScriptBody {
    fn from(script: Script) -> Self {
        Self {
            name: script.name.to_string(),
            owner: script.owner_name.to_string(),
            file: script.file.to_string(),
            command: script.command.to_string(),
            version: script.version,
            sha256: script.sha256,
            size: script.size,
            vm: script.targets.iter().map(ToString::to_string).collect(),
            user: script.user,
            created_at: script.created_at,
            changed_at: script.changed_at,
            mended: None,
        }
    }
}

/// A script with its text.
#[derive(Debug, Object)]
#[oai(rename = "ScriptWithContent", skip_serializing_if_is_none)]
struct ScriptWithContentBody {
    #[oai(flatten)]
    script: ScriptBody,
    content: String,
}

/// A version of a script.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersion")]
struct ScriptVersionBody {
    /// Its number, counted from 1.
    version: u32,
    file: String,
    command: String,
    /// SHA-256 of its text.
    sha256: String,
    /// Length of its text in bytes.
    size: u64,
    /// The account that made the version, with the API token that it used.
    changed_by: String,
    created_at: DateTime<Utc>,
}

impl From<ScriptVersion> for ScriptVersionBody {
    fn from(version: ScriptVersion) -> Self {
        Self {
            version: version.number,
            file: version.file.to_string(),
            command: version.command.to_string(),
            sha256: version.sha256,
            size: version.size,
            changed_by: version.changed_by,
            created_at: version.created_at,
        }
    }
}

/// The versions of a script.
#[derive(Debug, Object)]
#[oai(rename = "ScriptVersions")]
struct ScriptVersionsBody {
    version: Vec<ScriptVersionBody>,
}

/// Scripts.
#[derive(Debug, Object)]
#[oai(rename = "Scripts", skip_serializing_if_is_none)]
struct ScriptsBody {
    script: Vec<ScriptBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

impl From<Vec<SavedScript>> for ScriptsBody {
    fn from(scripts: Vec<SavedScript>) -> Self {
        Self { script: scripts.into_iter().map(ScriptBody::from).collect(), next: None }
    }
}

#[OpenApi(tag = "Tag::Script")]
impl ScriptApi {
    /// Register scripts. The caller becomes their owner.
    #[oai(path = "/vm/script", method = "post", operation_id = "createScripts")]
    async fn create(&self, caller: Caller, body: Body<NewScriptsBody>) -> Result<Json<ScriptsBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("script", body.0.script, ScriptDraft::try_from)?;
        let create = |draft| login.vmm.create_script(&login.actor, draft);
        Ok(Json(batch::in_order("script", drafts, create).await?.into()))
    }

    /// Change scripts; absent fields stay as they are. The scripts' owner and admins only.
    #[oai(path = "/vm/script", method = "put", operation_id = "updateScripts")]
    async fn update(&self, caller: Caller, body: Body<ScriptChangesBody>) -> Result<Json<ScriptsBody>, Failure> {
        let login = &caller.0;
        let changes = batch::read("script", body.0.script, change)?;
        let scripts = batch::in_order("script", changes, |(name, update)| async move {
            login.vmm.change_script(&login.actor, &name, update).await
        });
        Ok(Json(scripts.await?.into()))
    }

    /// List scripts in order of name.
    #[oai(path = "/vm/script", method = "get", operation_id = "listScripts")]
    async fn list(
        &self,
        caller: Caller,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<ScriptsBody>, Failure> {
        let login = caller.0;
        let filter = ScriptFilter {
            after: cursor::read("script", after.0, |key| key.parse().ok())?,
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.scripts(&login.actor, &filter).await?;
        let next = page.next.as_ref().map(|key| cursor::write("script", key));
        Ok(Json(ScriptsBody { script: page.items.into_iter().map(ScriptBody::from).collect(), next }))
    }

    /// Get a script with its text.
    #[oai(path = "/vm/script/:name", method = "get", operation_id = "getScript")]
    async fn get(
        &self,
        caller: Caller,
        name: Path<TextOf<ScriptName>>,
        /// The text, file name and interpreter of this version; of the newest one if absent.
        #[oai(validator(minimum(value = "1")))]
        version: Query<Option<u32>>,
    ) -> Result<Json<ScriptWithContentBody>, Failure> {
        let login = caller.0;
        let (script, content) = login.vmm.script(&login.actor, &ScriptName::new(name.0)?, version.0).await?;
        Ok(Json(ScriptWithContentBody { script: script.into(), content: content.as_str().to_owned() }))
    }

    /// List the versions of a script, newest first, with who made each and when.
    #[oai(path = "/vm/script/version", method = "get", operation_id = "listScriptVersions")]
    async fn versions(
        &self,
        caller: Caller,
        /// The script's name.
        script: Query<TextOf<ScriptName>>,
    ) -> Result<Json<ScriptVersionsBody>, Failure> {
        let login = caller.0;
        let name = named("script", ScriptName::new(script.0))?;
        let versions = login.vmm.script_versions(&login.actor, &name).await?;
        Ok(Json(ScriptVersionsBody { version: versions.into_iter().map(ScriptVersionBody::from).collect() }))
    }

    /// Delete a script with its stored login; its runs stay. Admins, and the owner of a script that has no runs.
    #[oai(path = "/vm/script", method = "delete", operation_id = "deleteScript")]
    async fn delete(&self, caller: Caller, name: Query<TextOf<ScriptName>>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.delete_script(&login.actor, &ScriptName::new(name.0)?).await?;
        Ok(Done::Done)
    }
}
