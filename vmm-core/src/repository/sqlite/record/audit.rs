//! Rows of the audit log's chain.

use rusqlite::{Connection, Row, Transaction, params};

use super::super::error::Result;
use super::super::row::{Columns, execute, first};
use crate::model::{AuditEntry, AuditId, AuditKey, AuditRecord, UserId};
use crate::repository::chain::{BEGIN, Hash, NextRow, SealedHead};
use crate::repository::rules::now;

pub(in super::super) fn sealed_head(connection: &Connection) -> Result<Option<SealedHead>> {
    first(connection, "SELECT rows, hash, seal FROM audit_head", [], |row| {
        Ok(SealedHead { rows: row.value("rows")?, hash: row.value("hash")?, seal: row.value("seal")? })
    })
}

/// The id and the hash of the newest row that is there.
pub(in super::super) fn last(connection: &Connection) -> Result<(i64, Hash)> {
    let sql = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1";
    let last = first(connection, sql, [], |row| Ok((row.value::<i64>("id")?, row.value::<Hash>("hash")?)))?;
    Ok(last.unwrap_or((0, BEGIN)))
}

/// Adds a row to the chain.
pub(in super::super) fn append(transaction: &Transaction<'_>, key: &AuditKey, entry: &AuditEntry) -> Result<AuditId> {
    let NextRow { record, hash, head } = NextRow::new(key, entry, now(), last(transaction)?, sealed_head(transaction)?);
    let AuditRecord { id, at, user, actor, action, target, outcome, detail, finishes } = &record;
    execute(
        transaction,
        "INSERT INTO audit (id, at, user, actor, action, target, outcome, detail, finishes, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            id.0,
            at.timestamp_micros(),
            user.map(|id| id.0),
            actor,
            action,
            target,
            outcome.as_str(),
            detail,
            finishes.map(|id| id.0),
            hash
        ],
    )?;
    let sql = "INSERT INTO audit_head (only, rows, hash, seal) VALUES (1, ?1, ?2, ?3)
               ON CONFLICT (only) DO UPDATE SET rows = excluded.rows, hash = excluded.hash, seal = excluded.seal";
    execute(transaction, sql, params![head.rows, head.hash, head.seal])?;
    Ok(record.id)
}

pub(in super::super) fn record(row: &Row<'_>) -> Result<AuditRecord> {
    Ok(AuditRecord {
        id: AuditId(row.value("id")?),
        at: row.time("at")?,
        user: row.value::<Option<_>>("user")?.map(UserId),
        actor: row.value("actor")?,
        action: row.value("action")?,
        target: row.value("target")?,
        outcome: row.parsed("outcome")?,
        detail: row.value("detail")?,
        finishes: row.value::<Option<_>>("finishes")?.map(AuditId),
    })
}
