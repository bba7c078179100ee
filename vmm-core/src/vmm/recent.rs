//! A look that is shared by everybody who asks within a moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How old an answer may be.
pub(super) const AGE: Duration = Duration::from_secs(1);

/// One look serves everybody who asks within [`AGE`], and whoever asks while it goes on waits for it.
#[derive(Debug)]
pub(super) struct Recent<T> {
    look: Mutex<Arc<Look<T>>>,
}

/// What was seen, and when somebody began to look.
#[derive(Debug)]
struct Look<T>(OnceCell<(Instant, T)>);

impl<T> Default for Look<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { look: Mutex::default() }
    }
}

impl<T: Clone> Recent<T> {
    /// What was seen in this second; looks if nobody did.
    pub(super) async fn get<F: Future<Output = T>>(&self, look: impl FnOnce() -> F) -> T {
        let latest = self.latest();
        let (_, seen) = latest.0.get_or_init(|| async { (Instant::now(), look().await) }).await;
        seen.clone()
    }

    /// What was seen is out of date.
    pub(super) fn forget(&self) {
        *self.lock() = Arc::default();
    }

    fn latest(&self) -> Arc<Look<T>> {
        let mut latest = self.lock();
        if latest.0.get().is_some_and(|(since, _)| since.elapsed() > AGE) {
            *latest = Arc::default();
        }
        Arc::clone(&latest)
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Look<T>>> {
        self.look.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
