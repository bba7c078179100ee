//! Running a command on a machine: what is asked before it, one thing after the other.

use serde::{Deserialize, Serialize};

/// What is asked. The next text is the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Missing {
    /// What shall run.
    Line { vm: String },
    /// As whom.
    User { vm: String, line: String },
    /// The password of that user. The answer is a secret.
    Password { vm: String, line: String, user: String },
}

/// For how long a login stays known after a command was given with it, in hours.
pub(crate) const HOURS: [u32; 2] = [1, 8];
