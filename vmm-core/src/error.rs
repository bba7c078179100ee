//! The one public error. Its variants are named for what the caller can do next.

use crate::model::{Budget, Over, Unfinished};
use std::fmt;
use std::time::Duration;

mod problems;

pub use problems::{Problem, Problems};

/// The result of every operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The answer to an API token that may not do an operation.
const NOT_WITH_A_TOKEN: &str = "an API token cannot do that, so sign in with name and password";

/// The answer to a right password without the code of a second factor.
const SECOND_FACTOR_MISSING: &str =
    "this account has a second factor; give a code of its authenticator app too, or a recovery code";
/// The answer to somebody who is signed in and has not given the second factor lately.
const SECOND_FACTOR_AGAIN: &str =
    "this needs a second factor that was given in the last 10 minutes; give a code again, then repeat it";

/// An error, sorted by what the caller can do about it.
///
/// `Display` is for the person who asked; the detail for the log is in [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is wrong: mend every listed problem and call again. Nothing was changed.
    #[error("{0}")]
    Invalid(Problems),

    /// Nobody is signed in, or the password or token is wrong, expired or revoked: sign in.
    #[error("sign in first: the name, the password or the token is not valid")]
    Unauthenticated,

    /// A password was tried too often: wait. Whether it was right was not looked at.
    #[error("there were too many attempts; try again in {} s", .retry_after.as_secs() + 1)]
    TooMany {
        /// The time until the next attempt is let through.
        retry_after: Duration,
    },

    /// As much of something is taken as may be, by the caller alone or by all together: make room, or wait. Nothing was
    /// begun.
    #[error("{}", .budget.told(*.over, *.limit))]
    OverBudget {
        /// The budget that is used up.
        budget: Budget,
        /// The limit that is used up: the caller's own share, or the limit for all.
        over: Over,
        /// The limit that was reached: the account's share, or the limit for all accounts together.
        limit: u64,
        /// When the call may be tried again at the earliest.
        retry_after: Duration,
    },

    /// The password is right, or the login is good, and the second factor is missing: give its code.
    #[error("{}", if *.sign_in { SECOND_FACTOR_MISSING } else { SECOND_FACTOR_AGAIN })]
    SecondFactorNeeded {
        /// Whether it is missing beside a password, and not for one operation of somebody who is signed in.
        sign_in: bool,
    },

    /// The actor may not do this; somebody with the right can.
    #[error("{actor} may not {action}; {}", if *.sign_in { NOT_WITH_A_TOKEN } else { "ask an admin" })]
    Forbidden {
        /// The name of the actor.
        actor: String,
        /// The refused operation, as a verb phrase.
        action: &'static str,
        /// True if the account itself may do it, and only its API token may not.
        sign_in: bool,
    },

    /// There is no such thing, or none that the actor may see.
    #[error("there is no {kind} {name:?}")]
    NotFound {
        /// Which table.
        kind: Kind,
        /// The name or id that was looked for.
        name: String,
    },

    /// The call does not fit the present state: look again, then decide.
    #[error("{kind} {name:?}: {reason}")]
    Conflict {
        /// Which table.
        kind: Kind,
        /// The name or id of the thing.
        name: String,
        /// The obstacle, and the next step.
        reason: String,
    },

    /// The record is not as the caller has read it: read it again, then decide. Nothing was changed.
    #[error("{kind} {name:?} was changed since it was read; read it again, then decide")]
    Stale {
        /// Which table.
        kind: Kind,
        /// The name or id of the thing.
        name: String,
    },

    /// A part that vmm stands on does not answer: try again later, or repair it.
    #[error("{part} is not available: {reason}")]
    Unavailable {
        /// Which part.
        part: Part,
        /// The part's own message.
        reason: String,
    },

    /// It took longer than allowed; the state is what the message says.
    #[error("{stage} did not finish within {} s: {detail}", .after.as_secs())]
    Timeout {
        /// The stage that did not finish.
        stage: String,
        /// The limit that ran out.
        after: Duration,
        /// The last observation; for a machine's start the end of its console log.
        detail: String,
    },

    /// A command was sent to a machine, and its end was not seen: look at the machine before the command is repeated.
    #[error("{0}")]
    Unfinished(Box<Unfinished>),

    /// The machine refused the login that the caller gave for it.
    #[error("{machine} refused the login of user {user:?}; check the user and the password")]
    LoginRefused {
        /// The machine's address.
        machine: String,
        /// The user name that was tried.
        user: String,
    },

    /// The machine showed another host key than the one recorded; no credential was sent.
    #[error(
        "{machine} showed the host key {seen} instead of {expected}, so no password was sent; if the machine was \
         reinstalled, have an admin accept its key (PUT /vm/host-key)"
    )]
    HostKeyChanged {
        /// The machine's address.
        machine: String,
        /// Fingerprint of the recorded key, `SHA256:…`.
        expected: String,
        /// Fingerprint of the key that was shown, `SHA256:…`.
        seen: String,
    },

    /// There is more content than may be stored or sent in one piece. Nothing was kept.
    #[error("the content is too large; it can have at most {limit} bytes")]
    TooLarge {
        /// The most bytes that are taken.
        limit: u64,
    },

    /// This backend cannot do it.
    #[error("this desk does not support {0}")]
    Unsupported(&'static str),

    /// A fault of vmm or of what it stands on; the log has the detail.
    #[error("vmm failed while {context}; the log has the cause")]
    Internal {
        /// The operation that failed.
        context: &'static str,
        /// The cause, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Self {
        Self::Unfinished(Box::new(unfinished))
    }
}

