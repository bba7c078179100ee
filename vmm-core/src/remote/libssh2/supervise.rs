//! Between the caller, who may stop waiting, and the blocking thread, which must always come to an end.

use std::io::PipeReader;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::error::{Cause, Stage};
use super::link::Limits;
use super::{Frame, kill};
use crate::blocking;
use crate::error::{Error, Result};

/// When the socket is shut down under a thread that does not come back: long enough for the kill, short enough that
/// the call ends within a second after its deadline.
const HARD_STOP: Duration = kill::GRACE.saturating_add(Duration::from_millis(300));
/// How long a thread may tidy up over another connection after its call has ended.
pub(super) const TIDYING: Duration = Duration::from_secs(10);

/// A socket as soon as there is one.
#[derive(Clone, Default)]
pub(super) struct SocketSlot(Arc<Mutex<Option<Arc<TcpStream>>>>);

impl SocketSlot {
    pub(super) fn set(&self, socket: &Arc<TcpStream>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(socket));
    }

    fn shut_down(&self) {
        if let Some(socket) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// The sockets of a call: the one of its work, and the one for tidying up after it.
#[derive(Clone, Default)]
pub(super) struct Sockets {
    pub(super) work: SocketSlot,
    pub(super) tidying: SocketSlot,
}

/// Runs the work of a call on a blocking thread.
pub(super) async fn run<T: Send + 'static>(
    frame: Frame,
    work: impl FnOnce(Limits, &Sockets) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (cancelled, waiting) = std::io::pipe().map_err(|error| Error::internal("making a pipe", error))?;
    let (still_here, gone) = oneshot::channel();
    let answer = tokio::spawn(supervise(frame, cancelled, gone, work)).await;
    // Both live as long as the caller waits: the thread hears the one's end, the supervisor the other's.
    drop((waiting, still_here));
    answer.map_err(|error| Error::internal("supervising an SSH call", error))?
}

async fn supervise<T: Send + 'static>(
    frame: Frame,
    cancelled: PipeReader,
    gone: oneshot::Receiver<()>,
    work: impl FnOnce(Limits, &Sockets) -> Result<T> + Send + 'static,
) -> Result<T> {
    let sockets = Sockets::default();
    let mut thread = Box::pin({
        let (until, sockets) = (frame.ends(), sockets.clone());
        blocking::run("working on a machine over SSH", move || {
            work(Limits { until, cancelled: Some(Arc::new(cancelled)) }, &sockets)
        })
    });
    let late = tokio::time::sleep_until(hard_stop(frame.ends()));
    tokio::select! {
        answer = &mut thread => return answer,
        () = late => {}
        _ = gone => if let Ok(answer) = tokio::time::timeout(HARD_STOP, &mut thread).await { return answer },
    }
    sockets.work.shut_down();
    tokio::spawn(async move {
        if tokio::time::timeout(TIDYING + HARD_STOP, thread).await.is_err() {
            sockets.tidying.shut_down();
        }
    });
    Err(frame.failed(Stage::Session, Cause::deadline("the machine kept the connection busy; it was cut off")))
}

fn hard_stop(ends: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(ends + HARD_STOP)
}
