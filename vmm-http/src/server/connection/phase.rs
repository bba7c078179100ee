//! Where a connection stands, and until when it may stand there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Instant;

use super::ConnectionLimits;

/// The time that the rest of a body that nobody reads is awaited, so that its client sees the answer.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The head of a request is awaited.
    Head,
    /// The first byte of a further request is awaited.
    Idle,
    /// A request is being answered.
    Busy,
    /// The answer was the last, and what the client still sends is thrown away.
    Closing,
}

/// The state of one connection. Cheap to clone; clones are the same state.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: ConnectionLimits,
    end: Option<Instant>,
    phase: Phase,
    phase_ends: Instant,
    sending: Patience,
    receiving: Patience,
    /// The body of the request that runs has come to its end.
    received: bool,
    /// The last body was not read to its end.
    unread: bool,
    finishing: bool,
    given_up: bool,
}

/// The remaining patience with a client that has to send or to take something.
#[derive(Debug)]
struct Patience {
    left: Duration,
    waiting_since: Option<Instant>,
}

impl Patience {
    fn wait(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    fn moved(&mut self, bytes: usize, limits: &ConnectionLimits) {
        let waited = self.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed());
        let earned = Duration::from_secs_f64(bytes as f64 / f64::from(limits.least_rate.max(1)));
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(limits.stall_deadline);
    }

    fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.left)
    }
}

impl Progress {
    pub(super) fn new(limits: &ConnectionLimits, accepted: Instant) -> Self {
        let patience = || Patience { left: limits.stall_deadline, waiting_since: None };
        Self(Arc::new(Mutex::new(State {
            end: limits.lifetime.map(|lifetime| accepted + lifetime),
            phase: Phase::Head,
            phase_ends: accepted + limits.header_deadline,
            sending: patience(),
            receiving: patience(),
            received: true,
            unread: false,
            finishing: false,
            given_up: false,
            limits: limits.clone(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The moment from which the connection is not worth keeping.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let (sending, receiving) = (state.sending.deadline(), state.receiving.deadline());
        let phase = match state.phase {
            // What is left of the last answer has its own deadline.
            Phase::Busy | Phase::Idle if sending.is_some() => None,
            Phase::Busy => None,
            Phase::Idle | Phase::Head if state.finishing => Some(Instant::now()),
            Phase::Idle | Phase::Head | Phase::Closing => Some(state.phase_ends),
        };
        [state.end, phase, sending, receiving].into_iter().flatten().min()
    }

    /// No further request is to be taken.
    pub(super) fn finish(&self) {
        self.state().finishing = true;
    }

    /// A deadline is over.
    pub(super) fn give_up(&self) {
        self.state().given_up = true;
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.state().given_up
    }

    /// A request has its whole head.
    pub(super) fn begin<B: Body>(&self, request: &hyper::Request<B>) {
        let mut state = self.state();
        state.phase = Phase::Busy;
        state.received = request.body().is_end_stream();
        state.unread = false;
        state.receiving = Patience { left: state.limits.stall_deadline, waiting_since: None };
    }

    fn answered(&self) {
        let mut state = self.state();
        if state.phase == Phase::Busy {
            state.phase = Phase::Idle;
            state.phase_ends = Instant::now() + state.limits.idle_deadline;
        }
    }

    /// Bytes came from the client.
    pub(super) fn read(&self) {
        let mut state = self.state();
        if state.phase == Phase::Idle {
            state.phase = Phase::Head;
            state.phase_ends = Instant::now() + state.limits.header_deadline;
        }
    }

    /// The client takes nothing at the moment.
    pub(super) fn write_waits(&self) {
        self.state().sending.wait();
    }

    /// The client took bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        let State { sending, limits, .. } = &mut *state;
        let waited = sending.waiting_since.is_some();
        sending.moved(bytes, limits);
        if waited && state.phase == Phase::Idle {
            state.phase_ends = Instant::now() + state.limits.idle_deadline;
        }
    }

    /// The last answer is out. Says whether the client may still be sending, so that it has to be heard out: a socket
    /// closed on unread bytes is reset, and takes the answer with it.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Closing {
            (state.phase, state.phase_ends) = (Phase::Closing, Instant::now() + LINGER);
        }
        state.unread
    }

    fn body_waits(&self) {
        self.state().receiving.wait();
    }

    fn body_came(&self, bytes: usize, last: bool) {
        let mut state = self.state();
        let State { receiving, limits, .. } = &mut *state;
        receiving.moved(bytes, limits);
        state.received |= last;
    }

    fn body_dropped(&self) {
        let mut state = self.state();
        state.receiving.waiting_since = None;
        state.unread = !state.received;
    }
}

/// The body of a request, whose client must not stall.
pub(super) struct Incoming {
    inner: BoxBody<Bytes, io::Error>,
    progress: Progress,
}

impl Incoming {
    pub(super) fn new(inner: BoxBody<Bytes, io::Error>, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() {
            self.progress.body_waits();
        }
        let frame = ready!(polled);
        let bytes = frame.as_ref().and_then(|frame| Some(frame.as_ref().ok()?.data_ref()?.len()));
        self.progress.body_came(bytes.unwrap_or_default(), frame.is_none() || self.inner.is_end_stream());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.progress.body_dropped();
    }
}

/// The body of an answer, which is over when hyper drops it.
pub(super) struct Answer {
    inner: BoxBody<Bytes, io::Error>,
    progress: Progress,
}

impl Answer {
    pub(super) fn new(inner: BoxBody<Bytes, io::Error>, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.progress.answered();
    }
}
