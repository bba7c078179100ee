//! The result of a command.

use std::time::Duration;

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The command's end.
    pub exit: Exit,
    /// The standard output.
    pub stdout: Stream,
    /// The standard error.
    pub stderr: Stream,
    /// From the call to the exit.
    pub duration: Duration,
}

/// One output stream of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// The number of bytes that came in all.
    pub total: u64,
}

impl Stream {
    /// Returns whether bytes were left out.
    pub fn truncated(&self) -> bool {
        self.total > self.bytes.len() as u64
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// The end of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of this name, without `SIG`.
    Signal(String),
}
