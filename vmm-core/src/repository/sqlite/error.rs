//! The errors inside this backend, and their one conversion into the public error.

use rusqlite::ErrorCode;

use crate::error::{self, Part};

/// The result of an operation on a connection.
pub(super) type Result<T, E = Error> = std::result::Result<T, E>;

const DAMAGED: &str = "the database is damaged; restore a backup";

/// A failure inside this backend.
#[derive(Debug)]
pub(super) enum Error {
    /// The call does not fit the records.
    Refused(error::Error),
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// SQLite's own check found this.
    Damaged(String),
    /// A stored value is not what its column promises.
    Corrupt { column: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl Error {
    /// A stored value is not what its column promises.
    pub(super) fn corrupt(column: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt { column, source: source.into() }
    }

    /// Returns whether a unique index stood in the way.
    pub(super) fn is_taken(&self) -> bool {
        const TAKEN: [i32; 2] = [rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE, rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY];
        matches!(self, Self::Sqlite(error) if error.sqlite_error().is_some_and(|e| TAKEN.contains(&e.extended_code)))
    }
}

impl From<error::Error> for Error {
    fn from(error: error::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(error) => error,
            Error::Sqlite(error) => match unavailable(&error) {
                Some(reason) => Self::unavailable(Part::Database, reason),
                None => Self::internal(fault(&error), error),
            },
            Error::Damaged(found) => Self::internal(DAMAGED, found),
            Error::Corrupt { column, source } => Self::internal("reading a damaged record", Column { column, source }),
        }
    }
}

/// Returns the message about an error that an operator can mend, with the remedy.
fn unavailable(error: &rusqlite::Error) -> Option<String> {
    let advice = match error.sqlite_error_code()? {
        ErrorCode::DiskFull => "its disk is full; free some space",
        ErrorCode::SystemIoFailure => "its disk fails to read or write",
        ErrorCode::CannotOpen => "its file cannot be opened; check the path and its directory",
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly => "its file cannot be written; check the owner and mode",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process keeps it locked; try again",
        ErrorCode::FileLockingProtocolFailed => "its file system does not lock files; move it to a local disk",
        ErrorCode::NotADatabase => "its file is not an SQLite database; check the path or restore a backup",
        ErrorCode::OutOfMemory => "there is no memory left",
        _ => return None,
    };
    Some(format!("{advice} ({error})"))
}

fn fault(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => DAMAGED,
        Some(ErrorCode::ConstraintViolation) => "a record breaks a rule of the database",
        _ => "using the database",
    }
}

#[derive(Debug, thiserror::Error)]
#[error("column {column}")]
struct Column {
    column: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}
