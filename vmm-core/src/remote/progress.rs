//! How far a transfer has come.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// How many bytes a transfer has moved for good, for whoever watches it. Cheap to clone; clones share the number.
///
/// ```
/// let progress = vmm_core::remote::Progress::new();
/// let seen = progress.watch();
/// progress.set(4096);
/// assert_eq!((progress.bytes(), *seen.borrow()), (4096, 4096));
/// ```
#[derive(Clone)]
pub struct Progress(Arc<watch::Sender<u64>>);

impl Progress {
    /// No byte yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// How many bytes it is now.
    pub fn bytes(&self) -> u64 {
        *self.0.borrow()
    }

    /// Follows the number. The last one is seen also after the transfer has ended.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    /// Sets the number; for those who transfer.
    pub fn set(&self, bytes: u64) {
        self.0.send_if_modified(|now| std::mem::replace(now, bytes) != bytes);
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.bytes()).finish()
    }
}
