//! The trait for work inside a machine, without anything of a particular SSH library.

mod absent;
#[cfg(feature = "ssh")]
pub mod libssh2;
mod progress;
mod text;
mod transfer;
pub mod tree;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::model::{HostKey, words};

pub use crate::model::{Exit, Output, Processes, Stream, Unfinished};
pub use absent::AbsentRemote;
pub use progress::Progress;
pub use text::Text;
pub use transfer::{DEFAULT_TRANSFER_DEADLINE, Download, Place, Sink, Source, Transferred, Upload};
pub use tree::{TreeDownload, TreeTransferred, TreeUpload};

/// Runs commands on machines, and carries files there and back.
///
/// # Contract
/// - The host key is compared with [`Endpoint::host_key`] before any credential is sent; another key is
///   [`HostKeyChanged`](crate::Error::HostKeyChanged).
/// - A refused login is [`LoginRefused`](crate::Error::LoginRefused), and is never retried.
/// - A command's exit code or signal, whatever it is, is a result. One that the server did not tell is none: the call
///   fails.
/// - A call that fails after its command was sent fails with [`Unfinished`](crate::Error::Unfinished): the command may
///   have run. Any other error means that the command did not begin, and that the call may be repeated.
/// - What came of a command before it was given up is part of the error, and so is its exit code if the server told it.
/// - Its processes are told as [`Killed`](Processes::Killed) only if none of them was seen after they were killed.
/// - The command gets [`Command::input`] as its standard input, and then its end. One that does not read it, or not all
///   of it, ends as it would without.
/// - Standard output and error are drained together, also while the input is written, and each is kept up to
///   [`Command::output_limit`].
/// - Who follows a command gets every byte that is kept, in the order of its stream, before the call returns. One who
///   is slow slows the command down, and one who drops the receiver gets no more of it.
/// - [`Command::deadline`] covers the call from connect to exit; past it the call ends within one second with
///   [`Timeout`](crate::Error::Timeout), or with [`Unfinished`](crate::Error::Unfinished) and the limit once the
///   command was sent, and so it does after a [`Command::silence`]. The deadlines of [`Upload`] and [`Download`] end
///   with [`Timeout`](crate::Error::Timeout).
/// - A file that is sent is put in place whole, replacing what was there, or not at all, and what was on the way is
///   removed, also when the caller stops waiting. Its size and checksum are compared after it arrived.
/// - A file that is received is reported as [`Transferred`] only if it was there whole at one moment.
/// - A transfer holds a bounded part of the file in memory.
/// - A transfer whose connection is lost may go on over another one from where it stood, within its deadline.
/// - [`Upload::progress`] tells what the machine has confirmed and [`Download::progress`] what the sink has taken; at
///   its end, the file's size. [`Download::progress`] has that size before as its total.
/// - A directory with all that is below it is sent and received like a file: whole or not at all, and compared. What is
///   neither a regular file nor a directory is left out and named; no link is followed. Of an archive's names none
///   leads outside, and one that tries to makes it [`Invalid`](crate::Error::Invalid), naming `file`. A directory is
///   put in place where nothing is, or an empty directory, or if [`TreeUpload::replace`] allows it another one; else it
///   is a [`Conflict`](crate::Error::Conflict).
/// - What came to its place is reported so, also if the connection was lost over the machine's last word and the
///   machine can be asked again.
/// - A directory that is not there, or is closed to the user, is [`Invalid`](crate::Error::Invalid) and names
///   `directory`; a file that is not there, or is no regular file, names `file`. A full disk is a
///   [`Conflict`](crate::Error::Conflict).
/// - Where a machine gives no SFTP, its shell carries a file, with the promises that hold over SFTP. What the account's
///   start-up files print harms neither files nor directories.
/// - What a machine will never do for an account is a [`Conflict`](crate::Error::Conflict) that names the cause: a file
///   without SFTP and without a shell, a directory without a shell, a place on a read-only disk.
/// - A command whose channel the server closes before it was started goes to another channel, and is run once.
/// - A machine that cannot be reached, or that breaks the protocol, is [`Unavailable`](crate::Error::Unavailable). The
///   part is [`Connection`](crate::Part::Connection) as long as no login was tried, and then nothing has begun on the
///   machine and nothing was written to the sink of a transfer; later it is [`Machine`](crate::Part::Machine).
///   [`HostKeyChanged`](crate::Error::HostKeyChanged), too, is told only if nothing has begun.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RemoteExec: Send + Sync {
    /// Runs one command and waits for its end.
    async fn run(&self, endpoint: &Endpoint, login: &Login, command: &Command) -> Result<Output>;

    /// Runs a command as [`run`](Self::run) does, and hands on the output that is kept as it comes.
    async fn follow(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Output>;

    /// The host key that the server at an address shows. No credential is sent, and nothing proves whose server it is.
    async fn host_key(&self, address: SocketAddr, deadline: Duration) -> Result<HostKey>;

    /// Puts what comes from `source`, up to its end, into a file on a machine.
    async fn send(&self, endpoint: &Endpoint, login: &Login, upload: &Upload, source: Source) -> Result<Transferred>;

    /// Writes a machine's file to `sink`. If it fails, `sink` may have got a part.
    async fn receive(&self, endpoint: &Endpoint, login: &Login, download: &Download, sink: Sink)
    -> Result<Transferred>;

    /// Puts what a tar archive holds into a directory on a machine.
    async fn send_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        upload: &TreeUpload,
        archive: Source,
    ) -> Result<TreeTransferred> {
        let _ = (endpoint, login, upload, archive);
        Err(Error::Unsupported("carrying directories"))
    }

    /// Writes a tar archive of a machine's directory to `sink`. If it fails, `sink` may have got a part.
    async fn receive_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        download: &TreeDownload,
        sink: Sink,
    ) -> Result<TreeTransferred> {
        let _ = (endpoint, login, download, sink);
        Err(Error::Unsupported("carrying directories"))
    }
}

