//! The actions of buttons about scripts, and runs that people ask for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A step about scripts, with the state that it was shown in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScriptStep {
    /// Shows a script's card, in place.
    Show { name: String },
    /// Runs something.
    Run { wish: RunWish },
    /// Shows what became of a run.
    ShowRun { run: i64 },
    /// Asks whether to delete a script.
    Delete { name: String },
    /// Deletes it.
    Deleted { name: String },
}

/// A run that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunWish {
    /// A script on these machines and groups; on those that it names if there are none.
    Script { name: String, on: Vec<String> },
    /// A run again, on the machines where it did not come to a good end.
    Again { run: i64 },
}

impl ScriptStep {
    /// Returns how long its button works.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Show { .. } | Self::Run { .. } | Self::ShowRun { .. } | Self::Delete { .. } => {
                Duration::from_secs(24 * 3600)
            }
            // Who comes back later does not remember what the question was.
            Self::Deleted { .. } => Duration::from_secs(2 * 60),
        }
    }

    /// Returns whether the action changes something, or shows what not everybody may see, and so needs a private chat
    /// or an allowed group.
    pub(crate) fn is_guarded(&self) -> bool {
        match self {
            Self::Run { .. } | Self::ShowRun { .. } | Self::Delete { .. } | Self::Deleted { .. } => true,
            Self::Show { .. } => false,
        }
    }
}
