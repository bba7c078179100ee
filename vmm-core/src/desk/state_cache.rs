//! The last observation of the machines on the host, shared by everybody who asks.

use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::recent::Recent;
use crate::host::{HostDomains, state_of};
use crate::model::ObservedStates;

/// The time that somebody who lists machines waits for the host.
const PATIENCE: Duration = Duration::from_secs(2);

/// The states of the machines on the host, as they were at most a second ago.
#[derive(Debug, Default)]
pub(super) struct StateCache(Recent<Arc<ObservedStates>>);

impl StateCache {
    /// The states of this second; all unknown if the host did not answer.
    pub(super) async fn states(&self, domains: &dyn HostDomains) -> Arc<ObservedStates> {
        self.0.get(|| see(domains)).await
    }

    /// Looks again while what was seen still serves, if it soon does not. `this` finds these states in their owner.
    pub(super) fn look_ahead<O: Send + Sync + 'static>(
        &self,
        owner: &Arc<O>,
        this: fn(&O) -> (&Self, &dyn HostDomains),
    ) {
        let Some(next) = self.0.due() else { return };
        let owner = Arc::clone(owner);
        tokio::spawn(async move {
            let (seen, domains) = this(&owner);
            seen.0.take(next, || see(domains)).await;
        });
    }

    /// Forgets the observation, which is out of date: something was just done to a machine.
    pub(super) fn forget(&self) {
        self.0.forget();
    }
}

async fn see(domains: &dyn HostDomains) -> Arc<ObservedStates> {
    let states = match tokio::time::timeout(PATIENCE, domains.list()).await {
        Ok(Ok(domains)) => {
            ObservedStates::new(domains.into_iter().map(|domain| (domain.uuid, state_of(Some(domain.state)))))
        }
        Ok(Err(error)) => {
            debug!(%error, "the host does not say how its machines are; their state is unknown");
            ObservedStates::unreachable()
        }
        Err(_) => {
            debug!("the host takes too long to say how its machines are; their state is unknown");
            ObservedStates::unreachable()
        }
    };
    Arc::new(states)
}

#[cfg(test)]
mod tests {
    use super::super::recent::AGE;
    use super::*;
    use crate::error::{Error, Part};
    use crate::host::MockHostDomains;

    fn host(looks: usize) -> MockHostDomains {
        let mut host = MockHostDomains::new();
        host.expect_list().times(looks).returning(|| Ok(Vec::new()));
        host
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_serves_all_who_ask_within_a_second() {
        let (seen, host) = (Arc::new(StateCache::default()), Arc::new(host(2)));
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
        let (seen, host) = (StateCache::default(), host(2));
        assert!(seen.states(&host).await.answered());
        seen.forget();
        assert!(seen.states(&host).await.answered());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_does_not_answer_is_asked_once_a_second() {
        let (seen, mut host) = (StateCache::default(), MockHostDomains::new());
        host.expect_list().times(1).returning(|| Err(Error::unavailable(Part::Hypervisor, "away")));
        assert!(!seen.states(&host).await.answered());
        assert!(!seen.states(&host).await.answered());
    }
}
