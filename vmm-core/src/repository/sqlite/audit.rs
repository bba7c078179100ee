//! The record of who did what.

use async_trait::async_trait;
use rusqlite::{Connection, Transaction, params};

use super::error::Result;
use super::list::List;
use super::record::audit::{append, last, record, sealed_head};
use super::row::{Columns, execute, first};
use super::store::Store;
use crate::error;
use crate::model::{AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditVerdict};
use crate::repository::AuditRepository;
use crate::repository::chain::{self, BEGIN, Check, SealedHead};

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
            Ok(chain::head(rows, hash))
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

/// Begins the chain of a desk that has neither accounts nor rows. One that has lost its rows has accounts.
fn begin(tx: &Transaction<'_>, key: &AuditKey) -> Result<()> {
    let sql = "INSERT INTO audit_head (only, rows, hash, seal) SELECT 1, 0, ?1, ?2
               WHERE NOT EXISTS (SELECT 1 FROM audit) AND NOT EXISTS (SELECT 1 FROM user)
               ON CONFLICT DO NOTHING";
    execute(tx, sql, params![BEGIN, SealedHead::new(key, 0, BEGIN).seal]).map(drop)
}

fn verdict(connection: &Connection, key: &AuditKey) -> Result<AuditVerdict> {
    let mut statement = connection.prepare_cached("SELECT * FROM audit ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut check = Check::new(key);
    while let Some(row) = rows.next()? {
        if let Err(verdict) = check.row(row.value("id")?, record(row).ok().as_ref(), row.value("hash").ok()) {
            return Ok(verdict);
        }
    }
    Ok(check.end(sealed_head(connection)?))
}
