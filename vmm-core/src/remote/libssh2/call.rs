//! One call: whom it goes to, how long it may take, and what its failure is called.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::error::{CallError, Cause, Stage};
use super::limits::Limits;
use super::link::Link;
use super::pool::Pool;
use super::sockets::SocketSlot;
use super::{connect, host_key, login};
use crate::error::{Error, Result};
use crate::model::{Exit, HostKey, Stream};
use crate::remote::{Login, Processes, Unfinished};

/// Limits within those of the calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    pub(super) login: Duration,
    pub(super) silence: Duration,
}

/// The frame of a call: its name for people, and its time limit.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) address: SocketAddr,
    user: String,
    deadline: Duration,
    pub(super) began: Instant,
    pub(super) patience: Patience,
}

impl Frame {
    pub(super) fn new(address: SocketAddr, user: &str, deadline: Duration, patience: Patience) -> Self {
        Self { address, user: user.to_owned(), deadline, began: Instant::now(), patience }
    }

    pub(super) fn ends(&self) -> Instant {
        ends(self.began, self.deadline)
    }

    pub(super) fn failed(&self, stage: Stage, cause: Cause) -> Error {
        let limit = match stage {
            Stage::Handshake | Stage::Login if Instant::now() < self.ends() => self.patience.login,
            _ => self.deadline,
        };
        CallError { machine: self.address, user: self.user.clone(), limit, stage, cause }.into()
    }

    /// The error of a command that was sent, or may have been.
    pub(super) fn unfinished(&self, cause: Cause, unseen: Unseen) -> Error {
        let Unseen { exit, processes, stdout, stderr } = unseen;
        let (limit, stage) = (self.deadline, Stage::Command);
        let call = CallError { machine: self.address, user: self.user.clone(), limit, stage, cause };
        let (reason, after) = call.broke_off();
        Unfinished { reason, after, exit, processes, stdout, stderr, duration: self.began.elapsed() }.into()
    }

    /// An encrypted session with a server whose host key is not yet judged, with the time that there is for a login.
    pub(super) fn reach(&self, limits: Limits, socket: &SocketSlot, expected: Option<&HostKey>) -> Result<Link> {
        let Patience { connect, login, .. } = self.patience;
        let tcp =
            connect::tcp(self.address, limits.until, connect).map_err(|cause| self.failed(Stage::Connect, cause))?;
        socket.set(&tcp);
        let limits = Limits { until: limits.until.min(ends(Instant::now(), login)), ..limits };
        connect::ssh(tcp, limits, login, expected).map_err(|cause| self.failed(Stage::Handshake, cause))
    }
}

/// The facts about a command whose end was not seen.
#[derive(Default)]
pub(super) struct Unseen {
    pub(super) exit: Option<Exit>,
    pub(super) processes: Processes,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

/// One call with a login, as the blocking thread gets it.
pub(super) struct Call {
    pub(super) frame: Frame,
    pub(super) host_key: HostKey,
    pub(super) login: Login,
    pub(super) pool: Pool,
}

impl Call {
    pub(super) fn failed(&self, stage: Stage, cause: Cause) -> Error {
        self.frame.failed(stage, cause)
    }

    /// A session that is logged in.
    pub(super) fn connect(&self, limits: Limits, socket: &SocketSlot) -> Result<Link> {
        let at = |stage| move |cause| self.failed(stage, cause);
        let _turn = self.pool.turn(self.frame.address, &limits).map_err(at(Stage::Connect))?;
        let mut link = self.frame.reach(limits.clone(), socket, Some(&self.host_key))?;
        host_key::compare(link.session(), &self.host_key).map_err(at(Stage::Handshake))?;
        login::login(&link, &self.login).map_err(at(Stage::Login))?;
        link.resume(limits);
        Ok(link)
    }
}

/// The moment a time after another one; far away if that cannot be reckoned.
pub(super) fn ends(began: Instant, time: Duration) -> Instant {
    began.checked_add(time).unwrap_or_else(|| began + Duration::from_secs(1 << 31))
}
