//! The record of who did what.

use crate::error::Result;
use crate::model::{AuditFilter, AuditId, AuditRecord, Page, UserName, one_more};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

impl Vmm {
    /// Audit rows, newest first; only those of the account `of` where given, which then takes the place of the
    /// filter's.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, whether there is such an account or not; `NotFound` if there is none.
    pub async fn audit(
        &self,
        actor: &Actor,
        of: Option<&UserName>,
        filter: &AuditFilter,
    ) -> Result<Page<AuditRecord, AuditId>> {
        let desk = self.read(actor, Action::AuditRead, &Target::none())?;
        let user = match of {
            Some(name) => Some(self.lookup(actor)?.user(name).await?.id),
            None => filter.user,
        };
        let asked = AuditFilter { user, limit: one_more(filter.limit), ..filter.clone() };
        let rows = desk.repository().audit().list(&asked).await?;
        Ok(Page::cut(rows, filter.limit, |row| row.id))
    }

    /// The first audit row that was tampered with, if any.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn verify_audit(&self, actor: &Actor) -> Result<Option<AuditId>> {
        self.read(actor, Action::AuditRead, &Target::none())?.repository().audit().verify().await
    }
}
