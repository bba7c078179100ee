//! The record of who did what.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};
use sha2::{Digest, Sha256};

use super::error::Result;
use super::list::List;
use super::row::{Columns, execute, first, now};
use super::store::Store;
use crate::error;
use crate::model::{AuditEntry, AuditFilter, AuditId, AuditRecord, UserId};
use crate::repository::AuditRepository;

type Hash = [u8; 32];

/// What stands before the first row.
const BEGIN: Hash = [0; 32];

#[async_trait]
impl AuditRepository for Store {
    async fn record(&self, entry: AuditEntry) -> error::Result<AuditId> {
        self.write("recording an audit row", move |tx| append(tx, &entry)).await
    }

    async fn list(&self, filter: &AuditFilter) -> error::Result<Vec<AuditRecord>> {
        let AuditFilter { user, action, target, outcome, from, to, before, limit } = filter.clone();
        self.read("listing audit rows", move |connection| {
            List::of("SELECT * FROM audit")
                .only("user = ?", user.map(|id| id.0))
                .only("action = ?", action)
                .only("target = ?", target)
                .only("outcome = ?", outcome.map(|outcome| outcome.as_str().to_owned()))
                .only("at >= ?", from.map(|at| at.timestamp_micros()))
                .only("at < ?", to.map(|at| at.timestamp_micros()))
                .only("id < ?", before.map(|id| id.0))
                .read(connection, "id DESC", limit, record)
        })
        .await
    }

    async fn verify(&self) -> error::Result<Option<AuditId>> {
        self.read("verifying the audit rows", first_wrong).await
    }
}

/// Adds a row to the chain.
pub(super) fn append(transaction: &Transaction<'_>, entry: &AuditEntry) -> Result<AuditId> {
    let last = first(transaction, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1", [], |row| {
        Ok((row.value::<i64>("id")?, row.value::<Hash>("hash")?))
    })?;
    let (last_id, last_hash) = last.unwrap_or((0, BEGIN));
    let record = AuditRecord {
        id: AuditId(last_id + 1),
        at: now(),
        user: entry.user,
        actor: entry.actor.clone(),
        action: entry.action.to_owned(),
        target: entry.target.clone(),
        outcome: entry.outcome,
        detail: entry.detail.clone(),
        finishes: entry.finishes,
    };
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
            chain(&last_hash, &record)
        ],
    )?;
    Ok(record.id)
}

fn record(row: &Row<'_>) -> Result<AuditRecord> {
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

/// SHA-256 over the hash before and every field, each text with its length, so that two rows never give the same bytes.
fn chain(before: &Hash, record: &AuditRecord) -> Hash {
    let AuditRecord { id, at, user, actor, action, target, outcome, detail, finishes } = record;
    let mut hash = Sha256::new();
    hash.update(before);
    for number in [Some(id.0), Some(at.timestamp_micros()), user.map(|id| id.0), finishes.map(|id| id.0)] {
        hash.update([u8::from(number.is_some())]);
        hash.update(number.unwrap_or_default().to_be_bytes());
    }
    for text in [actor, action, target, outcome.as_str(), detail] {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

fn first_wrong(connection: &Connection) -> Result<Option<AuditId>> {
    let mut statement = connection.prepare_cached("SELECT * FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut before, mut expected) = (BEGIN, 1);
    while let Some(row) = rows.next()? {
        let id: i64 = row.value("id")?;
        // A row that cannot be read was not written by us either.
        let hash = record(row).map(|record| chain(&before, &record)).ok();
        if id != expected || hash != row.value("hash").ok() {
            return Ok(Some(AuditId(expected.min(id))));
        }
        before = hash.unwrap_or(BEGIN);
        expected += 1;
    }
    let highest =
        first(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'", [], |row| row.value("seq"))?;
    Ok((highest.unwrap_or(0) >= expected).then_some(AuditId(expected)))
}
