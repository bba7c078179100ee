//! Commands and files over SSH with libssh2.
//!
//! A call has a session of its own, which a pool keeps for the next call. Its blocking thread never blocks in libssh2:
//! the session is non-blocking and every wait is one `poll` with the time that is left. A server that keeps libssh2
//! busy without a pause is cut off by a supervisor, which shuts the socket down.

mod blocked;
mod by_shell;
mod call;
mod command;
mod connect;
mod content;
mod digest;
mod download;
mod error;
mod exec;
mod host_key;
mod kill;
mod limits;
mod link;
mod login;
mod pool;
mod resume;
mod session_lease;
mod sftp;
mod shell;
mod sockets;
mod stream;
mod supervise;
mod telling;
mod tidy;
mod transfer;
mod tree;
mod upload;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::call::{Call, Frame, Patience};
use self::error::{Cause, Stage};
use self::limits::Limits;
use self::pool::Pool;
use self::session_lease::SessionLease;
use self::sockets::Sockets;
use super::{
    Command, Download, Endpoint, Login, Output, Piece, Progress, RemoteExec, Sink, Source, Transferred, TreeDownload,
    TreeTransferred, TreeUpload, Upload,
};
use crate::error::Result;
use crate::model::HostKey;

/// The settings of [`Libssh2Exec`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Libssh2Config {
    /// The number of sessions that may be open at once, those that wait for a further call included; further calls
    /// wait, within their deadline.
    pub sessions: usize,
    /// The number of sessions to one address. OpenSSH drops connections at random when more than ten of them have not
    /// yet logged in.
    pub sessions_of_a_machine: usize,
    /// The time that a session waits for a further call of the same user with the same credential; zero if each call is
    /// to have a new one.
    pub idle: Duration,
    /// The greatest age of a session, counted from its login. That long a password that was changed on the machine, or
    /// groups that the user has left, still count.
    pub longest: Duration,
    /// The time after a call in which a session counts as alive, so that the next command needs one round trip less. A
    /// command on one that died unseen within this time fails; after it, the session is asked first, and replaced. Zero
    /// to ask always.
    pub trusted: Duration,
    /// Limit for the TCP connection, within the call's deadline.
    pub connect_timeout: Duration,
    /// The time that a machine may be silent while a file or a directory is carried. Past it the connection counts as
    /// lost, and the transfer goes on over another one. A machine may be frozen for half a minute, as it is while it is
    /// saved or moved. While it works by itself (checks a file, writes to its disk), its server need only be there.
    pub silence: Duration,
    /// Limit for the key exchange and the login together, and for the machine's server of files to begin, within the
    /// call's deadline.
    pub login_timeout: Duration,
}

impl Default for Libssh2Config {
    fn default() -> Self {
        Self {
            sessions: 64,
            sessions_of_a_machine: 8,
            idle: Duration::from_secs(60),
            longest: Duration::from_secs(600),
            trusted: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(30),
            silence: Duration::from_secs(40),
        }
    }
}

/// Runs commands through libssh2. Cheap to clone; clones share their sessions, which end with the last of them.
///
/// Needs a tokio runtime with time enabled. A session that has ended a command is kept for the next call with the same
/// machine, host key, user and credential, whose channel is asked for ahead (but not of Dropbear, which closes a
/// channel that waits); one that is found dead then is replaced unnoticed, which is safe since no command was sent yet.
/// At most four connections at once log in at one machine. When a deadline passes, or the caller stops waiting, the
/// command's processes are killed over a second channel if the machine answers in time, and the connection is dropped.
///
/// Files go over SFTP. Where the machine's shell has `sha256sum` and `mv`, they check the copy and put it in place;
/// elsewhere it is read back and renamed. Where the server gives no SFTP, or something else answers on it, the shell
/// carries the file; that needs `sh`, `cat`, `dd` with `iflag=fullblock`, `head`, `tail`, `wc`, `mv` and `openssl` or
/// `sha256sum`, as coreutils and BusyBox have them, and `/proc` to go on after a cut on the way up. A transfer whose
/// connection is lost, or says nothing for [`Libssh2Config::silence`], goes on over another one from where it stood,
/// within its deadline; at most 1 MiB is moved again, and of a directory on its way up as much as the machine takes
/// ahead (2 MiB with OpenSSH). It is given up when five connections in a row brought nothing, some 8 s after the first
/// was lost. What is left of a transfer that failed is removed over another connection, which may take some seconds
/// longer than the call.
///
/// A directory goes as a tar archive through one command, as long as its connection holds. The machine needs `sh`,
/// `tar`, `xargs` and `sha256sum`, as every Linux distribution has them, BusyBox too; to go on after a cut, `/proc` on
/// the way up and a `dd` that knows `fullblock` on the way down. On its way down the machine reads again what had come,
/// without sending it; a directory that is not as it was is a conflict. A directory on its way up of which this process
/// lets go without a word, because it was killed, is removed by the machine itself after an hour.
///
/// libssh2 does not tell a missing exit status from 0. A server that may have left it out is therefore asked, through a
/// further command, whether the command still runs: OpenSSH since 9.2, whose `ChannelTimeout` does so, after a command
/// that ended with 0 and was silent for 50 ms before (a limit of 1 s may be missed in one of twenty cases), and once in
/// each connection a server that is neither OpenSSH nor dropbear. An account that does not run what it is given cannot
/// be asked: the end of such a command is not known there. Transfers do not rely on it.
#[derive(Clone, Debug)]
pub struct Libssh2Exec {
    pool: Pool,
    patience: Patience,
}

