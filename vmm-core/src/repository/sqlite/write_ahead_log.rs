//! Removed records stay in the write-ahead log for a while: this module sees that it does not stay.
//!
//! The log is emptied when nothing was written for two seconds, every half a minute while writing goes on, and when the
//! records are closed. Emptying never waits: while another process reads or writes, it is tried again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection;
use super::writer::Writer;
use crate::blocking;

/// The time in which nothing must have been written.
const QUIET: Duration = Duration::from_secs(2);
/// The time that removed records may stay in the log while writing goes on, or while others are in the way.
const LONGEST: Duration = Duration::from_secs(30);

/// When the log is to be emptied. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Emptying {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// True if somebody waits for quiet.
    waiting: AtomicBool,
    last_write: Mutex<Option<Instant>>,
}

impl Emptying {
    /// To call after something was written.
    pub(super) fn soon(&self, writer: &Writer) {
        *self.shared.last_write.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if self.shared.waiting.swap(true, Ordering::AcqRel) {
            return;
        }
        let (shared, writer) = (Arc::clone(&self.shared), writer.weak());
        tokio::spawn(async move {
            let mut since = Instant::now();
            loop {
                tokio::time::sleep(QUIET).await;
                if !shared.is_quiet() && since.elapsed() < LONGEST {
                    continue;
                }
                since = Instant::now();
                // What is written from here on is looked after by the next one that waits.
                shared.waiting.store(false, Ordering::Release);
                let writer = writer.clone();
                let emptied =
                    blocking::run("emptying the write-ahead log", move || Ok(writer.between(connection::empty_log)))
                        .await;
                // Without an answer there are no records any more that could be emptied.
                if !matches!(emptied, Ok(Some(false))) || shared.waiting.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }
}

impl Shared {
    fn is_quiet(&self) -> bool {
        let last = *self.last_write.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| last.elapsed() >= QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::Store;
    use crate::mail::MailNotices;
    use crate::model::BotId;

    fn log_size(path: &std::path::Path) -> u64 {
        std::fs::metadata(path.with_extension("db-wal")).map_or(0, |metadata| metadata.len())
    }

    #[tokio::test]
    async fn the_log_is_emptied_when_nothing_is_written_for_a_while() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vmm.db");
        let (store, _) = Store::open(&path).expect("a new file");
        for bot in [7, 8] {
            store.follow(BotId(bot)).await.expect("room");
            assert!(log_size(&path) > 0);
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while log_size(&path) > 0 {
                assert!(std::time::Instant::now() < deadline, "the log is not emptied");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }

    #[tokio::test]
    async fn the_log_is_emptied_when_the_records_are_closed_also_while_others_have_them_open() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vmm.db");
        let (store, _) = Store::open(&path).expect("a new file");
        let (other, _) = Store::open(&path).expect("a good file");
        store.follow(BotId(7)).await.expect("room");
        assert!(log_size(&path) > 0);
        drop(store);
        assert_eq!(log_size(&path), 0);
        drop(other);
    }
}
