//! The progress of a long call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The progress of a long call, with the signal that nobody waits for it any longer.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    sent: Arc<AtomicU64>,
    cancelled: Arc<AtomicBool>,
}

impl Progress {
    /// Returns how many bytes and other moves were noted.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Notes that so many bytes were carried.
    pub(super) fn add(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that something moved on.
    pub(super) fn tick(&self) {
        self.add(1);
    }

    /// Asks whoever does the work to give it up.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Returns whether nobody wants the end of the work.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