/// Where a machine's SSH server is, and how it proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// The only host key that is accepted.
    pub host_key: HostKey,
}

/// A user of a machine and the proof of being it. `Debug` does not show the proof.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name on the machine.
    pub user: String,
    /// Its proof.
    pub credential: Credential,
}

/// The proof of a login.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// A password, offered as `password` and, where that is off, as `keyboard-interactive`.
    Password(SecretString),
    /// An OpenSSH private key in PEM form, without a passphrase.
    PrivateKey(SecretString),
    /// The keys of the SSH agent that listens at this socket, usually the one that `SSH_AUTH_SOCK` names. A program
    /// that serves others must not let them choose it: the keys are not theirs.
    Agent(PathBuf),
}

/// A command for the user's login shell. `Debug` shows how long its input is, and not the input.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The line that the shell gets.
    pub line: String,
    /// The command's standard input; empty if it finds the end there at once.
    pub input: Vec<u8>,
    /// Limit for the whole call.
    pub deadline: Duration,
    /// Limit for a silence: the command is ended when it has written nothing for so long.
    pub silence: Option<Duration>,
    /// The number of bytes that are kept of standard output, and of standard error.
    pub output_limit: usize,
    /// True if the output tells how the command ended. No further question is then asked to prove an exit code of 0.
    pub ends_in_output: bool,
}

impl Command {
    /// The limit for a call if none is given.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);
    /// The kept output of each stream if none is given: 1 MiB.
    pub const DEFAULT_OUTPUT_LIMIT: usize = 1 << 20;

    /// A command with the default limits.
    pub fn new(line: impl Into<String>) -> Self {
        let (deadline, output_limit) = (Self::DEFAULT_DEADLINE, Self::DEFAULT_OUTPUT_LIMIT);
        Self { line: line.into(), input: Vec::new(), deadline, silence: None, output_limit, ends_in_output: false }
    }

    /// Returns the command with this standard input.
    #[must_use]
    pub fn reading(self, input: impl Into<Vec<u8>>) -> Self {
        Self { input: input.into(), ..self }
    }

    /// Returns the command with a limit of silence: it is ended when it has written nothing for this time.
    #[must_use]
    pub fn silent_at_most(self, silence: Duration) -> Self {
        Self { silence: Some(silence), ..self }
    }

    /// Returns the command as one whose output tells how it ended, so that nothing more is run to prove its exit code.
    /// An account with a forced command would run that command once more.
    #[must_use]
    pub fn ending_in_output(self) -> Self {
        Self { ends_in_output: true, ..self }
    }

    /// Returns the command with another deadline.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, input, deadline, silence, output_limit, ends_in_output } = self;
        let input = format_args!("{} bytes", input.len());
        let mut command = f.debug_struct("Command");
        command.field("line", line).field("input", &input).field("deadline", deadline);
        command.field("silence", silence).field("output_limit", output_limit);
        command.field("ends_in_output", ends_in_output).finish()
    }
}

/// A piece of a command's output on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it was written to.
    pub channel: OutputChannel,
    /// The written bytes. A character may be cut in two; [`Text`] joins it again.
    pub bytes: Vec<u8>,
}

words!(
    /// Where a command writes to.
    OutputChannel, "stream" {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
);
