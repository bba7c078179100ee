//! Glances at records that somebody watches, shared by all who watch them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Result;
use crate::model::{Job, JobId, Role, Run, RunId, UserId, UserName};

/// The greatest age of a glance.
const AGE: Duration = Duration::from_millis(400);

/// The records that are watched at this moment. A glance says whether a watcher has to read; it shows nobody anything.
#[derive(Debug, Default)]
pub(crate) struct Glances {
    /// Runs of scripts.
    pub(crate) runs: Watched<RunId, Arc<Run>>,
    /// Jobs.
    pub(crate) jobs: Watched<JobId, Arc<Job>>,
    /// Accounts: what rights depend on.
    pub(crate) accounts: Watched<UserId, (UserName, Role)>,
}

/// The records of one kind that are watched.
#[derive(Debug)]
pub(crate) struct Watched<K, T>(Mutex<HashMap<K, Weak<Glance<T>>>>);

impl<K, T> Default for Watched<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T> Watched<K, T> {
    /// Joins those who watch a record.
    pub(crate) fn join(&self, key: K) -> Arc<Glance<T>> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(glance) = watched.get(&key).and_then(Weak::upgrade) {
            return glance;
        }
        watched.retain(|_, glance| glance.strong_count() > 0);
        let glance = Arc::new(Glance(tokio::sync::Mutex::new(None)));
        watched.insert(key, Arc::downgrade(&glance));
        glance
    }
}

/// The latest glance at one record.
#[derive(Debug)]
pub(crate) struct Glance<T>(tokio::sync::Mutex<Option<(Instant, T)>>);

impl<T: Clone> Glance<T> {
    /// Returns what the record was at most 400 ms ago; looks if nobody has looked since.
    ///
    /// # Errors
    /// Those of the look.
    pub(crate) async fn get<F: Future<Output = Result<T>>>(&self, look: impl FnOnce() -> F) -> Result<T> {
        let mut latest = self.0.lock().await;
        if let Some((since, seen)) = &*latest
            && since.elapsed() < AGE
        {
            return Ok(seen.clone());
        }
        let began = Instant::now();
        let seen = look().await?;
        *latest = Some((began, seen.clone()));
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_watch_a_record_share_a_look() {
        let (watched, looks) = (Watched::<u8, u32>::default(), AtomicU32::new(0));
        let look = || async { Ok(looks.fetch_add(1, Ordering::Relaxed)) };
        let watchers: Vec<_> = (0..50).map(|_| watched.join(1)).collect();
        for _ in 0..10 {
            for watcher in &watchers {
                watcher.get(look).await.expect("a look");
            }
            tokio::time::sleep(AGE).await;
        }
        assert_eq!(looks.load(Ordering::Relaxed), 10);
    }

    #[tokio::test]
    async fn a_record_that_nobody_watches_is_forgotten() {
        let watched = Watched::<u8, u32>::default();
        drop(watched.join(1));
        let _other = watched.join(2);
        assert_eq!(watched.0.lock().expect("no panic").len(), 1);
    }
}
