//! Between the caller, who may stop waiting, and the blocking thread, which must always come to an end.

use std::io::PipeReader;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::error::{Cause, Stage};
use super::link::Limits;
use super::{Call, kill};
use crate::blocking;
use crate::error::{Error, Result};
use crate::remote::Output;

/// When the socket is shut down under a thread that does not come back: long enough for the kill, short enough that
/// the call ends within a second after its deadline.
const HARD_STOP: Duration = kill::GRACE.saturating_add(Duration::from_millis(300));

/// The call's socket as soon as there is one.
#[derive(Clone, Default)]
pub(super) struct SocketSlot(Arc<OnceLock<Arc<TcpStream>>>);

impl SocketSlot {
    pub(super) fn set(&self, socket: &Arc<TcpStream>) {
        let _ = self.0.set(Arc::clone(socket));
    }

    fn shut_down(&self) {
        if let Some(socket) = self.0.get() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Runs the call on a blocking thread, which holds the permit to its end.
pub(super) async fn run(call: Call, permit: OwnedSemaphorePermit) -> Result<Output> {
    let (cancelled, waiting) = std::io::pipe().map_err(|error| Error::internal("making a pipe", error))?;
    let (still_here, gone) = oneshot::channel();
    let answer = tokio::spawn(supervise(call, permit, cancelled, gone)).await;
    // Both live as long as the caller waits: the thread hears the one's end, the supervisor the other's.
    drop((waiting, still_here));
    answer.map_err(|error| Error::internal("supervising an SSH call", error))?
}

async fn supervise(
    call: Call,
    permit: OwnedSemaphorePermit,
    cancelled: PipeReader,
    gone: oneshot::Receiver<()>,
) -> Result<Output> {
    let call = Arc::new(call);
    let socket = SocketSlot::default();
    let mut thread = std::pin::pin!({
        let (call, socket) = (Arc::clone(&call), socket.clone());
        blocking::run("running a command over SSH", move || {
            let limits = Limits { until: call.ends(), cancelled: Some(cancelled) };
            let answer = call.run(limits, &socket);
            drop(permit);
            answer
        })
    });
    let late = tokio::time::sleep_until(hard_stop(call.ends()));
    tokio::select! {
        answer = &mut thread => return answer,
        () = late => {}
        _ = gone => if let Ok(answer) = tokio::time::timeout(HARD_STOP, &mut thread).await { return answer },
    }
    socket.shut_down();
    Err(call.failed(Stage::Session, Cause::deadline("the machine kept the connection busy; it was cut off")))
}

fn hard_stop(ends: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(ends + HARD_STOP)
}
