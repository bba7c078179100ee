//! The records in one SQLite file. All SQL of vmm is below here.

mod audit;
mod bot_group;
mod connection;
mod disk;
mod effect;
mod error;
mod file;
mod history;
mod idempotency;
mod job;
mod key;
mod link;
mod list;
mod mail;
mod mail_post;
mod os;
mod record;
mod request;
mod row;
mod run;
mod schedule;
mod schema;
mod script;
mod second_factor;
mod session;
mod store;
mod token;
mod user;
mod vm;
mod write_ahead_log;
mod writer;

use std::path::Path;

use super::repository_over_store;
use crate::blocking;
use crate::error::Result;
use crate::mail::mail_over_store;
use crate::model::DeskId;
use store::Store;

/// The records of a desk in one SQLite file, which several processes may use at once.
#[derive(Debug)]
pub struct SqliteRepository {
    desk: DeskId,
    store: Store,
}

impl SqliteRepository {
    /// Opens the file at `path`, and makes it, readable by its owner only, if it is not there.
    ///
    /// # Errors
    /// [`Unavailable`](crate::Error::Unavailable) if the file cannot be opened, is not a database, is another
    /// program's, or was written by a newer vmm; [`Internal`](crate::Error::Internal) if it is damaged.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let (store, desk) = blocking::run("opening the database", move || Store::open(&path)).await?;
        Ok(Self { desk, store })
    }

    /// Opens the store for one process alone: nobody else has the file open, and nobody can until this is dropped. What
    /// is overwritten meanwhile cannot be found in the file's free space.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Unavailable` also if somebody else has the file open.
    pub async fn open_alone(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let (store, desk) = blocking::run("opening the database", move || Store::open_alone(&path)).await?;
        Ok(Self { desk, store })
    }
}

repository_over_store!(SqliteRepository);
mail_over_store!(SqliteRepository);
