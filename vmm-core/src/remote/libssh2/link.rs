//! A session over a socket, driven without ever blocking in libssh2.

use std::io::PipeReader;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, ErrorCode, Session};

use super::error::Cause;

/// `LIBSSH2_ERROR_EAGAIN`.
pub(super) const WOULD_BLOCK: ErrorCode = ErrorCode::Session(-37);

/// What ends a wait before the server does.
pub(super) struct Limits {
    pub(super) until: Instant,
    /// Its other end closes when the caller stops waiting.
    pub(super) cancelled: Option<PipeReader>,
}

impl Limits {
    /// The time that is left.
    pub(super) fn left(&self) -> Result<Duration, Cause> {
        time_left(self.until)
    }

    /// The same for another connection of the same call.
    pub(super) fn another(&self) -> Result<Self, Cause> {
        let cancelled = self.cancelled.as_ref().map(PipeReader::try_clone).transpose()?;
        Ok(Self { until: self.until, cancelled })
    }

    /// Lets time pass, as long as somebody waits for the call.
    pub(super) fn pause(&self, time: Duration) -> Result<(), Cause> {
        let timeout = timespec(self.left()?.min(time))?;
        let mut ready: Vec<_> = self.cancelled.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
        match poll(&mut ready, Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => self.left().map(|_| ()),
            Ok(_) => Err(Cause::Cancelled),
            Err(error) => Err(Cause::Io(error.into())),
        }
    }
}

fn timespec(time: Duration) -> Result<Timespec, Cause> {
    Timespec::try_from(time).map_err(|_| Cause::Protocol("the deadline is too far away"))
}

/// The time that is left until a moment.
pub(super) fn time_left(until: Instant) -> Result<Duration, Cause> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Cause::deadline("the machine did not answer in time")) } else { Ok(left) }
}

/// An open session. Dropping it shuts the socket down.
pub(super) struct Link {
    session: Session,
    socket: Arc<TcpStream>,
    limits: Limits,
}

impl Link {
    pub(super) fn new(session: Session, socket: Arc<TcpStream>, limits: Limits) -> Self {
        session.set_blocking(false);
        Self { session, socket, limits }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Gives the session some last time that the caller's going away does not shorten.
    pub(super) fn extend(&mut self, time: Duration) {
        self.limits = Limits { until: Instant::now() + time, cancelled: None };
    }

    /// Repeats a step of libssh2 until it is done, and waits for the socket in between.
    pub(super) fn drive<T>(&self, mut step: impl FnMut() -> Result<T, ssh2::Error>) -> Result<T, Cause> {
        loop {
            match step() {
                Err(error) if error.code() == WOULD_BLOCK => self.wait()?,
                done => return Ok(done?),
            }
        }
    }

    /// Waits until the socket is ready for what libssh2 needs next.
    pub(super) fn wait(&self) -> Result<(), Cause> {
        // The kernel falls back to delayed acknowledgement by itself, which costs 40 ms a round trip.
        let _ = rustix::net::sockopt::set_tcp_quickack(&*self.socket, true);
        let timeout = timespec(self.limits.left()?)?;
        let mut ready = vec![PollFd::new(&*self.socket, self.direction())];
        if let Some(cancelled) = &self.limits.cancelled {
            ready.push(PollFd::new(cancelled, PollFlags::IN));
        }
        match poll(&mut ready, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Cause::Io(error.into())),
        }
        if ready.get(1).is_some_and(|fd| !fd.revents().is_empty()) { Err(Cause::Cancelled) } else { self.check() }
    }

    /// Whether there is time left.
    pub(super) fn check(&self) -> Result<(), Cause> {
        self.limits.left().map(|_| ())
    }

    /// Whether the other side has ended the connection.
    pub(super) fn is_gone(&self) -> bool {
        let mut ready = [PollFd::new(&*self.socket, PollFlags::RDHUP)];
        poll(&mut ready, Some(&Timespec::default())).is_err() || !ready[0].revents().is_empty()
    }

    /// Says goodbye as far as that is possible at once.
    pub(super) fn disconnect(&self) {
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

impl Drop for Link {
    fn drop(&mut self) {
        self.cut();
        // A non-blocking session that cannot send at once is leaked when freed; on a dead socket this cannot block.
        self.session.set_blocking(true);
    }
}
