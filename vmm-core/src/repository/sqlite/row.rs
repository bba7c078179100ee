//! Values in and out of columns.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SubsecRound, Utc};
use rusqlite::types::FromSql;
use rusqlite::{Params, Row, Transaction};

use super::error::{Error, Result};
use crate::error::{self, Kind};
use crate::model::{Revision, Timestamp};

/// Reads typed values by column.
pub(super) trait Columns {
    /// A number, text or blob as it is.
    fn value<T: FromSql>(&self, column: &'static str) -> Result<T>;
    /// Text that a type reads.
    fn parsed<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<T>;
    /// Text that a type reads, or nothing.
    fn parsed_opt<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<Option<T>>;
    /// A moment.
    fn time(&self, column: &'static str) -> Result<Timestamp>;
    /// A moment, or nothing.
    fn time_opt(&self, column: &'static str) -> Result<Option<Timestamp>>;
    /// A number that is never negative.
    fn size(&self, column: &'static str) -> Result<u64>;
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Columns for Row<'_> {
    fn value<T: FromSql>(&self, column: &'static str) -> Result<T> {
        Ok(self.get(column)?)
    }

    fn parsed<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<T> {
        let text = self.get_ref(column)?.as_str().map_err(|source| Error::corrupt(column, source))?;
        text.parse().map_err(|source: T::Err| Error::corrupt(column, source))
    }

    fn parsed_opt<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<Option<T>> {
        let text = self.get_ref(column)?.as_str_or_null().map_err(|source| Error::corrupt(column, source))?;
        text.map(str::parse).transpose().map_err(|source: T::Err| Error::corrupt(column, source))
    }

    fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.time_opt(column)?.ok_or_else(|| Error::corrupt(column, "not a moment"))
    }

    fn time_opt(&self, column: &'static str) -> Result<Option<Timestamp>> {
        let moment =
            |micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::corrupt(column, "not a moment"));
        self.get::<_, Option<i64>>(column)?.map(moment).transpose()
    }

    fn size(&self, column: &'static str) -> Result<u64> {
        u64::try_from(self.get::<_, i64>(column)?).map_err(|source| Error::corrupt(column, source))
    }
}

/// Now, as exactly as it is stored.
pub(super) fn now() -> Timestamp {
    stored(Utc::now())
}

/// A moment as it will be read back: in whole microseconds.
pub(super) fn stored(moment: Timestamp) -> Timestamp {
    moment.trunc_subsecs(6)
}

/// A number for a column, whose integers have a sign.
pub(super) fn integer(field: &'static str, number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| error::Error::invalid(field, format!("{number} is too large")).into())
}

/// Every row of a query, through a cached statement.
pub(super) fn all<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(read(row)?);
    }
    Ok(values)
}

/// The first row of a query, if any, through a cached statement.
pub(super) fn first<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Changes rows through a cached statement; gives how many.
pub(super) fn execute(transaction: &Transaction<'_>, sql: &str, params: impl Params) -> Result<usize> {
    Ok(transaction.prepare_cached(sql)?.execute(params)?)
}

/// Refuses a change of a record that is not as the caller has read it.
pub(super) fn expected(kind: Kind, name: impl fmt::Display, present: Revision, expect: Option<Revision>) -> Result<()> {
    match expect {
        Some(revision) if revision != present => Err(error::Error::Stale { kind, name: name.to_string() }.into()),
        _ => Ok(()),
    }
}

/// Whether a query finds a row.
pub(super) fn exists(connection: &rusqlite::Connection, sql: &str, params: impl Params) -> Result<bool> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}
