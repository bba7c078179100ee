//! What a command did.

use std::time::Duration;

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output.
    pub stdout: Stream,
    /// What it wrote to standard error.
    pub stderr: Stream,
    /// From the call to the exit.
    pub duration: Duration,
}

/// One output stream of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// The first bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// How many bytes came in all.
    pub total: u64,
}

impl Stream {
    /// Whether bytes were left out.
    pub fn truncated(&self) -> bool {
        self.total > self.bytes.len() as u64
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of this name, without `SIG`.
    Signal(String),
}
