//! The one connection that writes. Changes that wait at the same moment are made durable together: waiting for the disk
//! is what takes a change longest, and one wait does for all of them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::connection;
use super::error::Result;
use super::row::execute;
use crate::blocking;
use crate::error::{self, Error};

/// The number of changes that are made durable together at most, so that none waits long for those behind it.
const TOGETHER: usize = 64;

/// The connection, and who waits for it. All clones are the same one.
#[derive(Clone)]
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Change>>,
    /// True if a thread is there that makes what waits.
    led: bool,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        let shared = Shared { connection: Mutex::new(connection), queue: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs changes that all happen or none. They do not happen if the caller stops waiting before they begin.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        context: &'static str,
        operation: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> error::Result<T> {
        let (caller, made) = oneshot::channel();
        let change = Waiting { context, operation: Some(operation), outcome: None, caller };
        if self.shared.enqueue(Box::new(change)) {
            let lead = Lead { shared: Arc::clone(&self.shared), ended: false };
            blocking::start(move || lead.make());
        }
        made.await.unwrap_or_else(|error| Err(Error::internal(context, error)))
    }

    /// Returns a handle of this writer that does not keep its connection open.
    pub(super) fn weak(&self) -> WeakWriter {
        WeakWriter(Arc::downgrade(&self.shared))
    }

    /// Uses the connection between two changes. Blocks.
    pub(super) fn between<T>(&self, operation: impl FnOnce(&Connection) -> T) -> T {
        operation(&lock(&self.shared.connection))
    }
}

/// A writer that may be closed.
#[derive(Clone)]
pub(super) struct WeakWriter(Weak<Shared>);

impl WeakWriter {
    /// Uses the connection between two changes, unless it is closed. Blocks.
    pub(super) fn between<T>(&self, operation: impl FnOnce(&Connection) -> T) -> Option<T> {
        self.0.upgrade().map(|shared| operation(&lock(&shared.connection)))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        connection::empty_log(&lock(&self.connection));
    }
}

impl Shared {
    /// Lets a change wait; gives whether nobody is there who would make it.
    fn enqueue(&self, change: Box<dyn Change>) -> bool {
        let mut queue = lock(&self.queue);
        queue.waiting.push_back(change);
        !std::mem::replace(&mut queue.led, true)
    }

    /// Takes the changes for the next transaction. If there are none, the thread stops leading.
    fn next(&self) -> Vec<Box<dyn Change>> {
        let mut queue = lock(&self.queue);
        let count = queue.waiting.len().min(TOGETHER);
        queue.led = count > 0;
        queue.waiting.drain(..count).collect()
    }
}

/// The one that makes what waits, until nothing does.
struct Lead {
    shared: Arc<Shared>,
    ended: bool,
}

impl Lead {
    fn make(mut self) {
        let mut connection = lock(&self.shared.connection);
        loop {
            let changes = self.shared.next();
            if changes.is_empty() {
                break;
            }
            make_together(&mut connection, changes);
        }
        drop(connection);
        self.ended = true;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // A runtime that ends drops what has not begun. The next caller leads, then.
        if !self.ended {
            lock(&self.shared.queue).led = false;
        }
    }
}

/// Makes changes in one transaction, in which each stands for itself, and tells their callers.
fn make_together(connection: &mut Connection, mut changes: Vec<Box<dyn Change>>) {
    changes.retain(|change| change.is_wanted());
    let failure = attempt(connection, &mut changes).err().map(Error::from);
    for change in changes {
        change.tell(failure.as_ref());
    }
}

fn attempt(connection: &mut Connection, changes: &mut [Box<dyn Change>]) -> Result<()> {
    // IMMEDIATE takes the write lock before the first read; a deferred one may find it taken after it has read, and
    // then no waiting helps.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for change in changes {
        execute(&transaction, "SAVEPOINT change", [])?;
        if !change.make(&transaction) {
            // This fails where SQLite has undone the whole transaction by itself, as on some faults of the disk.
            execute(&transaction, "ROLLBACK TO change", [])?;
        }
        execute(&transaction, "RELEASE change", [])?;
    }
    Ok(transaction.commit()?)
}

