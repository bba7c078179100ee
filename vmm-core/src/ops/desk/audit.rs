//! The record of who did what.

use crate::desk::{Desk, Vmm};
use crate::error::Result;
use crate::model::{AuditFilter, AuditHash, AuditHead, AuditId, AuditRecord, AuditVerdict, Page, UserName, one_more};
use crate::policy::{Action, Actor, Target};

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

    /// Looks at every audit row, and tells which is the first that was tampered with, if any.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn verify_audit(&self, actor: &Actor) -> Result<AuditVerdict> {
        self.read(actor, Action::AuditRead, &Target::none())?.repository().audit().verify().await
    }

    /// The hash that an audit row has, to compare with one that was kept elsewhere; `None` if there is no such row.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn audit_hash(&self, actor: &Actor, id: AuditId) -> Result<Option<AuditHash>> {
        self.read(actor, Action::AuditRead, &Target::none())?.repository().audit().hash(id).await
    }
}

/// Logs the newest audit row, so that its hash is kept where nobody changes it who changes the records.
pub(crate) async fn log_audit_head(desk: &Desk) -> Result<()> {
    let AuditHead { rows, hash } = desk.repository().audit().head().await?;
    tracing::info!(rows, %hash, "the audit log's newest row; vmm-http verify-audit {rows}:{hash} compares");
    Ok(())
}
