//! Commands over SSH with libssh2.
//!
//! A call has a connection of its own. Its blocking thread never blocks in libssh2: the session is non-blocking and
//! every wait is one `poll` with the time that is left. A server that keeps libssh2 busy without a pause is cut off
//! by a supervisor, which shuts the socket down.

mod connect;
mod error;
mod exec;
mod host_key;
mod kill;
mod link;
mod login;
mod supervise;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::error::{CallError, Cause, Stage};
use self::link::Limits;
use self::supervise::SocketSlot;
use super::{Command, Endpoint, Login, Output, RemoteExec};
use crate::error::{Error, Part, Result};

/// libssh2 sends a command in one packet and refuses what does not fit.
const LONGEST_LINE: usize = 32_000;

/// How [`Libssh2Exec`] works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Libssh2Config {
    /// How many sessions may be open at once; further calls wait, within their deadline.
    pub sessions: usize,
    /// Limit for the TCP connection, within the call's deadline.
    pub connect_timeout: Duration,
}

impl Default for Libssh2Config {
    fn default() -> Self {
        Self { sessions: 64, connect_timeout: Duration::from_secs(10) }
    }
}

/// Runs commands through libssh2, one connection for each call. Cheap to clone; clones share the limit of sessions.
///
/// Needs a tokio runtime with time enabled. When a deadline passes, or the caller stops waiting, the command's
/// processes are killed over a second channel if the machine answers in time, and the connection is dropped.
///
/// libssh2 does not tell a missing exit status from 0: a server that closes the channel without one reads as 0.
#[derive(Clone, Debug)]
pub struct Libssh2Exec {
    sessions: Arc<Semaphore>,
    connect_timeout: Duration,
}

impl Libssh2Exec {
    /// A client with these limits.
    pub fn new(config: &Libssh2Config) -> Self {
        let sessions = config.sessions.clamp(1, Semaphore::MAX_PERMITS);
        Self { sessions: Arc::new(Semaphore::new(sessions)), connect_timeout: config.connect_timeout }
    }
}

impl Default for Libssh2Exec {
    fn default() -> Self {
        Self::new(&Libssh2Config::default())
    }
}

#[async_trait]
impl RemoteExec for Libssh2Exec {
    async fn run(&self, endpoint: &Endpoint, login: &Login, command: &Command) -> Result<Output> {
        let call = Call {
            endpoint: endpoint.clone(),
            login: login.clone(),
            command: command.clone(),
            began: Instant::now(),
            connect_timeout: self.connect_timeout,
        };
        call.check()?;
        let permit = tokio::time::timeout(command.deadline, Arc::clone(&self.sessions).acquire_owned())
            .await
            .map_err(|_| call.failed(Stage::Queue, Cause::deadline("all sessions are in use")))?
            .map_err(|_| Error::unavailable(Part::Desk, "it is stopping"))?;
        supervise::run(call, permit).await
    }
}

/// One call, as the blocking thread gets it.
struct Call {
    endpoint: Endpoint,
    login: Login,
    command: Command,
    began: Instant,
    connect_timeout: Duration,
}

impl Call {
    /// Refuses what cannot be sent.
    fn check(&self) -> Result<()> {
        if self.command.line.contains('\0') {
            return Err(Error::invalid("command", "must not contain a NUL character"));
        }
        if self.command.line.len() > LONGEST_LINE {
            return Err(Error::invalid(
                "command",
                format!("must be at most {LONGEST_LINE} bytes; send a file instead"),
            ));
        }
        login::check(&self.login)
    }

    fn ends(&self) -> Instant {
        self.began.checked_add(self.command.deadline).unwrap_or_else(|| self.began + Duration::from_secs(1 << 31))
    }

    fn failed(&self, stage: Stage, cause: Cause) -> Error {
        CallError {
            machine: self.endpoint.address,
            user: self.login.user.clone(),
            limit: self.command.deadline,
            stage,
            cause,
        }
        .into()
    }

    /// The whole call, on a blocking thread.
    fn run(&self, limits: Limits, socket: &SocketSlot) -> Result<Output> {
        let at = |stage| move |cause| self.failed(stage, cause);
        let tcp = connect::tcp(self.endpoint.address, self.ends(), self.connect_timeout).map_err(at(Stage::Connect))?;
        socket.set(&tcp);
        let mut link = connect::ssh(tcp, limits, &self.endpoint.host_key).map_err(at(Stage::Handshake))?;
        host_key::compare(link.session(), &self.endpoint.host_key).map_err(at(Stage::Handshake))?;
        login::login(&link, &self.login).map_err(at(Stage::Login))?;
        let mut running = exec::Running::default();
        match running.run(&link, &self.command) {
            Ok(exit) => {
                link.disconnect();
                let exec::Running { stdout, stderr } = running;
                Ok(Output { exit, stdout, stderr, duration: self.began.elapsed() })
            }
            Err(Cause::Deadline(_)) => {
                let detail = running.describe(kill::siblings(&mut link));
                Err(self.failed(Stage::Command, Cause::Deadline(detail)))
            }
            Err(Cause::Cancelled) => {
                kill::siblings(&mut link);
                Err(self.failed(Stage::Command, Cause::Cancelled))
            }
            Err(cause) => Err(self.failed(Stage::Command, cause)),
        }
    }
}
