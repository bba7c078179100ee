//! Between the caller, who may stop waiting, and the blocking thread, which must always come to an end.

use std::io::PipeWriter;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::call::{Frame, Unseen};
use super::error::{Cause, Stage};
use super::kill;
use super::limits::Limits;
use super::sockets::Sockets;
use crate::blocking;
use crate::error::{Error, Result};

/// When the socket is shut down under a thread that does not come back: long enough for the kill, short enough that
/// the call ends within a second after its deadline.
const HARD_STOP: Duration = kill::GRACE.saturating_add(Duration::from_millis(300));
/// The time that a thread may tidy up over another connection after its call has ended.
pub(super) const TIDYING: Duration = Duration::from_secs(10);

/// Runs the work of a call on a blocking thread.
pub(super) async fn run<T: Send + 'static>(
    frame: Frame,
    work: impl FnOnce(Limits, &Sockets) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (cancelled, waiting) = std::io::pipe().map_err(|error| Error::internal("making a pipe", error))?;
    let (until, sockets) = (frame.ends(), Sockets::default());
    let thread = blocking::run("working on a machine over SSH", {
        let sockets = sockets.clone();
        move || work(Limits { until, cancelled: Some(Arc::new(cancelled)) }, &sockets)
    });
    let mut watch =
        Watch { thread: Some(Box::pin(thread)), patience: HARD_STOP, sockets, runtime: Handle::current(), waiting };
    let late = tokio::time::sleep_until(hard_stop(until));
    tokio::select! {
        // The thread begins when it is first looked at.
        biased;
        answer = watch.ended() => answer,
        () = late => {
            watch.patience = Duration::ZERO;
            let cause = Cause::deadline("the machine kept the connection busy; it was cut off");
            Err(if watch.sockets.may_have_sent() {
                frame.unfinished(cause, Unseen::default())
            } else {
                frame.failed(Stage::Session, cause)
            })
        }
    }
}

/// A caller that waits for a thread. When it no longer does, the thread hears it, and what does not end then is cut
/// off.
struct Watch<T: Send + 'static> {
    thread: Option<Pin<Box<dyn Future<Output = Result<T>> + Send>>>,
    /// The time that the thread has to end by itself.
    patience: Duration,
    sockets: Sockets,
    runtime: Handle,
    /// The thread sees its end.
    #[expect(dead_code, reason = "it is there to be closed")]
    waiting: PipeWriter,
}

impl<T: Send + 'static> Watch<T> {
    async fn ended(&mut self) -> Result<T> {
        let Some(thread) = &mut self.thread else { return std::future::pending().await };
        let answer = thread.await;
        self.thread = None;
        answer
    }
}

impl<T: Send + 'static> Drop for Watch<T> {
    fn drop(&mut self) {
        let Some(mut thread) = self.thread.take() else { return };
        let (patience, sockets) = (self.patience, self.sockets.clone());
        let end = CutOff(Some(sockets.clone()));
        self.runtime.spawn(async move {
            if tokio::time::timeout(patience, &mut thread).await.is_ok() {
                return end.spare();
            }
            sockets.work.shut_down();
            let _ = tokio::time::timeout(TIDYING + HARD_STOP, thread).await;
        });
    }
}

/// Cuts a thread off when it is dropped, be it by a runtime that ends: that waits for its threads.
struct CutOff(Option<Sockets>);

impl CutOff {
    /// Leaves the sockets alone: the session of a thread that has ended may be another call's by now.
    fn spare(mut self) {
        self.0 = None;
    }
}

impl Drop for CutOff {
    fn drop(&mut self) {
        if let Some(Sockets { work, tidying, .. }) = &self.0 {
            work.shut_down();
            tidying.shut_down();
        }
    }
}

fn hard_stop(ends: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(ends + HARD_STOP)
}
