//! Makes a domain that exists on the host one of the desk.

use async_trait::async_trait;

use crate::desk::Desk;
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Fate, Vm, VmId};

/// Makes a domain that exists on the host a machine of the desk.
pub(crate) struct AdoptVm;

#[async_trait]
impl job::Kind for AdoptVm {
    type On = VmId;
    type Work = Adopted;

    const WORD: &'static str = "adopt-vm";
    const STEPS: &'static [Step<Adopted>] = &[step!("tag-domain", Adopted::tag, Adopted::untag)];
    const ON_FAILURE: OnFailure = OnFailure::Undo;
    const IF_DONE: Fate = Fate::Made;
    const IF_UNDONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: VmId) -> Result<Adopted> {
        Adopted::load(desk, id).await
    }
}

/// An adopted machine. All that vmm ever does to its domain is to tag it.
pub(crate) struct Adopted {
    desk: Desk,
    vm: Vm,
}

impl Adopted {
    pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Self> {
        let vm = desk.repository().vms().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Vm, id))?;
        Ok(Self { desk: desk.clone(), vm })
    }

    async fn tag(&self) -> Result<()> {
        self.desk.hypervisor().adoption().adopt(self.vm.uuid).await
    }

    pub(super) async fn untag(&self) -> Result<()> {
        self.desk.hypervisor().adoption().release(self.vm.uuid).await
    }
}
