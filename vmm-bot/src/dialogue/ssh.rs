//! Work on a machine under a login of it: what is asked before, one thing after the other.

use serde::{Deserialize, Serialize};

use crate::sender::Document;

/// What is to be done on a machine.
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

/// What is asked. The next text is the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Missing {
    /// What shall run.
    Line { vm: String },
    /// As whom.
    User { vm: String, errand: Errand },
    /// The password of that user. The answer is a secret.
    Password { vm: String, errand: Errand, user: String },
}

impl Errand {
    /// The words that ask for this, and the file that they stand with.
    pub(crate) fn words(&self, vm: &str) -> (String, Option<&Document>) {
        match self {
            Self::Run { line } => (format!("/ssh {vm} {line}"), None),
            Self::Get { path } => (format!("/get {vm} {path}"), None),
            Self::Put { directory, document } => (format!("/put {vm} {directory}"), Some(document)),
        }
    }
}

/// For how long a login can be kept, in hours.
pub(crate) const HOURS: [u32; 2] = [1, 8];
