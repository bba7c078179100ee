//! Scripts and their versions in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AuditEntry, NewScript, Script, ScriptChange, ScriptContent, ScriptFilter, ScriptId, ScriptName, ScriptVersion,
    Stored, StoredLogin,
};

/// Named scripts.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ScriptRepository: Send + Sync {
    /// Registers a script. A name (without regard to case) that is taken is a conflict; more scripts or bytes of their
    /// texts than the owner may have are [`OverBudget`](crate::Error::OverBudget).
    async fn create(&self, script: NewScript, limits: Stored, audit: AuditEntry) -> Result<Script>;
    /// The script of this name, without regard to case.
    async fn by_name(&self, name: &ScriptName) -> Result<Option<Script>>;
    /// Scripts in order of name.
    async fn list(&self, filter: &ScriptFilter) -> Result<Vec<Script>>;
    /// The text with this hash, which a script has, or had when it was run.
    async fn content(&self, sha256: &str) -> Result<Option<ScriptContent>>;
    /// The versions of a script that are kept, newest first.
    async fn versions(&self, id: ScriptId) -> Result<Vec<ScriptVersion>>;
    /// The login stored with a script.
    async fn login(&self, id: ScriptId) -> Result<Option<StoredLogin>>;
    /// Changes what is given of a script. Another text, file name or interpreter makes a version, whose author is the
    /// actor of `audit`. An earlier version that is not kept is not found. More bytes of texts than the owner may have
    /// are [`OverBudget`](crate::Error::OverBudget).
    async fn change(&self, id: ScriptId, change: ScriptChange, limits: Stored, audit: AuditEntry) -> Result<Script>;
    /// Removes a script and the login stored with it. With `unless_run`, one that has runs is a conflict.
    async fn delete(&self, id: ScriptId, unless_run: bool, audit: AuditEntry) -> Result<()>;
}
