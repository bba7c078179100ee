//! The progress of a transfer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The number of bytes that a transfer has moved for good, for whoever watches it. Cheap to clone; clones share the
/// number.
///
/// ```
/// let progress = vmm_core::remote::Progress::new();
/// let seen = progress.watch();
/// progress.set(4096);
/// assert_eq!((progress.bytes(), *seen.borrow()), (4096, 4096));
/// ```
#[derive(Clone, Default)]
pub struct Progress(Arc<State>);

#[derive(Default)]
struct State {
    bytes: watch::Sender<u64>,
    total: Mutex<Option<u64>>,
    whole: Option<Progress>,
}

impl Progress {
    /// No byte yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of one of several transfers, whose bytes count together here.
    pub fn part(&self) -> Self {
        Self(Arc::new(State { whole: Some(self.clone()), ..State::default() }))
    }

    /// Returns the number of bytes so far.
    pub fn bytes(&self) -> u64 {
        *self.0.bytes.borrow()
    }

    /// Returns the number of bytes at the end, as far as it is known: for a file that has a size, once it was looked
    /// at.
    pub fn total(&self) -> Option<u64> {
        *self.0.total.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the number. The last one is seen also after the transfer has ended.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.bytes.subscribe()
    }

    /// Sets the number; for those who transfer.
    pub fn set(&self, bytes: u64) {
        let mut before = bytes;
        self.0.bytes.send_if_modified(|now| {
            before = std::mem::replace(now, bytes);
            before != bytes
        });
        if let Some(whole) = &self.0.whole {
            whole.0.bytes.send_modify(|all| *all = all.saturating_sub(before) + bytes);
        }
    }

    /// Sets how many bytes it will be; for those who know.
    pub fn expect(&self, total: u64) {
        *self.0.total.lock().unwrap_or_else(PoisonError::into_inner) = Some(total);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_together_also_when_one_begins_again() {
        let whole = Progress::new();
        let (one, other) = (whole.part(), whole.part());
        for (part, bytes, all) in [(&one, 5, 5), (&other, 3, 8), (&one, 9, 12), (&other, 0, 9), (&other, 4, 13)] {
            part.set(bytes);
            assert_eq!(whole.bytes(), all);
        }
        one.expect(9);
        assert_eq!((one.total(), whole.total()), (Some(9), None));
    }
}
