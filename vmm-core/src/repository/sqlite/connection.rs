//! The setup of a connection, and the work on a single connection.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::Result;

/// The time to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CACHED_STATEMENTS: usize = 128;

/// Opens a file as every connection to it is set up.
pub(super) fn connect(path: &Path, mode: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    // FULL, not NORMAL: with a write-ahead log NORMAL loses the last acknowledged writes in a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What people tell a bot may be a secret, and is to be gone when it is deleted.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

/// Every connection to a file with a write-ahead log keeps a shared lock on it; this one asks for an exclusive one.
pub(super) fn keep_alone(connection: &Connection) -> Result<()> {
    // Another process that has the file open keeps it for long: waiting would be in vain.
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(())
}

/// Switches to the write-ahead log. The switch needs the file alone and does not wait by itself.
pub(super) fn write_ahead(connection: &Connection) -> Result<()> {
    let deadline = std::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && std::time::Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return Ok(result?),
        }
    }
}

/// Runs queries that all see the records of one moment.
pub(super) fn one_moment<T>(connection: &Connection, operation: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    // Cached statements: a transaction object would have SQLite parse both each time.
    connection.prepare_cached("BEGIN")?.execute([])?;
    let value = operation(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    value
}

/// Writes what the write-ahead log has into the file and cuts the log off; returns whether nobody was in the way.
pub(super) fn empty_log(connection: &Connection) -> bool {
    // Nobody waits for this; and those in the way do not wait for it either.
    if connection.busy_timeout(Duration::ZERO).is_err() {
        return false;
    }
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    let restored = connection.busy_timeout(BUSY_TIMEOUT);
    matches!((busy, restored), (Ok(0), Ok(())))
}
