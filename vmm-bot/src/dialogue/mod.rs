//! Conversations of more than one step. What a button does is stored, and Telegram gets an id that means nothing.

mod power;
mod ssh;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use power::Switch;
pub(crate) use ssh::{Errand, HOURS, Missing};

/// What a button does, with the state that it was shown in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Intent {
    /// Shows the machines behind this row, in place. `trail` leads back to the first.
    Page { after: Option<i64>, trail: Vec<Option<i64>> },
    /// Shows a machine's card, in place.
    Card { vm: String },
    /// Asks whether to switch a machine, in place.
    Ask { vm: String, switch: Switch },
    /// Switches a machine.
    Confirmed { vm: String, switch: Switch },
    /// Ends what this update has begun.
    Cancel { update: i64 },
    /// Asks what shall run on a machine.
    Command { vm: String },
    /// Does this on a machine.
    Errand { vm: String, errand: Errand },
    /// Keeps a person's login on a machine for so many hours from now on.
    KeepLogin { vm: String, hours: u32 },
    /// Forgets it.
    ForgetLogin { vm: String },
}

/// What a person is asked, with what is to be done with the answer. It is stored, so it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// Something that a command on a machine needs.
    Ssh(Missing),
}

impl Question {
    /// How long an answer is waited for.
    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_secs(10 * 60)
    }

    /// Whether the answer is a secret.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::Ssh(Missing::Password { .. }))
    }

    /// Whether the answer may begin as a command of the bot does: a program's path does.
    pub(crate) fn takes_slash(&self) -> bool {
        matches!(self, Self::Ssh(Missing::Line { .. }))
    }
}

impl Intent {
    /// How long the button may be pressed.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Page { .. }
            | Self::Card { .. }
            | Self::Ask { .. }
            | Self::Cancel { .. }
            | Self::Command { .. }
            | Self::Errand { .. }
            | Self::KeepLogin { .. }
            | Self::ForgetLogin { .. } => Duration::from_secs(24 * 3600),
            // Who comes back later does not remember what the question was.
            Self::Confirmed { .. } => Duration::from_secs(2 * 60),
        }
    }

    /// Whether it changes something, and so belongs into a private chat.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Page { .. } | Self::Card { .. } | Self::Cancel { .. } => false,
            Self::Ask { .. }
            | Self::Confirmed { .. }
            | Self::Command { .. }
            | Self::Errand { .. }
            | Self::KeepLogin { .. }
            | Self::ForgetLogin { .. } => true,
        }
    }
}
