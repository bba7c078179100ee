//! Named scripts.

use secrecy::{ExposeSecret, SecretString};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Problem, Result};
use crate::model::{
    FileName, Interpreter, LoginUser, NewScript, Page, RunPassword, Script, ScriptChange, ScriptContent, ScriptFile,
    ScriptFilter, ScriptId, ScriptName, ScriptTarget, ScriptVersion, StoredLogin, UserId, one_more,
};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Credential, Login};
use crate::secrets::SCRIPT_LOGIN;

/// A script that somebody registers. `Debug` shows no password.
#[derive(Debug)]
pub struct ScriptDraft {
    /// Its name.
    pub name: ScriptName,
    /// The name of its file.
    pub file: ScriptFile,
    /// The interpreter of the file; what its first line names, or `sh`, if `None`.
    pub command: Option<Interpreter>,
    /// Its text; that of `file` in the owner's file area if `None`.
    pub content: Option<ScriptContent>,
    /// The machines it runs on if a call names none.
    pub targets: Vec<ScriptTarget>,
    /// The user on the machines; with `password`, or neither.
    pub user: Option<String>,
    /// The password on the machines. It is kept sealed and never shown again.
    pub password: Option<SecretString>,
}

/// A change of a script; `None` stays as it is. `Debug` shows no password.
#[derive(Debug, Default)]
pub struct ScriptUpdate {
    /// The earlier version whose text, file name and interpreter it gets, before what else is given.
    pub version: Option<u32>,
    /// The name of its file.
    pub file: Option<ScriptFile>,
    /// The interpreter of the file.
    pub command: Option<Interpreter>,
    /// Its text.
    pub content: Option<ScriptContent>,
    /// The machines it runs on if a call names none.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The user on the machines.
    pub user: Option<String>,
    /// The password on the machines.
    pub password: Option<SecretString>,
}

/// A script as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedScript {
    /// The script.
    pub script: Script,
    /// The changes that were made to the given text, as [`ScriptContent::mended`] lists them.
    pub mended: Vec<String>,
}

impl Vmm {
    /// Registers a script; who does is its owner.
    ///
    /// # Errors
    /// `Conflict` if the name is taken; `Invalid` without a text here or in the file area, or with half a login.
    pub async fn create_script(&self, actor: &Actor, draft: ScriptDraft) -> Result<SavedScript> {
        let target = Target::new(format!("script {}", draft.name));
        let owner = actor.user_id();
        self.change(actor, Action::ScriptCreate, target, |desk, audit| async move {
            let ScriptDraft { name, file, command, content, targets, user, password } = draft;
            let owner = owner.ok_or_else(|| Error::invalid("owner", "a script belongs to an account; name one"))?;
            let content = match content {
                Some(content) => content,
                None => from_area(&desk, owner, &file).await?,
            };
            let mended = content.mended().to_vec();
            let command = command.unwrap_or_else(|| content.interpreter());
            let id = ScriptId(Uuid::new_v4());
            let login = login(user, password)?.map(|(user, password)| seal(&desk, id, user, &password)).transpose()?;
            let script = NewScript { id, name, owner, file, command, content, targets, login };
            Ok(SavedScript {
                script: desk.repository().scripts().create(script, desk.budgets().limits().stored(), audit).await?,
                mended,
            })
        })
        .await
    }

