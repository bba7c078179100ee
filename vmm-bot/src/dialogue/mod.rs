//! Conversations of more than one step. What a button does is stored, and Telegram gets an id that means nothing.

mod power;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use power::Switch;

/// What a button does, with the state that it was shown in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Intent {
    /// Shows the machines behind this row, in place. `trail` leads back to the first.
    Page { after: Option<i64>, trail: Vec<Option<i64>> },
    /// Shows a machine's card, in place.
    Card { vm: String },
    /// Shows a machine's load.
    Monitor { vm: String },
    /// Asks whether to switch a machine, in place.
    Ask { vm: String, switch: Switch },
    /// Switches a machine.
    Confirmed { vm: String, switch: Switch },
}

impl Intent {
    /// How long the button may be pressed.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Page { .. } | Self::Card { .. } | Self::Monitor { .. } | Self::Ask { .. } => {
                Duration::from_secs(24 * 3600)
            }
            // Who comes back later does not remember what the question was.
            Self::Confirmed { .. } => Duration::from_secs(2 * 60),
        }
    }

    /// Whether it changes something, and so belongs into a private chat.
    pub(crate) fn changes(&self) -> bool {
        matches!(self, Self::Ask { .. } | Self::Confirmed { .. })
    }
}
