//! Queries of lists.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::error::Result;
use super::row;
use crate::model::NamePrefix;

/// A query made of those conditions alone that are asked for, so that an index can serve each.
pub(super) struct List {
    sql: String,
    values: Vec<Value>,
}

impl List {
    /// Begins with everything that `select`, a query without conditions, gives.
    pub(super) fn of(select: &str) -> Self {
        Self { sql: format!("{select} WHERE true"), values: Vec::new() }
    }

    /// Only rows that meet a condition on one value, if there is a value.
    pub(super) fn only<T: Into<Value>>(self, condition: &str, value: Option<T>) -> Self {
        self.only_all(condition, value.map(|value| [value]))
    }

    /// Only rows that meet a condition on several values.
    pub(super) fn only_all<T: Into<Value>, const N: usize>(mut self, condition: &str, values: Option<[T; N]>) -> Self {
        if let Some(values) = values {
            self.sql.push_str(" AND ");
            self.sql.push_str(condition);
            self.values.extend(values.into_iter().map(Into::into));
        }
        self
    }

    /// Only rows whose name begins so. No character of a name is behind `~`.
    pub(super) fn named(self, column: &str, prefix: Option<&NamePrefix>) -> Self {
        let range = prefix.map(|prefix| [prefix.to_string(), format!("{prefix}~")]);
        self.only_all(&format!("{column} >= ? AND {column} < ?"), range)
    }

    /// The first rows in this order.
    pub(super) fn read<T>(
        self,
        connection: &Connection,
        order: &str,
        limit: Option<u32>,
        read: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.pick(connection, order, limit, limit, |row| read(row).map(Some))
    }

    /// The first rows in this order of which `pick` makes something: at most `limit`, out of at most `scanned`.
    pub(super) fn pick<T>(
        self,
        connection: &Connection,
        order: &str,
        scanned: Option<u32>,
        limit: Option<u32>,
        pick: impl Fn(&Row<'_>) -> Result<Option<T>>,
    ) -> Result<Vec<T>> {
        let Self { sql, mut values } = self;
        values.push(scanned.map_or(-1, i64::from).into());
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let sql = format!("{sql} ORDER BY {order} LIMIT ?");
        row::pick(connection, &sql, params_from_iter(values), limit, pick)
    }
}