    /// A page of scripts in order of name.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn scripts(&self, actor: &Actor, filter: &ScriptFilter) -> Result<Page<Script, ScriptName>> {
        let desk = self.read(actor, Action::ScriptRead, &Target::none())?;
        let wanted = ScriptFilter { limit: one_more(filter.limit), ..filter.clone() };
        let scripts = desk.repository().scripts().list(&wanted).await?;
        Ok(Page::cut(scripts, filter.limit, |script| script.name.clone()))
    }

    /// A script and its text; of an earlier version the text, file name and interpreter of that one.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name, or no such version any more.
    pub async fn script(
        &self,
        actor: &Actor,
        name: &ScriptName,
        version: Option<u32>,
    ) -> Result<(Script, ScriptContent)> {
        let script = self.lookup(actor)?.script(name).await?;
        let desk = self.read(actor, Action::ScriptRead, &Target::from(&script))?;
        let script = in_version(&desk, script, version).await?;
        let content = desk.repository().scripts().content(&script.sha256).await?;
        // Both are read in turn: in between the script may have changed or gone.
        Ok((script, content.ok_or_else(|| Error::conflict(Kind::Script, name, "changed just now; look again"))?))
    }

    /// The versions of a script that are kept, newest first: who changed what runs, and when.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name.
    pub async fn script_versions(&self, actor: &Actor, name: &ScriptName) -> Result<Vec<ScriptVersion>> {
        let script = self.lookup(actor)?.script(name).await?;
        let desk = self.read(actor, Action::ScriptRead, &Target::from(&script))?;
        desk.repository().scripts().versions(script.id).await
    }

    /// Changes a script. What runs of it before is kept as a version.
    ///
    /// # Errors
    /// `Forbidden` for anyone but its owner and admins; `Invalid` for half a login; `NotFound` for an earlier version
    /// that is not kept.
    pub async fn change_script(&self, actor: &Actor, name: &ScriptName, update: ScriptUpdate) -> Result<SavedScript> {
        let script = self.find_script_or_audit_failure(actor, Action::ScriptChange, name).await?;
        self.change(actor, Action::ScriptChange, Target::from(&script), |desk, audit| async move {
            let ScriptUpdate { version, file, command, content, targets, user, password } = update;
            let login = match (user, password) {
                (None, None) => None,
                (user, Some(password)) => login(user.or(script.user), Some(password))?
                    .map(|(user, password)| seal(&desk, script.id, user, &password))
                    .transpose()?,
                (Some(user), None) => {
                    LoginUser::check("user", &user)?;
                    let stored = desk.repository().scripts().login(script.id).await?;
                    Some(StoredLogin { user, ..stored.ok_or_else(|| half("password"))? })
                }
            };
            let mended = content.as_ref().map(|content| content.mended().to_vec()).unwrap_or_default();
            let change = ScriptChange { version, file, command, content, targets, login };
            Ok(SavedScript {
                script: desk
                    .repository()
                    .scripts()
                    .change(script.id, change, desk.budgets().limits().stored(), audit)
                    .await?,
                mended,
            })
        })
        .await
    }

    /// Removes a script and the login stored with it. Its runs stay.
    ///
    /// # Errors
    /// `Forbidden` for anyone but its owner and admins; `Conflict` for its owner if it has runs.
    pub async fn delete_script(&self, actor: &Actor, name: &ScriptName) -> Result<()> {
        let script = self.find_script_or_audit_failure(actor, Action::ScriptDelete, name).await?;
        // Its runs show what it did under this name. Only who may delete anybody's scripts may take that from them.
        let unless_run = !self.allows(actor, Action::ScriptDelete, &Target::none());
        self.change(actor, Action::ScriptDelete, Target::from(&script), |desk, audit| async move {
            desk.repository().scripts().delete(script.id, unless_run, audit).await
        })
        .await
    }

    /// The script that an operation is about.
    pub(in crate::ops) async fn find_script_or_audit_failure(
        &self,
        actor: &Actor,
        action: Action,
        name: &ScriptName,
    ) -> Result<Script> {
        self.find_or_audit_failure(actor, action, format!("script {name}"), async {
            self.lookup(actor)?.script(name).await
        })
        .await
    }
}

/// The text of a file in the owner's area.
async fn from_area(desk: &Desk, owner: UserId, file: &ScriptFile) -> Result<ScriptContent> {
    let (stored, source) = match crate::ops::account::file::open(desk, owner, &FileName::new(file.as_str())?, 0).await {
        Err(Error::NotFound { .. } | Error::Unsupported(_)) => {
            let reason = format!("is missing, and so is {file} in your file area; give the script's text");
            return Err(Error::invalid("content", reason));
        }
        opened => opened?,
    };
    let mut text = Vec::new();
    let longest = ScriptContent::LONGEST as u64;
    let read = source.take(longest + 1).read_to_end(&mut text).await;
    read.map_err(|error| Error::internal("reading a file of an area", error))?;
    if text.len() as u64 > longest {
        let reason = format!("has {} bytes in your file area; a script has at most {longest}", stored.bytes);
        return Err(Error::invalid("file", reason));
    }
    ScriptContent::from_bytes(text).map_err(|error| match error {
        Error::Invalid(problems) => Error::Invalid(
            problems.map(|problem| Problem::new("file", format!("in your file area {}", problem.reason))),
        ),
        error => error,
    })
}

/// A script as it was in a version.
pub(in crate::ops) async fn in_version(desk: &Desk, script: Script, version: Option<u32>) -> Result<Script> {
    let Some(number) = version.filter(|number| *number != script.version) else { return Ok(script) };
    let versions = desk.repository().scripts().versions(script.id).await?;
    let found = versions.into_iter().find(|version| version.number == number);
    let missing = || Error::not_found(Kind::Version, format!("{number} of {}", script.name));
    let ScriptVersion { number, file, command, sha256, size, .. } = found.ok_or_else(missing)?;
    Ok(Script { version: number, file, command, sha256, size, ..script })
}

/// The login that a script's owner stored with it.
pub(in crate::ops) async fn stored_login(desk: &Desk, script: &Script) -> Result<Login> {
    let stored = desk.repository().scripts().login(script.id).await?;
    let Some(StoredLogin { user, password }) = stored else {
        return Err(Error::invalid("user", format!("is missing, and script {} has no stored login", script.name)));
    };
    let password = desk.secrets().unseal(SCRIPT_LOGIN, script.id.0, &password).ok_or_else(|| {
        let reason = "its stored password does not open; store it again";
        Error::conflict(Kind::Script, &script.name, reason)
    })?;
    Ok(Login { user, credential: Credential::Password(password) })
}

/// A user and a password, both good, or neither.
pub(in crate::ops) fn login(
    user: Option<String>,
    password: Option<SecretString>,
) -> Result<Option<(String, SecretString)>> {
    match (user, password) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("password")),
        (None, Some(_)) => Err(half("user")),
        (Some(user), Some(password)) => {
            LoginUser::check("user", &user)?;
            RunPassword::check("password", password.expose_secret())?;
            Ok(Some((user, password)))
        }
    }
}

fn half(missing: &str) -> Error {
    Error::invalid(missing, "is missing; a login has a user and a password")
}

fn seal(desk: &Desk, id: ScriptId, user: String, password: &SecretString) -> Result<StoredLogin> {
    Ok(StoredLogin { user, password: desk.secrets().seal(SCRIPT_LOGIN, id.0, password)? })
}
