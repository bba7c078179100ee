//! Removes a machine and all that belongs to it.

use super::create_vm::CreateVm;
use super::step::{OnFailure, Planned, Step, step};
use crate::definition;
use crate::error::Result;
use crate::model::VmId;
use crate::ops::require_tagged;
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<CreateVm>] = &[
    step!("stop-domain", CreateVm::stop),
    step!("undefine-domain", CreateVm::undefine_unless_stood_on),
    step!("delete-seed", CreateVm::delete_seed),
    step!("delete-disks", CreateVm::delete_disks),
    step!("release-address", CreateVm::release_address),
];

/// A removal cannot be undone: when a step fails it stops there, and asking again goes on.
pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Planned<CreateVm>> {
    Ok(Planned { work: CreateVm::load(desk, id).await?, steps: STEPS, on_failure: OnFailure::Stop })
}

impl CreateVm {
    /// What stands on its disks by other hands is seen in the definition alone, so it is looked for before that goes.
    async fn undefine_unless_stood_on(&self) -> Result<()> {
        match self.desk.hypervisor().definition(self.vm.uuid).await? {
            Some(seen) => definition::require_nothing_above(&self.vm, &seen, &self.disks)?,
            None => require_tagged(&self.desk, &self.vm).await?,
        }
        self.undefine().await
    }
}
