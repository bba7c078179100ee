//! The record of who did what.

use async_trait::async_trait;

use super::record::audit::{append, last};
use super::state::AuditRow;
use super::store::Store;
use super::table::{fits, page};
use crate::error::Result;
use crate::model::{
    AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditVerdict, Timestamp,
};
use crate::repository::AuditRepository;
use crate::repository::chain::{self, BEGIN, Check, SealedHead};
use crate::repository::rules::stored;

#[async_trait]
impl AuditRepository for Store {
    async fn use_key(&self, key: AuditKey) -> Result<()> {
        self.write(|state| {
            // A desk that has lost its rows has accounts.
            let new = state.audit.values().next().is_none() && state.users.values().next().is_none();
            if new && state.audit_head.is_none() {
                state.audit_head = Some(SealedHead::new(&key, 0, BEGIN));
            }
            Ok(())
        })?;
        self.set_audit_key(key);
        Ok(())
    }

    async fn record(&self, entry: AuditEntry) -> Result<AuditId> {
        let key = self.audit_key()?;
        self.write(|state| append(state, key, &entry))
    }

    async fn list(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
        let filter = AuditFilter { from: filter.from.map(stored), to: filter.to.map(stored), ..filter.clone() };
        Ok(self.read(|state| {
            let rows = state.audit.values().rev().map(|row| &row.record).filter(|record| is_wanted(record, &filter));
            page(rows.cloned(), filter.limit)
        }))
    }

    async fn verify(&self) -> Result<AuditVerdict> {
        let key = self.audit_key()?;
        Ok(self.read(|state| {
            let mut check = Check::new(key);
            for (id, AuditRow { record, hash }) in state.audit.iter() {
                if let Err(verdict) = check.row(id.0, Some(record), Some(*hash)) {
                    return verdict;
                }
            }
            check.end(state.audit_head)
        }))
    }

    async fn head(&self) -> Result<AuditHead> {
        Ok(self.read(|state| {
            let (rows, hash) = last(state);
            chain::head(rows, hash)
        }))
    }

    async fn hash(&self, id: AuditId) -> Result<Option<AuditHash>> {
        Ok(self.read(|state| state.audit.get(&id).map(|row| AuditHash(row.hash))))
    }
}

fn is_wanted(record: &AuditRecord, filter: &AuditFilter) -> bool {
    let AuditFilter { user, action, target, outcome, from, to, before, limit: _ } = filter;
    let in_time = |at: Timestamp| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to);
    user.is_none_or(|user| record.user == Some(user))
        && fits(action.as_ref(), &record.action)
        && fits(target.as_ref(), &record.target)
        && fits(outcome.as_ref(), &record.outcome)
        && in_time(record.at)
        && before.is_none_or(|before| record.id < before)
}
