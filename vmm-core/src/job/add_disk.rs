//! Makes a data disk and attaches it to a machine that is off.

use super::create_vm::CreateVm;
use super::step::{OnFailure, Planned, Step, step};
use crate::error::{Error, Kind, Result};
use crate::model::{Disk, DiskId};
use crate::ops::check_off;
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<DiskWork>] = &[
    step!("create-volume", DiskWork::create_volume, DiskWork::undo_volume),
    step!("attach-disk", DiskWork::attach, DiskWork::detach),
];

/// A disk and its machine; also what growing and removal work on.
pub(super) struct DiskWork {
    pub(super) machine: CreateVm,
    pub(super) disk: Disk,
}

pub(super) async fn load(desk: &Desk, id: DiskId) -> Result<Planned<DiskWork>> {
    Ok(Planned { work: DiskWork::load(desk, id).await?, steps: STEPS, on_failure: OnFailure::Undo })
}

impl DiskWork {
    pub(super) async fn load(desk: &Desk, id: DiskId) -> Result<Self> {
        let disk = desk.repository().disks().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Disk, id))?;
        Ok(Self { machine: CreateVm::load(desk, disk.vm).await?, disk })
    }

    async fn create_volume(&self) -> Result<()> {
        self.machine.create_disk(&self.disk, None).await
    }

    async fn undo_volume(&self) -> Result<()> {
        self.machine.undo_disk(&self.disk, None).await
    }

    pub(super) async fn delete_volume(&self) -> Result<()> {
        self.machine.delete_disk(&self.disk).await
    }

    async fn attach(&self) -> Result<()> {
        self.off().await?;
        self.machine.define_with(&self.machine.disks).await
    }

    pub(super) async fn detach(&self) -> Result<()> {
        // A machine that is gone has no disk to detach, and must not come back for it.
        if self.machine.desk.hypervisor().domain(self.machine.vm.uuid).await?.is_none() {
            return Ok(());
        }
        self.machine.define_with(self.machine.disks.iter().filter(|disk| disk.id != self.disk.id)).await
    }

    /// Refuses a machine that is not off any more.
    pub(super) async fn off(&self) -> Result<()> {
        check_off(&self.machine.desk, &self.machine.vm).await
    }
}
