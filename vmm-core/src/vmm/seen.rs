//! What was last seen of the machines on the host, shared by everybody who asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::debug;

use crate::hypervisor::Hypervisor;
use crate::model::SeenStates;
use crate::ops::state_of;

/// How old an answer may be.
const AGE: Duration = Duration::from_secs(1);
/// How long somebody who lists machines waits for the host.
const PATIENCE: Duration = Duration::from_secs(2);

/// One look at the host serves everybody who asks within [`AGE`], and whoever asks while it goes on waits for it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    look: Mutex<Arc<Look>>,
}

#[derive(Debug)]
struct Look {
    since: Instant,
    states: OnceCell<Arc<SeenStates>>,
}

impl Default for Look {
    fn default() -> Self {
        Self { since: Instant::now(), states: OnceCell::new() }
    }
}

impl Seen {
    /// The states of this second; all unknown if the host did not answer.
    pub(super) async fn states(&self, hypervisor: &dyn Hypervisor) -> Arc<SeenStates> {
        let look = self.latest();
        look.states.get_or_init(|| see(hypervisor)).await.clone()
    }

    /// What was seen is out of date: something was just done to a machine.
    pub(super) fn forget(&self) {
        *self.lock() = Arc::default();
    }

    fn latest(&self) -> Arc<Look> {
        let mut latest = self.lock();
        if latest.states.initialized() && latest.since.elapsed() > AGE {
            *latest = Arc::default();
        }
        Arc::clone(&latest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Look>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn see(hypervisor: &dyn Hypervisor) -> Arc<SeenStates> {
    let states = match tokio::time::timeout(PATIENCE, hypervisor.domains()).await {
        Ok(Ok(domains)) => {
            SeenStates::new(domains.into_iter().map(|domain| (domain.uuid, state_of(Some(domain.state)))))
        }
        Ok(Err(error)) => {
            debug!(%error, "the host does not say how its machines are; their state is unknown");
            SeenStates::unreachable()
        }
        Err(_) => {
            debug!("the host takes too long to say how its machines are; their state is unknown");
            SeenStates::unreachable()
        }
    };
    Arc::new(states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Part};
    use crate::hypervisor::MockHypervisor;

    fn host(looks: usize) -> MockHypervisor {
        let mut host = MockHypervisor::new();
        host.expect_domains().times(looks).returning(|| Ok(Vec::new()));
        host
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_serves_all_who_ask_within_a_second() {
        let (seen, host) = (Arc::new(Seen::default()), Arc::new(host(2)));
        for _ in 0..2 {
            let asking: Vec<_> = (0..64)
                .map(|_| {
                    let (seen, host) = (Arc::clone(&seen), Arc::clone(&host));
                    tokio::spawn(async move { seen.states(host.as_ref()).await.answered() })
                })
                .collect();
            for asked in asking {
                assert!(asked.await.expect("no panic"));
            }
            tokio::time::advance(AGE + Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_something_was_done_somebody_looks_again() {
        let (seen, host) = (Seen::default(), host(2));
        assert!(seen.states(&host).await.answered());
        seen.forget();
        assert!(seen.states(&host).await.answered());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_is_asked_once_a_second() {
        let (seen, mut host) = (Seen::default(), MockHypervisor::new());
        host.expect_domains().times(1).returning(|| Err(Error::unavailable(Part::Hypervisor, "away")));
        assert!(!seen.states(&host).await.answered());
        assert!(!seen.states(&host).await.answered());
    }
}
