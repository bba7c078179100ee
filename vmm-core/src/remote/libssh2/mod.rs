//! Commands and files over SSH with libssh2.
//!
//! A call has a connection of its own. Its blocking thread never blocks in libssh2: the session is non-blocking and
//! every wait is one `poll` with the time that is left. A server that keeps libssh2 busy without a pause is cut off
//! by a supervisor, which shuts the socket down.

mod connect;
mod content;
mod download;
mod error;
mod exec;
mod host_key;
mod kill;
mod link;
mod login;
mod resume;
mod sftp;
mod shell;
mod stream;
mod supervise;
mod transfer;
mod tree;
mod tree_script;
mod upload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use self::error::{CallError, Cause, Stage};
use self::link::{Limits, Link};
use self::supervise::{SocketSlot, Sockets};
use super::{
    Command, Download, Endpoint, Login, Output, RemoteExec, Sink, Source, Transferred, TreeDownload, TreeTransferred,
    TreeUpload, Upload,
};
use crate::error::{Error, Part, Result};

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
/// Files go over SFTP. Where the machine's shell has `sha256sum` and `mv`, they check the copy and put it in place;
/// elsewhere it is read back and renamed. A transfer whose connection is lost goes on over another one from where it
/// stood, within its deadline; at most 1 MiB is moved again. It is given up when five connections in a row brought
/// nothing, some 8 s after the first was lost. What is left of a transfer that failed is removed over another
/// connection, which may take some seconds longer than the call.
///
/// A directory goes as a tar archive through one command. The machine needs `sh`, `tar`, `xargs` and `sha256sum`, as
/// every Linux distribution has them, BusyBox too.
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
        exec::check(command)?;
        let (command, deadline) = (command.clone(), command.deadline);
        let work = move |call: &Call, limits: Limits, sockets: &Sockets| call.command(limits, sockets, &command);
        self.call(endpoint, login, deadline, work).await
    }

    async fn send(&self, endpoint: &Endpoint, login: &Login, upload: &Upload, source: Source) -> Result<Transferred> {
        let (upload, deadline) = (upload.clone(), upload.deadline);
        transfer::send(self, endpoint, login, deadline, source, move |call, limits, sockets, chunks| {
            upload::run(call, &limits, sockets, &upload, chunks)
        })
        .await
    }

    async fn receive(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        download: &Download,
        sink: Sink,
    ) -> Result<Transferred> {
        let (download, deadline) = (download.clone(), download.deadline);
        transfer::receive(self, endpoint, login, deadline, sink, move |call, limits, sockets, deliver| {
            download::run(call, &limits, sockets, &download, &deliver)
        })
        .await
    }

    async fn send_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        upload: &TreeUpload,
        archive: Source,
    ) -> Result<TreeTransferred> {
        let (upload, deadline) = (upload.clone(), upload.deadline);
        transfer::send(self, endpoint, login, deadline, archive, move |call, limits, sockets, chunks| {
            tree::send(call, limits, sockets, &upload, chunks)
        })
        .await
    }

    async fn receive_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        download: &TreeDownload,
        sink: Sink,
    ) -> Result<TreeTransferred> {
        let (download, deadline) = (download.clone(), download.deadline);
        transfer::receive(self, endpoint, login, deadline, sink, move |call, limits, sockets, deliver| {
            tree::receive(call, limits, sockets, &download, deliver)
        })
        .await
    }
}

impl Libssh2Exec {
    /// Does something on a session of its own, on a blocking thread.
    async fn call<T: Send + 'static>(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        deadline: Duration,
        work: impl FnOnce(&Call, Limits, &Sockets) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        login::check(login)?;
        let call = Call {
            endpoint: endpoint.clone(),
            login: login.clone(),
            deadline,
            began: Instant::now(),
            connect_timeout: self.connect_timeout,
        };
        let permit = tokio::time::timeout(deadline, Arc::clone(&self.sessions).acquire_owned())
            .await
            .map_err(|_| call.failed(Stage::Queue, Cause::deadline("all sessions are in use")))?
            .map_err(|_| Error::unavailable(Part::Desk, "it is stopping"))?;
        supervise::run(Arc::new(call), permit, work).await
    }
}

/// One call, as the blocking thread gets it.
struct Call {
    endpoint: Endpoint,
    login: Login,
    deadline: Duration,
    began: Instant,
    connect_timeout: Duration,
}

impl Call {
    fn ends(&self) -> Instant {
        ends(self.began, self.deadline)
    }

    fn failed(&self, stage: Stage, cause: Cause) -> Error {
        CallError { machine: self.endpoint.address, user: self.login.user.clone(), limit: self.deadline, stage, cause }
            .into()
    }

    /// A session that is logged in.
    fn connect(&self, limits: Limits, socket: &SocketSlot) -> Result<Link> {
        let at = |stage| move |cause| self.failed(stage, cause);
        let tcp =
            connect::tcp(self.endpoint.address, limits.until, self.connect_timeout).map_err(at(Stage::Connect))?;
        socket.set(&tcp);
        let link = connect::ssh(tcp, limits, &self.endpoint.host_key).map_err(at(Stage::Handshake))?;
        host_key::compare(link.session(), &self.endpoint.host_key).map_err(at(Stage::Handshake))?;
        login::login(&link, &self.login).map_err(at(Stage::Login))?;
        Ok(link)
    }

    fn command(&self, limits: Limits, sockets: &Sockets, command: &Command) -> Result<Output> {
        let mut link = self.connect(limits, &sockets.work)?;
        let mut running = exec::Running::default();
        match running.run(&link, command) {
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

/// The moment a time after another one; far away if that cannot be reckoned.
fn ends(began: Instant, time: Duration) -> Instant {
    began.checked_add(time).unwrap_or_else(|| began + Duration::from_secs(1 << 31))
}
