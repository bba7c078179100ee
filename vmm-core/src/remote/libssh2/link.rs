//! A session over a socket, driven without ever blocking in libssh2.

use std::cell::{Cell, OnceCell};
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, Session, Sftp};

use super::blocked::{again_at_once, would_block};
use super::error::Cause;
use super::limits::{Limits, timespec};

/// `LIBSSH2_ERROR_CHANNEL_FAILURE`.
const NO_CHANNEL: ErrorCode = ErrorCode::Session(-21);
/// libssh2 sends no sign of life if it sent one within this time, in seconds.
const KEEPALIVE: u32 = 2;
/// So long a server may refuse a channel while it ends the one before.
const REOPENING: Duration = Duration::from_secs(2);
/// Between two tries to open a channel.
const BETWEEN_CHANNELS: Duration = Duration::from_millis(10);
/// The number of channels that are tried for a command whose channel is closed before it is started.
const CHANNELS: usize = 4;
/// So long it is at least between two questions whether a server is there.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(KEEPALIVE as u64 + 1);

/// An open session. Dropping it shuts the socket down.
pub(super) struct Link {
    session: Session,
    /// The channel to the machine's files, once one was asked for.
    sftp: OnceCell<Sftp>,
    /// Until when a channel that was asked for ahead may be used without a further answer of the server. libssh2 keeps
    /// the question itself, and goes on with it when a channel is opened, be it for a command or for files.
    ahead: Cell<Option<Instant>>,
    /// A channel that is open and not yet used.
    spare: Cell<Option<Channel>>,
    /// True if the server has given a channel.
    given: Cell<bool>,
    /// True if the server may have closed the channel that was given out last before anything was asked of it.
    stale: Cell<bool>,
    socket: Arc<TcpStream>,
    limits: Limits,
    /// The time that the machine has to begin giving its files.
    beginning: Duration,
    /// The time that the machine may be silent.
    silence: Cell<Option<Duration>>,
    /// True if it has more to do than to answer.
    busy: Cell<bool>,
    /// True if its server was seen to tell how a command ended.
    proven: Cell<bool>,
}

impl Link {
    pub(super) fn new(session: Session, socket: Arc<TcpStream>, limits: Limits, beginning: Duration) -> Self {
        session.set_blocking(false);
        let (sftp, ahead, spare) = (OnceCell::new(), Cell::new(None), Cell::new(None));
        let (given, stale, silence, busy) = (Cell::new(false), Cell::new(false), Cell::new(None), Cell::new(false));
        let proven = Cell::new(false);
        Self { session, sftp, ahead, spare, given, stale, socket, limits, beginning, silence, busy, proven }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }

    /// Ends the call's hold on it.
    pub(super) fn park(&mut self) {
        self.limits = Limits { until: Instant::now(), cancelled: None };
        self.silence.set(None);
    }

    /// From here on a machine that says nothing for so long counts as gone.
    pub(super) fn attend(&self, silence: Duration) {
        self.silence.set(Some(silence));
    }

