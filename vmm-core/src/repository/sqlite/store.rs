//! Connections: one that writes, several that read, all used off the async threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::Semaphore;

use super::connection::{connect, keep_alone, one_moment, write_ahead};
use super::error::Result;
use super::record::audit;
use super::schema;
use super::write_ahead_log::Emptying;
use super::writer::Writer;
use crate::blocking;
use crate::error::{self, Error, Part};
use crate::model::{AuditEntry, AuditKey, DeskId};

/// SQLite lets readers work beside the writer, and a read takes well under a millisecond.
const READERS: usize = 4;

/// The connections to one file.
pub(super) struct Store {
    path: PathBuf,
    /// True if the one connection that writes keeps the file to itself, so that it has to read too.
    alone: bool,
    writer: Writer,
    readers: Arc<Readers>,
    permits: Arc<Semaphore>,
    audit_key: OnceLock<AuditKey>,
    emptying: Emptying,
}

impl Store {
    /// Opens the file, making or migrating it as needed. Blocks.
    pub(super) fn open(path: &Path) -> error::Result<(Self, DeskId)> {
        Self::open_with(path, false)
    }

    /// Opens the file for one process alone. Blocks.
    pub(super) fn open_alone(path: &Path) -> error::Result<(Self, DeskId)> {
        Self::open_with(path, true)
    }

    fn open_with(path: &Path, alone: bool) -> error::Result<(Self, DeskId)> {
        // Readers are opened later, when the process may stand elsewhere; and SQLite reads names like `:memory:` its
        // own way.
        let path = std::path::absolute(path).map_err(|error| Error::unavailable(Part::Database, error))?;
        schema::create(&path)?;
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if alone {
            keep_alone(&writer)?;
        }
        // Only now, so that another program's database is refused as it was.
        let desk = schema::migrate(&mut writer)?;
        write_ahead(&writer)?;
        let readers = Arc::new(Readers { path: path.clone(), idle: Mutex::default() });
        let (writer, permits) = (Writer::new(writer), Arc::new(Semaphore::new(READERS)));
        Ok((
            Self { path, alone, writer, readers, permits, audit_key: OnceLock::new(), emptying: Emptying::default() },
            desk,
        ))
    }

    /// Runs queries that all see the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        context: &'static str,
        operation: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> error::Result<T> {
        if self.alone {
            let writer = self.writer.clone();
            return blocking::run(context, move || Ok(writer.between(|connection| one_moment(connection, operation))?))
                .await;
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|error| closed(&error))?;
        let readers = Arc::clone(&self.readers);
        blocking::run(context, move || {
            let connection = readers.take()?;
            let result = one_moment(&connection, operation);
            if connection.is_autocommit() {
                readers.give_back(connection);
            }
            drop(permit);
            Ok(result?)
        })
        .await
    }

    /// Runs changes that all happen or none, and are there when this returns.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        context: &'static str,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> error::Result<T> {
        let written = self.writer.write(context, operation).await;
        self.emptying.soon(&self.writer);
        written
    }

    /// Runs changes together with their audit row.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        context: &'static str,
        entry: AuditEntry,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> error::Result<T> {
        let key = self.audit_key()?.clone();
        self.write(context, move |transaction| {
            let value = operation(transaction)?;
            audit::append(transaction, &key, &entry)?;
            Ok(value)
        })
        .await
    }
}

impl Store {
    /// The key of the audit log's chain.
    pub(super) fn audit_key(&self) -> error::Result<&AuditKey> {
        self.audit_key.get().ok_or_else(|| Error::internal("recording an audit row", "the records were given no key"))
    }

    /// Sets that key, once.
    pub(super) fn set_audit_key(&self, key: AuditKey) {
        // One desk has one key, so a second one is the first.
        let _ = self.audit_key.set(key);
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Read-only connections that nobody uses right now.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY), Ok)
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

fn closed(error: &tokio::sync::AcquireError) -> Error {
    Error::unavailable(Part::Desk, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::repository::AuditRepository;

    fn entry() -> AuditEntry {
        AuditEntry {
            user: None,
            actor: "vmm".to_owned(),
            action: "test",
            target: "".into(),
            outcome: Outcome::Done,
            detail: "x".repeat(1024).into(),
            finishes: None,
        }
    }

    async fn set_pages(store: &Store, limit: u32) {
        let set = store.write("setting a limit", move |tx| {
            Ok(tx.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |row| row.get::<_, i64>(0))?)
        });
        set.await.expect("a limit");
    }

    #[tokio::test]
    async fn a_full_disk_is_unavailable_loses_nothing_and_passes() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(&directory.path().join("vmm.db")).expect("a new file");
        store.use_key(AuditKey::new([0; 32])).await.expect("an answer");
        set_pages(&store, 200).await;
        let mut recorded = 0;
        let refused = loop {
            match store.record(entry()).await {
                Ok(_) => recorded += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, Error::Unavailable { part: Part::Database, .. }), "{refused:?}");
        assert!(refused.to_string().contains("disk is full"), "{refused}");
        assert_eq!(store.list(&Default::default()).await.expect("reading goes on").len(), recorded);
        set_pages(&store, 1_000_000).await;
        store.record(entry()).await.expect("there is room again");
        assert_eq!(store.verify().await.expect("an answer").first_wrong, None);
    }

    #[tokio::test]
    async fn a_panic_in_an_operation_changes_nothing_and_passes() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(&directory.path().join("vmm.db")).expect("a new file");
        store.use_key(AuditKey::new([0; 32])).await.expect("an answer");
        for _ in 0..2 * READERS {
            let read = store.read::<()>("panicking", |_| panic!("on purpose"));
            assert!(matches!(read.await, Err(Error::Internal { .. })));
        }
        let written = store.write::<()>("panicking", |tx| {
            audit::append(tx, &AuditKey::new([0; 32]), &entry())?;
            panic!("on purpose")
        });
        assert!(matches!(written.await, Err(Error::Internal { .. })));
        assert_eq!(store.list(&Default::default()).await.expect("an answer"), []);
        store.record(entry()).await.expect("the writer goes on");
    }

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let directory = tempfile::tempdir().expect("a directory");
        let (store, _) = Store::open(&directory.path().join("vmm.db")).expect("a new file");
        let settings = store.write("reading settings", |tx| {
            let journal: String = tx.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            let synchronous: i64 = tx.pragma_query_value(None, "synchronous", |row| row.get(0))?;
            let foreign_keys: bool = tx.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
            Ok((journal, synchronous, foreign_keys))
        });
        assert_eq!(settings.await.expect("an answer"), ("wal".to_owned(), 2, true));
    }
}
