//! Work that goes on after its update was answered, until it ends or its person ends it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The largest number of tasks in progress at once: of one person, and of all.
const OF_A_PERSON: usize = 4;
const IN_ALL: usize = 64;

/// The tasks in progress, by the number of their update.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running {
    works: Arc<Mutex<HashMap<i64, Work>>>,
}

#[derive(Debug)]
struct Work {
    person: i64,
    cancelled: Arc<Notify>,
}

/// Something that goes on, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ticket {
    running: Running,
    update: i64,
    cancelled: Arc<Notify>,
}

impl Running {
    /// Notes that something goes on; `None` if there is too much already.
    pub(crate) fn begin(&self, person: i64, update: i64) -> Option<Ticket> {
        let mut works = self.works();
        let own = works.values().filter(|work| work.person == person).count();
        if own >= OF_A_PERSON || works.len() >= IN_ALL {
            return None;
        }
        let cancelled = Arc::<Notify>::default();
        works.insert(update, Work { person, cancelled: Arc::clone(&cancelled) });
        Some(Ticket { running: self.clone(), update, cancelled })
    }

    /// Asks what this person's update has begun to end; `false` if it has ended.
    pub(crate) fn cancel(&self, person: i64, update: i64) -> bool {
        let works = self.works();
        let own = works.get(&update).filter(|work| work.person == person);
        if let Some(work) = own {
            work.cancelled.notify_one();
        }
        own.is_some()
    }

    fn works(&self) -> MutexGuard<'_, HashMap<i64, Work>> {
        self.works.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits until somebody wants it to end.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.running.works().remove(&self.update);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_person_ends_their_own_work_and_has_so_much_at_once() {
        let running = Running::default();
        let tickets: Vec<_> = (1..=4).map(|update| running.begin(7, update).expect("room for four")).collect();
        assert!(running.begin(7, 5).is_none());
        assert!(running.begin(8, 5).is_some());
        assert!(!running.cancel(8, 1), "another person's");
        assert!(!running.cancel(7, 5), "ended");
        assert!(running.cancel(7, 1));
        tickets[0].cancelled().await;
        drop(tickets);
        assert!(!running.cancel(7, 1));
        assert!(running.begin(7, 5).is_some());
    }
}