/// Something to change, whose caller waits.
trait Change: Send {
    /// Returns whether the caller still waits.
    fn is_wanted(&self) -> bool;
    /// Makes it; `false` if it has failed and is to be undone.
    fn make(&mut self, transaction: &Transaction<'_>) -> bool;
    /// Tells the caller what has become of it: without a failure of the whole, its own outcome.
    fn tell(self: Box<Self>, failure: Option<&Error>);
}

struct Waiting<T, F> {
    context: &'static str,
    operation: Option<F>,
    outcome: Option<error::Result<T>>,
    caller: oneshot::Sender<error::Result<T>>,
}

impl<T, F> Change for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Transaction<'_>) -> Result<T> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.caller.is_closed()
    }

    fn make(&mut self, transaction: &Transaction<'_>) -> bool {
        let Some(operation) = self.operation.take() else { return false };
        let outcome = match catch_unwind(AssertUnwindSafe(|| operation(transaction))) {
            Ok(outcome) => outcome.map_err(Error::from),
            Err(_) => Err(Error::internal(self.context, "it panicked")),
        };
        self.outcome.insert(outcome).is_ok()
    }

    fn tell(self: Box<Self>, failure: Option<&Error>) {
        let outcome = match (self.outcome, failure) {
            (Some(outcome), None) => outcome,
            // Its own failure says more. What refused it, though, may have been a change that did not happen.
            (Some(Err(error @ (Error::Unavailable { .. } | Error::Internal { .. }))), _) => Err(error),
            (_, Some(Error::Unavailable { part, reason })) => Err(Error::unavailable(*part, reason)),
            (_, Some(failure)) => Err(Error::internal(self.context, failure.to_string())),
            (None, None) => Err(Error::internal(self.context, "it was not made")),
        };
        // A caller that has gone does not want to know.
        let _ = self.caller.send(outcome);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch("CREATE TABLE number (value INTEGER PRIMARY KEY) STRICT").expect("a table");
        Writer::new(connection)
    }

    async fn insert(writer: &Writer, value: i64) -> error::Result<usize> {
        writer.write("inserting", move |tx| execute(tx, "INSERT INTO number VALUES (?1)", [value])).await
    }

    fn values(writer: &Writer) -> Vec<i64> {
        writer.between(|connection| {
            let mut statement = connection.prepare("SELECT value FROM number ORDER BY value").expect("a query");
            let values = statement.query_map([], |row| row.get(0)).expect("rows");
            values.collect::<rusqlite::Result<_>>().expect("numbers")
        })
    }

    /// Keeps the connection busy until the barrier is passed.
    fn occupy(writer: &Writer) -> (Arc<Barrier>, impl Future<Output = error::Result<()>>) {
        let barrier = Arc::new(Barrier::new(2));
        let (held, writer) = (Arc::clone(&barrier), writer.clone());
        let mut occupied = Box::pin(async move {
            let wait = move |_: &Transaction<'_>| {
                held.wait();
                Ok(())
            };
            writer.write("waiting", wait).await
        });
        assert!((&mut occupied).now_or_never().is_none());
        (barrier, occupied)
    }

    /// Passes the barrier when this is polled: what is polled before is waiting by then.
    async fn pass(barrier: Arc<Barrier>) {
        let wait = move || {
            barrier.wait();
            Ok(())
        };
        blocking::run("passing", wait).await.expect("the other passes too");
    }

    #[tokio::test]
    async fn each_of_many_changes_stands_for_itself() {
        let writer = writer();
        let (barrier, occupied) = occupy(&writer);
        let changes = (0..200).map(|value| {
            let writer = writer.clone();
            async move {
                writer
                    .write("inserting", move |tx| {
                        execute(tx, "INSERT INTO number VALUES (?1)", [value])?;
                        assert!(value % 7 != 3, "on purpose");
                        // Refused after the insert: that number is there already.
                        if value % 5 == 4 { execute(tx, "INSERT INTO number VALUES (0)", []) } else { Ok(1) }
                    })
                    .await
            }
        });
        let pass = pass(barrier);
        let (outcomes, _, _) = tokio::join!(join_all(changes), occupied, pass);
        let good: Vec<i64> = (0..200).filter(|value| value % 7 != 3 && value % 5 != 4).collect();
        let done: Vec<i64> =
            (0..200).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(value, _)| value).collect();
        assert_eq!((&done, values(&writer)), (&good, good.clone()));
    }

    #[tokio::test]
    async fn a_change_that_nobody_waits_for_is_not_made() {
        let writer = writer();
        let (barrier, occupied) = occupy(&writer);
        let mut given_up = Box::pin(insert(&writer, 1));
        assert!((&mut given_up).now_or_never().is_none());
        drop(given_up);
        let pass = pass(barrier);
        let (kept, _, _) = tokio::join!(insert(&writer, 2), occupied, pass);
        kept.expect("room");
        assert_eq!(values(&writer), [2]);
    }

    #[tokio::test]
    async fn all_fail_if_the_whole_cannot_be_written() {
        let writer = writer();
        writer.between(|connection| {
            let deferred = "PRAGMA foreign_keys = ON; CREATE TABLE child (parent INTEGER REFERENCES number
                            DEFERRABLE INITIALLY DEFERRED)";
            connection.execute_batch(deferred).expect("a table");
        });
        let (barrier, occupied) = occupy(&writer);
        let orphan = writer.write("breaking a rule", |tx| execute(tx, "INSERT INTO child VALUES (99)", []));
        let pass = pass(barrier);
        let (first, orphan, _, _) = tokio::join!(insert(&writer, 1), orphan, occupied, pass);
        assert_eq!((first.is_err(), orphan.is_err(), values(&writer)), (true, true, Vec::new()));
        insert(&writer, 2).await.expect("the writer goes on");
    }
}