impl Error {
    /// One problem with one field.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid(Problem::new(field, reason).into())
    }

    /// Returns the refusal of what is more than a budget's limit.
    pub(crate) fn over_budget(budget: Budget, over: Over, limit: u64) -> Self {
        Self::OverBudget { budget, over, limit, retry_after: budget.retry_after() }
    }

    /// There is no such thing.
    pub fn not_found(kind: Kind, name: impl fmt::Display) -> Self {
        Self::NotFound { kind, name: name.to_string() }
    }

    /// The call does not fit the present state.
    pub fn conflict(kind: Kind, name: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::Conflict { kind, name: name.to_string(), reason: reason.into() }
    }

    /// A part that vmm stands on does not answer.
    pub fn unavailable(part: Part, reason: impl fmt::Display) -> Self {
        Self::Unavailable { part, reason: reason.to_string() }
    }

    /// A fault, with its cause kept for the log.
    pub fn internal(context: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { context, source: source.into() }
    }
}

/// The kind of thing that an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// An account.
    User,
    /// A machine.
    Vm,
    /// A catalog entry.
    Os,
    /// A disk of a machine.
    Disk,
    /// A request for machines.
    Request,
    /// A long operation.
    Job,
    /// A login.
    Session,
    /// An API token.
    Token,
    /// The second factor of an account.
    SecondFactor,
    /// A key that secrets are sealed with.
    Key,
    /// A code that binds a chat to an account.
    LinkCode,
    /// A group of a chat service that a bot is in.
    Group,
    /// A named script.
    Script,
    /// A version of a script.
    Version,
    /// A run of a script.
    Run,
    /// A schedule of a script.
    Schedule,
    /// A file in a storage pool.
    Volume,
    /// A machine as the hypervisor sees it.
    Domain,
    /// A file, in a user's file area or on a machine.
    File,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Vm => "vm",
            Self::Os => "os",
            Self::Disk => "disk",
            Self::Request => "request",
            Self::Job => "job",
            Self::Session => "session",
            Self::Token => "token",
            Self::SecondFactor => "second factor of user",
            Self::Key => "key",
            Self::LinkCode => "link code",
            Self::Group => "group",
            Self::Script => "script",
            Self::Version => "version",
            Self::Run => "run",
            Self::Schedule => "schedule",
            Self::Volume => "volume",
            Self::Domain => "domain",
            Self::File => "file",
        })
    }
}

/// A part that vmm stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The database.
    Database,
    /// libvirt, or what stands in its place.
    Hypervisor,
    /// A machine's SSH server.
    Machine,
    /// The connection to a machine's SSH server, which did not come about. Nothing has begun on the machine.
    Connection,
    /// The file area.
    Files,
    /// vmm itself, when it is too busy or stopping.
    Desk,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "the database",
            Self::Hypervisor => "the hypervisor",
            Self::Machine | Self::Connection => "the machine",
            Self::Files => "the file area",
            Self::Desk => "vmm",
        })
    }
}
