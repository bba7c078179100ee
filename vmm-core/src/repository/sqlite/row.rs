//! Values in and out of columns.

use std::cell::Cell;
use std::str::FromStr;

use chrono::DateTime;
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::{Params, Row, Transaction};

use super::error::{Error, Result};
use crate::error;
use crate::model::Timestamp;

/// Reads typed values by column.
pub(super) trait Columns {
    /// Returns the value of a column.
    fn raw(&self, column: &'static str) -> Result<ValueRef<'_>>;

    /// A number, text or blob as it is.
    fn value<T: FromSql>(&self, column: &'static str) -> Result<T> {
        T::column_result(self.raw(column)?).map_err(|source| Error::corrupt(column, source))
    }

    /// Text that a type reads.
    fn parsed<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<T> {
        let text = self.raw(column)?.as_str().map_err(|source| Error::corrupt(column, source))?;
        text.parse().map_err(|source: T::Err| Error::corrupt(column, source))
    }

    /// Text that a function reads.
    fn read<T>(&self, column: &'static str, read: impl FnOnce(&str) -> error::Result<T>) -> Result<T> {
        let text = self.raw(column)?.as_str().map_err(|source| Error::corrupt(column, source))?;
        read(text).map_err(|source| Error::corrupt(column, source))
    }

    /// Text that a type reads, or nothing.
    fn parsed_opt<T: FromStr<Err: Into<Failure>>>(&self, column: &'static str) -> Result<Option<T>> {
        let text = self.raw(column)?.as_str_or_null().map_err(|source| Error::corrupt(column, source))?;
        text.map(str::parse).transpose().map_err(|source: T::Err| Error::corrupt(column, source))
    }

    /// A moment.
    fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.time_opt(column)?.ok_or_else(|| Error::corrupt(column, "not a moment"))
    }

    /// A moment, or nothing.
    fn time_opt(&self, column: &'static str) -> Result<Option<Timestamp>> {
        let moment =
            |micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| Error::corrupt(column, "not a moment"));
        self.value::<Option<i64>>(column)?.map(moment).transpose()
    }

    /// A number that is never negative.
    fn size(&self, column: &'static str) -> Result<u64> {
        self.size_opt(column)?.ok_or_else(|| Error::corrupt(column, "not a number"))
    }

    /// Such a number, or nothing.
    fn size_opt(&self, column: &'static str) -> Result<Option<u64>> {
        let number = self.value::<Option<i64>>(column)?.map(u64::try_from);
        number.transpose().map_err(|source| Error::corrupt(column, source))
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Columns for Row<'_> {
    fn raw(&self, column: &'static str) -> Result<ValueRef<'_>> {
        Ok(self.get_ref(column)?)
    }
}

/// Reads the columns of a query one after the other, which spares looking each up by its name.
pub(super) struct InOrder<'a, 'row> {
    row: &'a Row<'row>,
    next: Cell<usize>,
}

impl<'a, 'row> InOrder<'a, 'row> {
    pub(super) fn new(row: &'a Row<'row>) -> Self {
        Self { row, next: Cell::new(0) }
    }
}

impl Columns for InOrder<'_, '_> {
    fn raw(&self, column: &'static str) -> Result<ValueRef<'_>> {
        let index = self.next.replace(self.next.get() + 1);
        debug_assert_eq!(self.row.as_ref().column_name(index), Ok(column));
        Ok(self.row.get_ref(index)?)
    }
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
    pick(connection, sql, params, usize::MAX, |row| read(row).map(Some))
}

/// The first rows of a query of which `pick` makes something, through a cached statement.
pub(super) fn pick<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl Params,
    limit: usize,
    pick: impl Fn(&Row<'_>) -> Result<Option<T>>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut values = Vec::new();
    while values.len() < limit
        && let Some(row) = rows.next()?
    {
        values.extend(pick(row)?);
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

/// Returns whether a query finds a row.
pub(super) fn exists(connection: &rusqlite::Connection, sql: &str, params: impl Params) -> Result<bool> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}
