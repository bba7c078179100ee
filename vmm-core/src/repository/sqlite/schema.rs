//! The file: made private, recognised as ours, and brought to the newest schema.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::error::{Error, Result};
use crate::error::{self, Part};
use crate::model::DeskId;

/// In order; the number of those applied is the file's `user_version`. One that was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];

/// `vmmd`, in the header of every file of ours, so that nobody's other database is taken for one.
const APPLICATION_ID: i64 = 0x766d_6d64;

/// Makes the file, readable by its owner only, unless it is there. SQLite gives its companions the same mode.
pub(super) fn create(path: &Path) -> error::Result<()> {
    // Closing a file drops all locks that this process has on it: no connection may open it before it is closed here.
    static CREATING: Mutex<()> = Mutex::new(());
    let _alone = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => drop(file),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(cannot(path, &error)),
    }
    sync_directory(path).map_err(|error| cannot(path, &error))
}

/// Without this a power cut could take the new file's name.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) if directory != Path::new("") => fs::File::open(directory)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}

fn cannot(path: &Path, error: &io::Error) -> error::Error {
    error::Error::unavailable(Part::Database, format!("{} cannot be created: {error}", path.display()))
}

/// Brings the file to the newest schema and gives its desk. Of several processes that do so at once, one does the work.
pub(super) fn migrate(connection: &mut Connection) -> Result<DeskId> {
    // A migration may rebuild a table that others refer to; the references are checked before it is committed.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = recognise(&transaction)?;
    refuse_damage(&transaction)?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration)?;
    }
    if version < MIGRATIONS.len() {
        if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
            return Err(Error::corrupt("foreign_key_check", "a row refers to one that is not there"));
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    }
    let desk = desk(&transaction)?;
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(desk)
}

/// Returns the number of migrations that the file has seen.
fn recognise(connection: &Connection) -> Result<usize> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (version, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 && version == 0 && application == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(refused("the file is the database of another program; give another path".to_owned()));
    }
    match usize::try_from(version) {
        Ok(version) if (1..=MIGRATIONS.len()).contains(&version) => Ok(version),
        _ => Err(refused(format!(
            "the file has schema {version}, this program knows up to {}; use a newer program",
            MIGRATIONS.len()
        ))),
    }
}

/// Writing into a damaged file would make it worse.
fn refuse_damage(connection: &Connection) -> Result<()> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(Error::Damaged(found)) }
}

fn refused(reason: String) -> Error {
    error::Error::unavailable(Part::Database, reason).into()
}

fn desk(connection: &Connection) -> Result<DeskId> {
    let new = Uuid::new_v4().to_string();
    connection.execute("INSERT INTO desk (only, id) VALUES (1, ?1) ON CONFLICT DO NOTHING", [new])?;
    let id: String = connection.query_row("SELECT id FROM desk", [], |row| row.get(0))?;
    id.parse().map(DeskId).map_err(|source| Error::corrupt("desk.id", source))
}
