//! Work on machines under a login of theirs, and what is asked before, one thing after the other.

use serde::{Deserialize, Serialize};

use super::{Intent, RunWish, ScriptStep};
use crate::transport::file::Document;

/// A task on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Errand {
    /// Run a command.
    Run { line: String },
    /// Fetch a file.
    Get { path: String },
    /// Put an uploaded file there.
    Put { directory: String, document: Document },
}

/// A task that needs a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Task {
    /// Something on one machine.
    Errand { vm: String, errand: Errand },
    /// A run of a script, which has one login for all its machines.
    Run { wish: RunWish },
}

/// The input that a task lacks. The bot asks for it, and the next text is the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Missing {
    /// The command for a machine.
    Line { vm: String },
    /// As whom.
    User { task: Task },
    /// The password of that user. The answer is a secret.
    Password { task: Task, user: String },
}

/// Machines whose logins are kept or forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Machines {
    /// This one.
    One { vm: String },
    /// Those of this run.
    OfRun { run: i64 },
}

impl Task {
    /// The words that ask for this, and the file that they stand with.
    pub(crate) fn words(&self) -> (String, Option<&Document>) {
        match self {
            Self::Errand { vm, errand: Errand::Run { line } } => (format!("/ssh {vm} {line}"), None),
            Self::Errand { vm, errand: Errand::Get { path } } => (format!("/get {vm} {path}"), None),
            Self::Errand { vm, errand: Errand::Put { directory, document } } => {
                (format!("/put {vm} {directory}"), Some(document))
            }
            Self::Run { wish: RunWish::Script { name, on } } => (format!("/run \"{name}\" {}", on.join(" ")), None),
            // There are no words for it; these show what there is, or that it was stopped if it had begun.
            Self::Run { wish: RunWish::Again { .. } } => ("/runs".to_owned(), None),
        }
    }
}

impl From<Task> for Intent {
    fn from(task: Task) -> Self {
        match task {
            Task::Errand { vm, errand } => Self::Errand { vm, errand },
            Task::Run { wish } => Self::Script(ScriptStep::Run { wish }),
        }
    }
}

/// For how long a login can be kept, in hours.
pub(crate) const HOURS: [u32; 2] = [1, 8];
