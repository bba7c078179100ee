//! The state behind its lock, and transactions on it.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::record::audit;
use super::state::State;
use crate::error::{Error, Result};
use crate::model::{AuditEntry, AuditKey};

/// The records and the key of their audit log.
#[derive(Default)]
pub(super) struct Store {
    state: Mutex<State>,
    audit_key: OnceLock<AuditKey>,
}

impl Store {
    /// Reads the records, all of one moment.
    pub(super) fn read<T>(&self, operation: impl FnOnce(&State) -> T) -> T {
        operation(&self.lock())
    }

    /// Makes changes that all happen or none.
    pub(super) fn write<T>(&self, operation: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut present = self.lock();
        let mut next = present.clone();
        let value = operation(&mut next)?;
        *present = next;
        Ok(value)
    }

    /// Makes changes together with their audit row.
    pub(super) fn change<T>(&self, entry: &AuditEntry, operation: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let key = self.audit_key()?;
        self.write(|state| {
            let value = operation(state)?;
            audit::append(state, key, entry)?;
            Ok(value)
        })
    }

    /// Returns the key of the audit log's chain.
    pub(super) fn audit_key(&self) -> Result<&AuditKey> {
        self.audit_key.get().ok_or_else(|| Error::internal("recording an audit row", "the records were given no key"))
    }

    /// Sets that key, once.
    pub(super) fn set_audit_key(&self, key: AuditKey) {
        // One desk has one key, so a second one is the first.
        let _ = self.audit_key.set(key);
    }

    /// A transaction that panicked has changed only its clone.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
