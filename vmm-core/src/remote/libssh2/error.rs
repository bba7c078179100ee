//! The errors of a call, and their conversion into public errors.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::error::{Error, Part};

/// The stage that a call reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Queue,
    Connect,
    Handshake,
    Login,
    Command,
    Transfer,
    /// Any of them: the supervisor does not see which.
    Session,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "waiting for a free SSH session to",
            Self::Connect => "connecting to",
            Self::Handshake => "the SSH handshake with",
            Self::Login => "the login at",
            Self::Command => "the command on",
            Self::Transfer => "the file transfer with",
            Self::Session => "the SSH session with",
        })
    }
}

/// Why a stage ended without what it was for.
#[derive(Debug)]
pub(super) enum Cause {
    /// The deadline passed; what was seen last.
    Deadline(String),
    /// The command wrote nothing for so long, or the machine said nothing in the middle of a transfer.
    Silence(Duration),
    /// The caller has stopped waiting for the answer.
    Cancelled,
    LoginRefused,
    OtherHostKey {
        expected: String,
        seen: String,
    },
    Io(io::Error),
    Ssh(ssh2::Error),
    /// The server answers, and gives no files over SFTP.
    NoSftp,
    /// The server closed the command's channel and did not tell how it ended. Whether it was seen to run.
    EndUnknown {
        runs: bool,
    },
    /// The server does something that no server may.
    Protocol(&'static str),
    /// An error that is public already, and goes to the caller as it is.
    Public(Error),
}

impl Cause {
    pub(super) fn deadline(seen: impl Into<String>) -> Self {
        Self::Deadline(seen.into())
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ssh2::Error> for Cause {
    fn from(error: ssh2::Error) -> Self {
        Self::Ssh(error)
    }
}

const NOT_TOLD: &str = "the server closed its channel and did not say how it ended";

/// A failed call.
#[derive(Debug)]
pub(super) struct CallError {
    pub(super) machine: SocketAddr,
    pub(super) user: String,
    pub(super) limit: Duration,
    pub(super) stage: Stage,
    pub(super) cause: Cause,
}

impl CallError {
    /// Returns a description of what happened to a command that was sent, and the limit that ran out.
    pub(super) fn broke_off(&self) -> (String, Option<Duration>) {
        let Self { machine, limit, cause, .. } = self;
        let broke = |reason: &dyn fmt::Display| {
            (format!("the connection to {machine} was lost while the command ran ({reason})"), None)
        };
        match cause {
            Cause::Deadline(_) => {
                (format!("the command on {machine} did not finish within {} s", limit.as_secs()), Some(*limit))
            }
            Cause::Silence(silence) => {
                (format!("the command on {machine} wrote nothing for {} s", silence.as_secs_f64()), Some(*silence))
            }
            Cause::Cancelled => (format!("nobody waits for the command on {machine} any longer"), None),
            Cause::EndUnknown { .. } => (format!("the command on {machine} has no known end: {NOT_TOLD}"), None),
            Cause::Io(error) => broke(error),
            Cause::Ssh(error) => broke(&error.message()),
            Cause::Protocol(reason) => broke(reason),
            Cause::Public(error) => broke(error),
            Cause::NoSftp => broke(&"it gives no files over SFTP"),
            Cause::LoginRefused | Cause::OtherHostKey { .. } => broke(&"its login failed"),
        }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let CallError { machine, user, limit, stage, cause } = error;
        let part = match stage {
            Stage::Queue | Stage::Connect | Stage::Handshake => Part::Connection,
            Stage::Login | Stage::Command | Stage::Transfer | Stage::Session => Part::Machine,
        };
        let unavailable =
            |reason: &dyn fmt::Display| Self::unavailable(part, format!("{stage} {machine} failed: {reason}"));
        match cause {
            Cause::Deadline(detail) => Self::Timeout { stage: format!("{stage} {machine}"), after: limit, detail },
            Cause::Silence(silence) => Self::Timeout {
                stage: format!("{stage} {machine}"),
                after: silence,
                detail: match stage {
                    Stage::Transfer => "the machine was silent".to_owned(),
                    _ => "the command wrote nothing".to_owned(),
                },
            },
            Cause::LoginRefused => Self::LoginRefused { machine: machine.to_string(), user },
            Cause::OtherHostKey { expected, seen } => {
                Self::HostKeyChanged { machine: machine.to_string(), expected, seen }
            }
            Cause::EndUnknown { .. } => unavailable(&NOT_TOLD),
            Cause::Cancelled => unavailable(&"the caller stopped waiting"),
            Cause::Io(error) => unavailable(&error),
            Cause::Ssh(error) => unavailable(&error.message()),
            Cause::NoSftp => unavailable(&"it does not offer SFTP"),
            Cause::Protocol(reason) => unavailable(&reason),
            Cause::Public(error) => error,
        }
    }
}
