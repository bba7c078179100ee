//! The common part of all watches of records: they look together with all others who watch the record.

use std::sync::Arc;

use crate::desk::{Glance, Vmm};
use crate::error::{Error, Result};
use crate::model::{Role, UserName};
use crate::policy::Actor;

/// A record that an account watches.
#[derive(Debug)]
pub(super) struct Watch<T> {
    vmm: Vmm,
    record: Arc<Glance<Arc<T>>>,
    account: Option<Arc<Glance<(UserName, Role)>>>,
    told: Option<Seen<T>>,
}

/// The inputs of a watch at one moment: the record, and the account's rights.
#[derive(Debug, PartialEq)]
pub(super) struct Seen<T> {
    record: Arc<T>,
    account: Option<(UserName, Role)>,
}

impl<T: PartialEq> Watch<T> {
    pub(super) fn new(vmm: &Vmm, actor: &Actor, record: Arc<Glance<Arc<T>>>) -> Self {
        let account = actor.user_id().map(|user| vmm.glances().accounts.join(user));
        Self { vmm: vmm.clone(), record, account, told: None }
    }

    /// Returns what there is to tell; `None` if nothing has changed since the last that was [told](Self::told).
    ///
    /// # Errors
    /// Those of `look`, and [`Error::Unauthenticated`] when the account is gone or disabled.
    pub(super) async fn changed<F: Future<Output = Result<T>>>(
        &self,
        actor: &Actor,
        look: impl FnOnce() -> F,
    ) -> Result<Option<Seen<T>>> {
        let record = self.record.get(|| async { look().await.map(Arc::new) }).await?;
        let account = match &self.account {
            Some(account) => Some(account.get(|| self.rights(actor)).await?),
            None => None,
        };
        let seen = Seen { record, account };
        Ok((self.told.as_ref() != Some(&seen)).then_some(seen))
    }

    /// Everything that was seen has been told.
    pub(super) fn told(&mut self, seen: Seen<T>) {
        self.told = Some(seen);
    }

    async fn rights(&self, actor: &Actor) -> Result<(UserName, Role)> {
        match self.vmm.at_this_moment(actor).await? {
            Actor::User { name, role, .. } => Ok((name, role)),
            Actor::Anonymous | Actor::System => Err(Error::Unauthenticated),
        }
    }
}
