//! Conversations of more than one step. What a button does is stored, and Telegram gets an id that means nothing.

mod job;
mod login;
mod power;
mod request;
mod script;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use job::JobStep;
pub(crate) use login::{Errand, HOURS, Machines, Missing, Task};
pub(crate) use power::Switch;
pub(crate) use request::RequestStep;
pub(crate) use script::{RunWish, ScriptStep};

/// The time in which an answer to a question counts.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(5 * 60);

/// The action of a button, with the state in which it was shown.
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
    /// Accepts that a machine is defined as it was shown.
    Accept { vm: String, digest: String },
    /// Ends what this update has begun.
    Cancel { update: i64 },
    /// Does something about a stuck job.
    Job(JobStep),
    /// Does something about a request.
    Request(RequestStep),
    /// Does something about scripts and their runs.
    Script(ScriptStep),
    /// Asks what shall run on a machine.
    Command { vm: String },
    /// Does this on a machine.
    Errand { vm: String, errand: Errand },
    /// Keeps a person's logins on machines for so many hours from now on.
    KeepLogin { on: Machines, hours: u32 },
    /// Forgets them.
    ForgetLogin { on: Machines },
    /// Ends what this group is allowed.
    Disallow { chat: i64 },
}

impl Intent {
    /// Returns how long the button works.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Page { .. }
            | Self::Card { .. }
            | Self::Monitor { .. }
            | Self::Ask { .. }
            | Self::Accept { .. }
            | Self::Cancel { .. }
            | Self::Command { .. }
            | Self::Errand { .. }
            | Self::KeepLogin { .. }
            | Self::ForgetLogin { .. }
            | Self::Disallow { .. } => Duration::from_secs(24 * 3600),
            // Who comes back later does not remember what the question was.
            Self::Confirmed { .. } => Duration::from_secs(2 * 60),
            Self::Job(step) => step.lifetime(),
            Self::Request(step) => step.lifetime(),
            Self::Script(step) => step.lifetime(),
        }
    }

    /// Returns whether the action changes something, or shows what not everybody may see, and so needs a private chat
    /// or an allowed group.
    pub(crate) fn is_guarded(&self) -> bool {
        match self {
            Self::Ask { .. }
            | Self::Confirmed { .. }
            | Self::Job(_)
            | Self::Accept { .. }
            | Self::Request(_)
            | Self::Command { .. }
            | Self::Errand { .. }
            | Self::KeepLogin { .. }
            | Self::ForgetLogin { .. }
            | Self::Disallow { .. } => true,
            Self::Script(step) => step.is_guarded(),
            Self::Page { .. } | Self::Card { .. } | Self::Monitor { .. } | Self::Cancel { .. } => false,
        }
    }
}

/// A question to a person, with the use of the answer. It is stored, so it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Question {
    /// The reason for the rejection of a request.
    Reject { id: String },
    /// One's present password.
    OldPassword,
    /// The password to have from now on.
    NewPassword,
    /// Something that work on machines needs.
    Login(Missing),
    /// On which machines a script is to run.
    RunOn { script: String },
}

impl Question {
    /// Returns whether the answer is a secret, and so is never a misread command.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::OldPassword | Self::NewPassword | Self::Login(Missing::Password { .. }))
    }

    /// Returns whether the answer, or the next answer, is a secret that belongs in a private chat.
    pub(crate) fn is_private(&self) -> bool {
        match self {
            Self::OldPassword | Self::NewPassword | Self::Login(Missing::User { .. } | Missing::Password { .. }) => {
                true
            }
            Self::Reject { .. } | Self::RunOn { .. } | Self::Login(Missing::Line { .. }) => false,
        }
    }

    /// Returns whether the answer may begin with a slash, as a command does: the path of a program does.
    pub(crate) fn takes_slash(&self) -> bool {
        matches!(self, Self::Login(Missing::Line { .. }))
    }

    /// Returns how long an answer counts.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Login(_) => Duration::from_secs(10 * 60),
            Self::Reject { .. } | Self::OldPassword | Self::NewPassword | Self::RunOn { .. } => ANSWER_TIME,
        }
    }
}
