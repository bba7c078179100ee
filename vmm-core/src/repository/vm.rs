//! Machines in a store.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AcceptedDefinition, Adoption, AuditEntry, Facts, JobId, NewJob, Observation, ObservedStates, Revision, Vm,
    VmChange, VmFilter, VmId, VmName, VmStatus,
};

/// Machines.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait VmRepository: Send + Sync {
    /// The machine with this id.
    async fn by_id(&self, id: VmId) -> Result<Option<Vm>>;
    /// The machine of this name.
    async fn by_name(&self, name: &VmName) -> Result<Option<Vm>>;
    /// Machines in order of id, with the status as it is recorded.
    async fn list(&self, filter: &VmFilter) -> Result<Vec<Vm>>;
    /// Lists machines with the status that was observed on the host, to which the filter then applies. A machine with
    /// the status `request` keeps it.
    async fn list_seen(&self, filter: &VmFilter, seen: Arc<ObservedStates>) -> Result<Vec<Vm>>;
    /// Returns the number of machines with each recorded status.
    async fn count(&self) -> Result<Vec<(VmStatus, u64)>>;
    /// Records what was seen of machines, by the hypervisor's id: status, and the address where it is known and not
    /// fixed by the request. A machine with the status `request` keeps it; unknown ids are left alone.
    ///
    /// A machine that is on and was off, or not made yet, or is in another run than before, has been on since now; one
    /// that was on in no known run stays without that moment.
    async fn observe(&self, seen: Vec<Observation>) -> Result<()>;
    /// Records a machine to adopt, with the status `request`, and its disks, and enqueues the job that
    /// adopts it. A name, domain, hardware address or fixed address that is taken is a conflict.
    async fn adopt(&self, adoption: Adoption, job: NewJob, audit: AuditEntry) -> Result<(Vm, JobId)>;
    /// The facts of a machine's definition as vmm last saw it; `None` if it has not seen it yet, or by other rules.
    async fn definition(&self, id: VmId) -> Result<Option<Facts>>;
    /// Keeps the facts of a machine's definition: vmm made it so, or sees it for the first time.
    async fn keep_definition(&self, id: VmId, facts: Facts) -> Result<()>;
    /// Takes a definition that an admin accepts into a machine's record, and keeps its facts. A machine that an
    /// unfinished job works on is a conflict, and so is a hardware address that another machine has.
    async fn accept_definition(
        &self,
        id: VmId,
        accepted: AcceptedDefinition,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> Result<Vm>;
    /// Changes a machine's record. A responsible person who is not there is not found.
    async fn update(&self, id: VmId, change: VmChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Vm>;
    /// Enqueues the removal of a machine. A machine that an unfinished job works on is a conflict, and so is one with
    /// the status `request`, unless the job that should have made it is stuck.
    async fn start_delete(&self, id: VmId, job: NewJob, expect: Option<Revision>, audit: AuditEntry) -> Result<JobId>;
}
