//! Removes a machine and all that belongs to it.

use async_trait::async_trait;

use super::create_vm::VmWork;
use crate::desk::definition;
use crate::desk::{Desk, require_tagged};
use crate::error::Result;
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Fate, VmId};

/// Removes a machine and all that belongs to it.
pub(crate) struct DeleteVm;

#[async_trait]
impl job::Kind for DeleteVm {
    type On = VmId;
    type Work = VmWork;

    const WORD: &'static str = "delete-vm";
    const STEPS: &'static [Step<VmWork>] = &[
        step!("stop-domain", VmWork::stop),
        step!("undefine-domain", VmWork::undefine_unless_stood_on),
        step!("delete-seed", VmWork::delete_seed),
        step!("delete-disks", VmWork::delete_disks),
        step!("release-address", VmWork::release_address),
    ];
    /// A removal cannot be undone: when a step fails it stops there, and asking again goes on.
    const ON_FAILURE: OnFailure = OnFailure::Stop;
    const IF_DONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: VmId) -> Result<VmWork> {
        VmWork::load(desk, id).await
    }
}

impl VmWork {
    /// Looks in the definition for overlays that other hands put on the disks, and only then removes the definition,
    /// which alone shows them.
    async fn undefine_unless_stood_on(&self) -> Result<()> {
        match self.desk.hypervisor().definitions().by_id(self.vm.uuid).await? {
            Some(seen) => definition::require_nothing_above(&self.vm, &seen, &self.disks)?,
            None => require_tagged(&self.desk, &self.vm).await?,
        }
        self.undefine().await
    }
}
