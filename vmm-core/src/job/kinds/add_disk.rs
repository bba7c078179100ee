//! Makes a data disk and attaches it to a machine that is off.

use async_trait::async_trait;

use super::create_vm::VmWork;
use crate::desk::definition;
use crate::desk::{Desk, check_off, require_tagged};
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Disk, DiskId, Facts, Fate, VolumeName};

/// Makes a data disk and attaches it.
pub(crate) struct AddDisk;

#[async_trait]
impl job::Kind for AddDisk {
    type On = DiskId;
    type Work = DiskWork;

    const WORD: &'static str = "add-disk";
    const STEPS: &'static [Step<DiskWork>] = &[
        step!("create-volume", DiskWork::create_volume, DiskWork::undo_volume),
        step!("attach-disk", DiskWork::attach, DiskWork::take_off),
    ];
    const ON_FAILURE: OnFailure = OnFailure::Undo;
    const IF_UNDONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: DiskId) -> Result<DiskWork> {
        DiskWork::load(desk, id).await
    }
}

/// A disk and its machine; also what growing and removal work on.
pub(crate) struct DiskWork {
    pub(super) machine: VmWork,
    pub(super) disk: Disk,
}

impl DiskWork {
    pub(super) async fn load(desk: &Desk, id: DiskId) -> Result<Self> {
        let disk = desk.repository().disks().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Disk, id))?;
        Ok(Self { machine: VmWork::load(desk, disk.vm).await?, disk })
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
        let (vm, volume) = (&self.machine.vm, self.volume()?);
        let desk = &self.machine.desk;
        let path = self.recorded_path().await?.ok_or_else(|| Error::not_found(Kind::Volume, volume))?;
        let rest = self.rest(&path).await?;
        let seen = desk.hypervisor().definitions().attach_disk(vm.uuid, volume, rest.digest()).await?;
        desk.repository().vms().keep_definition(vm.id, rest.with_disk_of(&seen.facts, &path)).await
    }

    /// Takes back what `attach` did, whatever else was changed meanwhile: that stays, and stays a difference.
    async fn take_off(&self) -> Result<()> {
        if self.is_gone().await? {
            return Ok(());
        }
        let (vm, volume, desk) = (&self.machine.vm, self.volume()?, &self.machine.desk);
        let Some(path) = self.recorded_path().await? else { return Ok(()) };
        // A disk that was not attached is no reason to change a machine, which may be on or saved by now.
        let seen = desk.hypervisor().definitions().by_id(vm.uuid).await?;
        if seen.is_some_and(|seen| seen.disk_at(&path).is_some()) {
            desk.hypervisor().definitions().detach_disk(vm.uuid, volume, None).await?;
        }
        let vms = desk.repository().vms();
        match vms.definition(vm.id).await? {
            Some(kept) => vms.keep_definition(vm.id, kept.without_disk_at(&path)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn detach(&self) -> Result<()> {
        if self.is_gone().await? {
            return Ok(());
        }
        // One that an admin has taken off already has no path.
        let Some(path) = &self.disk.disk_path else { return Ok(()) };
        let (vm, volume, desk) = (&self.machine.vm, self.volume()?, &self.machine.desk);
        let seen = definition::require_unchanged_past(desk, vm, Some(path)).await?;
        definition::require_own_file(vm, &seen, &self.disk)?;
        let rest = seen.facts.without_disk_at(path);
        desk.hypervisor().definitions().detach_disk(vm.uuid, volume, Some(rest.digest())).await?;
        desk.repository().vms().keep_definition(vm.id, rest).await
    }

    /// The facts of the machine without the disk on this file, which must be as vmm last saw them.
    async fn rest(&self, path: &str) -> Result<Facts> {
        let (vm, desk) = (&self.machine.vm, &self.machine.desk);
        let seen = definition::require_unchanged_past(desk, vm, Some(path)).await?;
        Ok(seen.facts.without_disk_at(path))
    }

    /// Where the disk is by its record, which a step of this job may have written, possibly in another process.
    async fn recorded_path(&self) -> Result<Option<String>> {
        Ok(self.machine.desk.repository().disks().by_id(self.disk.id).await?.and_then(|disk| disk.disk_path))
    }

    fn volume(&self) -> Result<&VolumeName> {
        let unknown = || Error::conflict(Kind::Disk, self.disk.id, "it was not made by vmm");
        self.disk.volume.as_ref().ok_or_else(unknown)
    }

    /// Returns whether the host has the machine no more: then there is no disk to detach. One that is there without
    /// vmm's tag is refused, since it has the disk still.
    async fn is_gone(&self) -> Result<bool> {
        let (desk, vm) = (&self.machine.desk, &self.machine.vm);
        if desk.hypervisor().domains().by_id(vm.uuid).await?.is_some() {
            return Ok(false);
        }
        require_tagged(desk, vm).await.map(|()| true)
    }

    /// Refuses a machine that is not off.
    pub(super) async fn off(&self) -> Result<()> {
        check_off(&self.machine.desk, &self.machine.vm).await
    }
}
