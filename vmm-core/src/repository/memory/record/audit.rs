//! Rows of the audit log's chain.

use super::super::state::{AuditRow, State};
use crate::error::{Error, Result};
use crate::model::{AuditEntry, AuditId, AuditKey};
use crate::repository::chain::{BEGIN, Hash, NextRow};
use crate::repository::rules::now;

/// Adds a row to the chain.
pub(in super::super) fn append(state: &mut State, key: &AuditKey, entry: &AuditEntry) -> Result<AuditId> {
    if entry.finishes.is_some_and(|id| !state.audit.has(&id)) {
        return Err(Error::internal("recording an audit row", "it finishes a row that is not there"));
    }
    let NextRow { record, hash, head } = NextRow::new(key, entry, now(), last(state), state.audit_head);
    let id = record.id;
    state.audit.insert(id, AuditRow { record, hash });
    state.audit_head = Some(head);
    Ok(id)
}

/// Returns the id and the hash of the newest row that is there.
pub(in super::super) fn last(state: &State) -> (i64, Hash) {
    state.audit.iter().next_back().map_or((0, BEGIN), |(id, row)| (id.0, row.hash))
}
