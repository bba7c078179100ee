//! The runs of scripts in this process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use crate::model::RunId;

/// The time that a stopping process waits for its runs to note that they are interrupted.
const GRACE: Duration = Duration::from_secs(10);

/// An order to a run of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    GoOn,
    Cancel,
    Stop,
}

#[derive(Debug, Default)]
struct Open {
    runs: HashMap<RunId, watch::Sender<Order>>,
    /// True if somebody gives signs of life for them.
    kept_alive: bool,
}

/// The runs of this process.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    open: Mutex<Open>,
}

impl Runs {
    /// Tells a run of this process to end.
    pub(crate) fn cancel(&self, id: RunId) {
        if let Some(orders) = self.open().runs.get(&id) {
            orders.send_if_modified(|order| {
                let goes_on = *order == Order::GoOn;
                if goes_on {
                    *order = Order::Cancel;
                }
                goes_on
            });
        }
    }

    /// Interrupts every run of this process, and waits until that is recorded.
    pub(crate) async fn stop(&self) {
        let open: Vec<_> = self.open().runs.values().cloned().collect();
        let ended = async {
            for orders in &open {
                orders.send_replace(Order::Stop);
                orders.closed().await;
            }
        };
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            warn!("not every script that ran could be noted as interrupted; the next start does it");
        }
    }

    /// Takes a run up; gives what it is told, and whether somebody gives signs of life for the runs already.
    pub(crate) fn begin(&self, id: RunId) -> (watch::Receiver<Order>, bool) {
        let (orders, order) = watch::channel(Order::GoOn);
        let mut open = self.open();
        open.runs.insert(id, orders);
        (order, std::mem::replace(&mut open.kept_alive, true))
    }

    /// Lets a run go that has ended.
    pub(crate) fn end(&self, id: RunId) {
        self.open().runs.remove(&id);
    }

    /// Returns the runs that need a sign of life. After none, nobody gives them until the next one begins.
    pub(crate) fn to_keep_alive(&self) -> Vec<RunId> {
        let mut open = self.open();
        open.kept_alive = !open.runs.is_empty();
        open.runs.keys().copied().collect()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
