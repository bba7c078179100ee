//! Scripted commands.

use std::time::Duration;

use vmm_core::remote::Exit;

/// The behaviour of a scripted command. Text and bytes are what it writes; it ends with exit code 0 if nothing else is
/// said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub(in crate::fake) exit: Exit,
    pub(in crate::fake) stdout: Vec<u8>,
    pub(in crate::fake) stderr: Vec<u8>,
    pub(in crate::fake) takes: Duration,
    pub(in crate::fake) copies: bool,
    /// True if the connection is lost when it would end.
    pub(in crate::fake) breaks: bool,
    /// True if it has ended long before its output has, which a process in the background holds open.
    pub(in crate::fake) leaves: bool,
    /// True if this is said by something that the account runs in place of what it is given.
    pub(in crate::fake) instead: bool,
}

impl Answer {
    /// Writes this to standard output.
    pub fn stdout(bytes: impl Into<Vec<u8>>) -> Self {
        let (exit, stdout, stderr, takes) = (Exit::Code(0), bytes.into(), Vec::new(), Duration::ZERO);
        Self { exit, stdout, stderr, takes, copies: false, breaks: false, leaves: false, instead: false }
    }

    /// Writes nothing and exits with this code.
    pub fn code(code: i32) -> Self {
        Self::stdout("").with_exit(Exit::Code(code))
    }

    /// Writes its standard input to standard output.
    pub fn copies_input() -> Self {
        Self { copies: true, ..Self::stdout("") }
    }

    /// Never ends.
    pub fn hangs() -> Self {
        Self::stdout("").taking(Duration::MAX)
    }

    /// Returns the answer with another end.
    #[must_use]
    pub fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Returns the answer with this on standard error.
    #[must_use]
    pub fn with_stderr(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { stderr: bytes.into(), ..self }
    }

    /// Returns the answer of a command whose connection is lost in place of its end.
    #[must_use]
    pub fn losing_the_connection(self) -> Self {
        Self { breaks: true, ..self }
    }

    /// Returns the answer of a command that leaves a process in the background, which holds its output open for ever.
    #[must_use]
    pub fn leaving_a_process(self) -> Self {
        Self { leaves: true, takes: Duration::MAX, ..self }
    }

    /// Returns the answer as said by what the account runs whatever it is given.
    #[must_use]
    pub fn in_its_place(self) -> Self {
        Self { instead: true, ..self }
    }

    /// Returns the answer of a command that takes this time.
    #[must_use]
    pub fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }
}
