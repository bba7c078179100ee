//! Makes a domain that exists on the host one of the desk.

use super::step::{OnFailure, Planned, Step, step};
use crate::error::{Error, Kind, Result};
use crate::model::{Vm, VmId};
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<Adopted>] = &[step!("tag-domain", Adopted::tag, Adopted::untag)];

/// An adopted machine. All that vmm ever does to its domain is to tag it.
pub(super) struct Adopted {
    desk: Desk,
    vm: Vm,
}

pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Planned<Adopted>> {
    Ok(Planned { work: Adopted::load(desk, id).await?, steps: STEPS, on_failure: OnFailure::Undo })
}

impl Adopted {
    pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Self> {
        let vm = desk.repository().vms().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Vm, id))?;
        Ok(Self { desk: desk.clone(), vm })
    }

    async fn tag(&self) -> Result<()> {
        self.desk.hypervisor().adopt(self.vm.uuid).await
    }

    pub(super) async fn untag(&self) -> Result<()> {
        self.desk.hypervisor().release(self.vm.uuid).await
    }
}
