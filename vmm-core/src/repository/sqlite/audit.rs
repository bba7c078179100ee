//! The record of who did what.

use async_trait::async_trait;
use rusqlite::{Connection, Row, Transaction, params};

use super::error::Result;
use super::list::List;
use super::row::{Columns, execute, first, now};
use super::store::Store;
use crate::error;
use crate::mac::mac;
use crate::model::{
    AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditVerdict, UserId,
};
use crate::repository::AuditRepository;

type Hash = [u8; 32];

/// What stands before the first row.
const BEGIN: Hash = [0; 32];
/// What stands before a row that continues nothing.
const BROKEN: Hash = [0xff; 32];

#[async_trait]
impl AuditRepository for Store {
    async fn record(&self, entry: AuditEntry) -> error::Result<AuditId> {
        let key = self.audit_key()?.clone();
        self.write("recording an audit row", move |tx| append(tx, &key, &entry)).await
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

    async fn use_key(&self, key: AuditKey) -> error::Result<()> {
        if self.read("reading the newest audit row", sealed_head).await?.is_none() {
            let key = key.clone();
            self.write("beginning the audit log", move |tx| begin(tx, &key)).await?;
        }
        self.set_audit_key(key);
        Ok(())
    }

    async fn verify(&self) -> error::Result<AuditVerdict> {
        let key = self.audit_key()?.clone();
        self.read("verifying the audit rows", move |connection| verdict(connection, &key)).await
    }

    async fn head(&self) -> error::Result<AuditHead> {
        self.read("reading the newest audit row", |connection| {
            let (rows, hash) = last(connection)?;
            Ok(AuditHead { rows: u64::try_from(rows).unwrap_or_default(), hash: AuditHash(hash) })
        })
        .await
    }

    async fn hash(&self, id: AuditId) -> error::Result<Option<AuditHash>> {
        self.read("reading an audit row's hash", move |connection| {
            first(connection, "SELECT hash FROM audit WHERE id = ?1", [id.0], |row| Ok(AuditHash(row.value("hash")?)))
        })
        .await
    }
}

/// The newest row as it was written last, and its seal.
struct SealedHead {
    rows: i64,
    hash: Hash,
    seal: Hash,
}

impl SealedHead {
    /// Whether this row is the newest that was written.
    fn is(&self, key: &AuditKey, rows: i64, hash: &Hash) -> bool {
        self.rows == rows && self.hash == *hash && self.seal == seal(key, rows, hash)
    }
}

fn sealed_head(connection: &Connection) -> Result<Option<SealedHead>> {
    first(connection, "SELECT rows, hash, seal FROM audit_head", [], |row| {
        Ok(SealedHead { rows: row.value("rows")?, hash: row.value("hash")?, seal: row.value("seal")? })
    })
}

/// The id and the hash of the newest row that is there.
fn last(connection: &Connection) -> Result<(i64, Hash)> {
    let sql = "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1";
    let last = first(connection, sql, [], |row| Ok((row.value::<i64>("id")?, row.value::<Hash>("hash")?)))?;
    Ok(last.unwrap_or((0, BEGIN)))
}

/// Begins the chain of a desk that has neither accounts nor rows. One that has lost its rows has accounts.
fn begin(tx: &Transaction<'_>, key: &AuditKey) -> Result<()> {
    let sql = "INSERT INTO audit_head (only, rows, hash, seal) SELECT 1, 0, ?1, ?2
               WHERE NOT EXISTS (SELECT 1 FROM audit) AND NOT EXISTS (SELECT 1 FROM user)
               ON CONFLICT DO NOTHING";
    execute(tx, sql, params![BEGIN, seal(key, 0, &BEGIN)]).map(drop)
}

/// Adds a row to the chain. If the newest row is not the one that was written last, somebody else was there: the new row
/// then continues nothing, so that verifying finds the place, also when everything behind it fits.
pub(super) fn append(transaction: &Transaction<'_>, key: &AuditKey, entry: &AuditEntry) -> Result<AuditId> {
    let (last_id, last_hash) = last(transaction)?;
    let untouched = sealed_head(transaction)?.is_some_and(|head| head.is(key, last_id, &last_hash));
    if !untouched {
        tracing::error!(
            row = last_id + 1,
            "the audit log was tampered with before this row; run vmm-http verify-audit"
        );
    }
    let before = if untouched { last_hash } else { BROKEN };
    let record = AuditRecord {
        id: AuditId(last_id + 1),
        at: now(),
        user: entry.user,
        actor: entry.actor.clone(),
        action: entry.action.to_owned(),
        target: entry.target.to_string(),
        outcome: entry.outcome,
        detail: entry.detail.to_string(),
        finishes: entry.finishes,
    };
    let AuditRecord { id, at, user, actor, action, target, outcome, detail, finishes } = &record;
    let hash = chain(key, &before, &record);
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
    execute(transaction, sql, params![record.id.0, hash, seal(key, record.id.0, &hash)])?;
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

/// The keyed hash over the hash before and every field.
fn chain(key: &AuditKey, before: &Hash, record: &AuditRecord) -> Hash {
    let AuditRecord { id, at, user, actor, action, target, outcome, detail, finishes } = record;
    let numbers = [Some(id.0), Some(at.timestamp_micros()), user.map(|id| id.0), finishes.map(|id| id.0)];
    let numbers = numbers.map(|number| number.map_or(Vec::new(), |number| number.to_be_bytes().to_vec()));
    let mut parts: Vec<&[u8]> = vec![b"row", before];
    parts.extend(numbers.iter().map(Vec::as_slice));
    parts.extend([actor, action, target, outcome.as_str(), detail].map(|text: &str| text.as_bytes()));
    mac(key.bytes(), &parts)
}

/// What only vmm can say of its newest row.
fn seal(key: &AuditKey, rows: i64, hash: &Hash) -> Hash {
    mac(key.bytes(), &[b"head", &rows.to_be_bytes(), hash])
}

fn verdict(connection: &Connection, key: &AuditKey) -> Result<AuditVerdict> {
    let mut statement = connection.prepare_cached("SELECT * FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut before, mut fits) = (BEGIN, 0);
    let verdict = |fits: i64, hash: Hash, wrong: Option<i64>| AuditVerdict {
        fits: AuditHead { rows: u64::try_from(fits).unwrap_or_default(), hash: AuditHash(hash) },
        first_wrong: wrong.map(AuditId),
    };
    while let Some(row) = rows.next()? {
        let id: i64 = row.value("id")?;
        // A row that cannot be read was not written by us either.
        let hash = record(row).map(|record| chain(key, &before, &record)).ok();
        match hash.filter(|hash| id == fits + 1 && row.value::<Hash>("hash").is_ok_and(|kept| kept == *hash)) {
            Some(hash) => (before, fits) = (hash, id),
            None => return Ok(verdict(fits, before, Some(id.min(fits + 1)))),
        }
    }
    let newest = sealed_head(connection)?.is_some_and(|head| head.is(key, fits, &before));
    Ok(verdict(fits, before, (!newest).then_some(fits + 1)))
}