impl Libssh2Exec {
    /// A client with these limits.
    pub fn new(config: &Libssh2Config) -> Self {
        let Libssh2Config { connect_timeout: connect, login_timeout: login, silence, .. } = *config;
        let patience = Patience { connect, login, silence };
        Self { pool: Pool::new(config), patience }
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
        self.command(endpoint, login, command, None).await
    }

    async fn follow(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Output> {
        self.command(endpoint, login, command, Some(pieces)).await
    }

    async fn host_key(&self, address: SocketAddr, deadline: Duration) -> Result<HostKey> {
        let frame = Frame::new(address, "", deadline, self.patience);
        supervise::run(frame.clone(), move |limits, sockets| {
            let link = frame.reach(limits, &sockets.work, None)?;
            host_key::seen(link.session()).map_err(|cause| frame.failed(Stage::Handshake, cause))
        })
        .await
    }

    async fn send(&self, endpoint: &Endpoint, login: &Login, upload: &Upload, source: Source) -> Result<Transferred> {
        let (upload, deadline) = (upload.clone(), upload.deadline);
        transfer::send(self, endpoint, login, deadline, source, move |call, lease, limits, sockets, chunks| {
            upload::run(call, lease, &limits, sockets, &upload, chunks)
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
        let (download, deadline, taken) = (download.clone(), download.deadline, &download.progress);
        transfer::receive(self, endpoint, login, deadline, sink, taken, move |call, lease, limits, sockets, deliver| {
            download::run(call, lease, &limits, sockets, &download, &deliver)
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
        transfer::send(self, endpoint, login, deadline, archive, move |call, lease, limits, sockets, chunks| {
            tree::send(call, lease, limits, sockets, &upload, chunks)
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
        let taken = &Progress::new();
        transfer::receive(self, endpoint, login, deadline, sink, taken, move |call, lease, limits, sockets, deliver| {
            tree::receive(call, lease, limits, sockets, &download, deliver)
        })
        .await
    }
}

impl Libssh2Exec {
    async fn command(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: Option<mpsc::Sender<Piece>>,
    ) -> Result<Output> {
        exec::check(command)?;
        let (command, deadline) = (command.clone(), command.deadline);
        let work = move |call: &Call, lease: SessionLease, limits: Limits, sockets: &Sockets| {
            command::run(call, lease, limits, sockets, &command, pieces)
        };
        self.call(endpoint, login, deadline, work).await
    }

    /// Does something on a blocking thread that has a place among the sessions.
    async fn call<T: Send + 'static>(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        deadline: Duration,
        work: impl FnOnce(&Call, SessionLease, Limits, &Sockets) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let frame = Frame::new(endpoint.address, &login.user, deadline, self.patience);
        let entry = tokio::time::timeout(deadline, self.pool.enter(self.pool.key(endpoint, login)))
            .await
            .map_err(|_| frame.failed(Stage::Queue, Cause::deadline("all sessions are in use")))?;
        let lease = SessionLease::from(entry);
        // Where a session is kept, the login has been one.
        if !lease.has_session() {
            login::check(login)?;
        }
        let (pool, host_key, login) = (self.pool.clone(), endpoint.host_key.clone(), login.clone());
        let call = Call { frame: frame.clone(), host_key, login, pool };
        supervise::run(frame, move |limits, sockets| work(&call, lease, limits, sockets)).await
    }
}
