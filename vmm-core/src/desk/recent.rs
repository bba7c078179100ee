//! A look that is shared by everybody who asks within a moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// The greatest age of an answer.
pub(super) const AGE: Duration = Duration::from_secs(1);

/// From which age of an answer on the next look may begin, so that nobody waits for it.
pub(super) const AHEAD: Duration = Duration::from_millis(500);

/// One look serves everybody who asks within [`AGE`], and whoever asks while it goes on waits for it.
#[derive(Debug)]
pub(super) struct Recent<T>(Mutex<Looks<T>>);

#[derive(Debug)]
struct Looks<T> {
    latest: Arc<Look<T>>,
    /// One that goes on while the latest still serves.
    next: Option<Arc<Look<T>>>,
}

/// An observation, with the moment at which the look began.
#[derive(Debug)]
pub(super) struct Look<T>(OnceCell<(Instant, T)>);

impl<T> Default for Look<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::new(Looks { latest: Arc::default(), next: None }))
    }
}

impl<T: Clone> Recent<T> {
    /// Returns the observation of this second; looks if nobody did.
    pub(super) async fn get<F: Future<Output = T>>(&self, look: impl FnOnce() -> F) -> T {
        let latest = self.latest();
        let (_, seen) = latest.0.get_or_init(|| async { (Instant::now(), look().await) }).await;
        seen.clone()
    }

    /// The next look, for the caller to [`take`](Self::take); `None` unless the latest is [`AHEAD`] old and nobody has
    /// it.
    pub(super) fn due(&self) -> Option<Arc<Look<T>>> {
        let mut looks = self.lock();
        let age = looks.latest.0.get().map(|(since, _)| since.elapsed());
        let is_due = looks.next.is_none() && age.is_some_and(|age| age >= AHEAD && age <= AGE);
        is_due.then(|| Arc::clone(looks.next.insert(Arc::default())))
    }

    /// Looks, and serves what was seen from then on.
    pub(super) async fn take<F: Future<Output = T>>(&self, next: Arc<Look<T>>, look: impl FnOnce() -> F) {
        next.0.get_or_init(|| async { (Instant::now(), look().await) }).await;
        let mut looks = self.lock();
        // Of what was forgotten meanwhile, nobody is told.
        if looks.next.take_if(|wanted| Arc::ptr_eq(wanted, &next)).is_some() {
            looks.latest = next;
        }
    }

    /// Forgets the observation, which is out of date.
    pub(super) fn forget(&self) {
        *self.lock() = Looks { latest: Arc::default(), next: None };
    }

    fn latest(&self) -> Arc<Look<T>> {
        let mut looks = self.lock();
        if looks.latest.0.get().is_some_and(|(since, _)| since.elapsed() > AGE) {
            looks.latest = looks.next.take().unwrap_or_default();
        }
        Arc::clone(&looks.latest)
    }

    fn lock(&self) -> MutexGuard<'_, Looks<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const SLOW: Duration = Duration::from_millis(300);

    /// A look that takes its time and tells how many there were before it.
    async fn look(looks: &AtomicU32) -> u32 {
        tokio::time::sleep(SLOW).await;
        looks.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks as the desk does. Returns what was seen and how long that took.
    async fn ask(recent: &Arc<Recent<u32>>, looks: &Arc<AtomicU32>) -> (u32, Duration) {
        if let Some(next) = recent.due() {
            let (recent, looks) = (Arc::clone(recent), Arc::clone(looks));
            tokio::spawn(async move { recent.take(next, || look(&looks)).await });
        }
        let began = Instant::now();
        (recent.get(|| look(looks)).await, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_again_and_again_waits_for_the_first_look_alone() {
        let (recent, looks) = (Arc::default(), Arc::default());
        assert_eq!(ask(&recent, &looks).await, (0, SLOW));
        for _ in 0..100 {
            let (_, waited) = ask(&recent, &looks).await;
            assert_eq!(waited, Duration::ZERO);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let count = looks.load(Ordering::Relaxed);
        assert!((5..=10).contains(&count), "{count} looks in five seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_forgotten_while_somebody_looks_ahead_is_not_told() {
        let (recent, looks) = (Arc::default(), Arc::default());
        ask(&recent, &looks).await;
        tokio::time::sleep(AHEAD).await;
        assert_eq!(ask(&recent, &looks).await, (0, Duration::ZERO));
        recent.forget();
        let (told, waited) = ask(&recent, &looks).await;
        assert_eq!(waited, SLOW);
        // The other look has ended by then.
        tokio::time::sleep(SLOW).await;
        assert_eq!((recent.get(|| look(&looks)).await, looks.load(Ordering::Relaxed)), (told, 3));
    }
}