    /// Does something for which the machine needs its time: while it works, its server is asked for a sign of life.
    pub(super) fn patiently<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.be_patient(true);
        let done = work();
        self.be_patient(before);
        done
    }

    /// Switches to the given mode and returns the previous one.
    pub(super) fn be_patient(&self, patient: bool) -> bool {
        self.busy.replace(patient)
    }

    /// Asks for the next command's channel and does not wait for the answer. A command that comes within `trusted` then
    /// takes one round trip less. Whether the session still works.
    ///
    /// Dropbear is not asked: it closes a channel on which nothing was begun as soon as any of its children ends.
    pub(super) fn open_ahead(&self, trusted: Duration) -> bool {
        if self.closes_unused_channels() {
            return !self.is_gone();
        }
        let opened = match self.spare.take() {
            Some(channel) => Ok(channel),
            None => self.session.channel_session(),
        };
        match opened {
            Ok(channel) => self.spare.set(Some(channel)),
            Err(error) if would_block(&error) => {}
            Err(_) => return false,
        }
        self.ahead.set(Instant::now().checked_add(trusted));
        true
    }

    fn closes_unused_channels(&self) -> bool {
        self.session.banner().is_some_and(|banner| banner.to_ascii_lowercase().contains("dropbear"))
    }

    /// A channel for one command. The server has answered for it just now, or within the time that it is trusted for.
    pub(super) fn channel(&self) -> Result<Channel, Cause> {
        self.stale.set(self.ahead.get().is_some() || self.closes_unused_channels());
        let Some(until) = self.ahead.take() else { return self.open() };
        let ahead = match self.open_at_once() {
            Ok(mut channel) => is_open(&mut channel).then_some(channel),
            // A server that gives one channel at a time may not have seen the end of the one before.
            Err(cause) if is_refusal(&cause) => None,
            Err(cause) => return Err(cause),
        };
        let Some(channel) = ahead else { return self.open() };
        if Instant::now() < until {
            return Ok(channel);
        }
        match self.open_at_once() {
            Ok(further) => self.spare.set(Some(further)),
            // A server that refuses is there, too.
            Err(cause) if is_refusal(&cause) && !self.is_gone() => {}
            Err(cause) => return Err(cause),
        }
        Ok(channel)
    }

    /// Starts a command on a [`channel`](Self::channel), and returns the channel that it runs on.
    ///
    /// A server that closes the channel instead of answering will never answer. If it may have closed the channel
    /// before the command came, the command was not started, and goes to another channel.
    pub(super) fn start(&self, mut channel: Channel, line: &str) -> Result<Channel, Cause> {
        for _ in 0..CHANNELS {
            let started = self.drive(|| match channel.exec(line) {
                Err(error) if would_block(&error) && channel.eof() => Ok(false),
                started => started.map(|()| true),
            })?;
            if started {
                return Ok(channel);
            }
            if !self.stale.get() {
                break;
            }
            channel = self.open()?;
        }
        Err(Cause::Protocol(
            "its SSH server closed the command's channel and did not say whether the command was started",
        ))
    }

    /// The spare channel, the one that was asked for ahead, or a new one.
    fn open(&self) -> Result<Channel, Cause> {
        let began = Instant::now();
        loop {
            // A server that gives one channel at a time may not have seen the end of the one before.
            let soon = self.given.get() && self.sftp.get().is_none() && began.elapsed() < REOPENING;
            match self.open_at_once() {
                Err(cause) if soon && is_refusal(&cause) && !self.is_gone() => self.pause(BETWEEN_CHANNELS)?,
                opened => return opened,
            }
        }
    }

    fn open_at_once(&self) -> Result<Channel, Cause> {
        let channel = match self.spare.take() {
            Some(channel) => channel,
            None => self.drive(|| self.session.channel_session())?,
        };
        self.given.set(true);
        Ok(channel)
    }

    /// Gives it to another call.
    pub(super) fn resume(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Does something that may take so long of the time that is left.
    pub(super) fn within<T>(
        &mut self,
        time: Duration,
        work: impl FnOnce(&Self) -> Result<T, Cause>,
    ) -> Result<T, Cause> {
        let until = self.limits.until;
        self.limits.until = until.min(Instant::now() + time);
        let done = work(self);
        self.limits.until = until;
        done
    }

    /// Sends the server a sign of life that needs no answer; its acknowledgement shows that it is there. Whether that
    /// could be done.
    pub(super) fn keep_alive(&self) -> bool {
        self.session.set_keepalive(false, KEEPALIVE);
        self.session.keepalive_send().is_ok()
    }

    /// Asks the server for an answer, which only shows that it is there. Whether that could be done.
    fn ask(&self) -> bool {
        self.session.set_keepalive(true, KEEPALIVE);
        self.session.keepalive_send().is_ok()
    }

    /// Gives the session some last time that the caller's going away does not shorten.
    pub(super) fn extend(&mut self, time: Duration) {
        self.limits = Limits { until: Instant::now() + time, cancelled: None };
    }

    /// Repeats a step of libssh2 until it is done, and waits for the socket in between.
    pub(super) fn drive<T>(&self, mut step: impl FnMut() -> Result<T, ssh2::Error>) -> Result<T, Cause> {
        loop {
            match step() {
                Err(error) if would_block(&error) => self.wait()?,
                done => return Ok(done?),
            }
        }
    }

    /// Starts the machine's server of files. One that says nothing is not waited for as long as the call may take.
    fn start_files(&self) -> Result<Sftp, Cause> {
        let began = Instant::now();
        loop {
            match again_at_once(|| self.session.sftp(), would_block) {
                Err(error) if would_block(&error) => {
                    let left = self.beginning.saturating_sub(began.elapsed());
                    if left.is_zero() {
                        return Err(Cause::Protocol("its SFTP server does not start"));
                    }
                    self.wait_at_most(left)?;
                }
                started => return Ok(started?),
            }
        }
    }

    /// Waits until the socket is ready for what libssh2 needs next.
    pub(super) fn wait(&self) -> Result<(), Cause> {
        let Some(silence) = self.silence.get() else { return self.wait_at_most(Duration::MAX) };
        let busy = self.busy.get();
        let silence = if busy { silence.max(BETWEEN_QUESTIONS) } else { silence };
        if self.is_ready_within(silence)? || (busy && self.ask() && self.is_ready_within(silence)?) {
            return Ok(());
        }
        Err(Cause::Silence(silence))
    }

    /// Waits for the socket, for this time at most.
    pub(super) fn wait_at_most(&self, time: Duration) -> Result<(), Cause> {
        self.is_ready_within(time).map(drop)
    }

    fn is_ready_within(&self, time: Duration) -> Result<bool, Cause> {
        // The kernel falls back to delayed acknowledgement by itself, which costs 40 ms a round trip.
        let _ = rustix::net::sockopt::set_tcp_quickack(&*self.socket, true);
        let timeout = timespec(self.limits.left()?.min(time))?;
        let mut ready = vec![PollFd::new(&*self.socket, self.direction())];
        if let Some(cancelled) = &self.limits.cancelled {
            ready.push(PollFd::new(&**cancelled, PollFlags::IN));
        }
        let count = match poll(&mut ready, Some(&timeout)) {
            Ok(count) => count,
            // The step is tried again, which does no harm.
            Err(rustix::io::Errno::INTR) => 1,
            Err(error) => return Err(Cause::Io(error.into())),
        };
        if ready.get(1).is_some_and(|fd| !fd.revents().is_empty()) {
            return Err(Cause::Cancelled);
        }
        self.check()?;
        Ok(count > 0)
    }

    /// Returns whether there is time left.
    pub(super) fn check(&self) -> Result<(), Cause> {
        self.limits.left().map(|_| ())
    }

    /// Returns whether the other side has ended the connection.
    pub(super) fn is_gone(&self) -> bool {
        let mut ready = [PollFd::new(&*self.socket, PollFlags::RDHUP)];
        poll(&mut ready, Some(&Timespec::default())).is_err() || !ready[0].revents().is_empty()
    }

    /// Lets time pass, as long as somebody waits for the call.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Cause> {
        self.limits.pause(time)
    }

    /// Returns whether its server was seen to tell how a command ended.
    pub(super) fn is_proven(&self) -> bool {
        self.proven.get()
    }

    /// Notes whether its server was seen to tell how a command ended.
    pub(super) fn prove(&self, seen: bool) {
        self.proven.set(self.proven.get() || seen);
    }

    /// Returns whether the machine's server of files was started.
    pub(super) fn has_files(&self) -> bool {
        self.sftp.get().is_some()
    }

    /// The channel to the machine's files; the same one for all who ask. A server that refuses it, or on which
    /// something else answers than SFTP, is [`NoSftp`](Cause::NoSftp).
    pub(super) fn sftp(&self) -> Result<&Sftp, Cause> {
        if self.sftp.get().is_none() {
            let started = match (self.ahead.take(), self.start_files()) {
                // It takes the channel that was asked for ahead, which may have been too early.
                (Some(_), Err(Cause::Ssh(_))) if !self.is_gone() => self.start_files(),
                (_, started) => started,
            };
            let sftp = started.map_err(|cause| match cause {
                // libssh2 has one code for this and for a server that gives no SFTP.
                Cause::Ssh(_) if self.is_gone() => Cause::Io(ErrorKind::ConnectionAborted.into()),
                Cause::Ssh(error) => {
                    tracing::debug!(%error, "a server gives no SFTP");
                    Cause::NoSftp
                }
                cause => cause,
            })?;
            let _ = self.sftp.set(sftp);
        }
        self.sftp.get().ok_or(Cause::Protocol("there is no channel to the files"))
    }

    /// Says goodbye as far as that is possible at once.
    fn disconnect(&self) {
        let _ = self.session.disconnect(None, "", None);
    }

    /// Ends the connection. What libssh2 does in blocking mode after it, when its objects are freed, cannot block.
    pub(super) fn cut(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    fn direction(&self) -> PollFlags {
        match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        }
    }
}

/// Returns whether a server gives no channel.
fn is_refusal(cause: &Cause) -> bool {
    matches!(cause, Cause::Ssh(error) if error.code() == NO_CHANNEL)
}

/// Returns whether the server has not closed a channel on which nothing was begun.
fn is_open(channel: &mut Channel) -> bool {
    matches!(channel.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

impl Drop for Link {
    fn drop(&mut self) {
        self.disconnect();
        self.cut();
        // A non-blocking session that cannot send at once is leaked when freed; on a dead socket this cannot block.
        self.session.set_blocking(true);
    }
}
