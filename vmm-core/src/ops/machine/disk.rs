//! Disks of machines.

use crate::desk::{Desk, Vmm};
use crate::desk::{check_off, definition};
use crate::error::{Error, Result};
use crate::job::kinds::{add_disk::AddDisk, delete_disk::DeleteDisk, grow_disk::GrowDisk};
use crate::model::{
    Disk, DiskFilter, DiskId, JobId, MAX_DISK_SIZE, NewDisk, NewJob, Page, Vm, VmName, VolumeName, one_more,
};
use crate::planning::disk_volume;
use crate::policy::{Action, Actor, Target};

impl Vmm {
    /// Disks in order of id.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn disks(&self, actor: &Actor, filter: &DiskFilter) -> Result<Page<Disk, DiskId>> {
        let desk = self.read(actor, Action::DiskRead, &Target::none())?;
        let asked = DiskFilter { limit: one_more(filter.limit), ..filter.clone() };
        let disks = desk.repository().disks().list(&asked).await?;
        Ok(Page::cut(disks, filter.limit, |disk| disk.id))
    }

    /// One disk.
    ///
    /// # Errors
    /// `NotFound` if there is none with this id.
    pub async fn disk(&self, actor: &Actor, id: DiskId) -> Result<Disk> {
        let (disk, vm) = self.lookup(actor)?.disk(id).await?;
        self.read(actor, Action::DiskRead, &target(&disk, &vm))?;
        Ok(disk)
    }

    /// Adds an empty data disk of so many GiB to a machine that is off; a job does it.
    ///
    /// # Errors
    /// `Conflict` for a machine that is not off, that does not exist yet, that a job works on, or whose definition
    /// differs from what vmm last saw; `Invalid` for a size that the pool has no room for.
    pub async fn add_disk(&self, actor: &Actor, vm: &VmName, size: u32) -> Result<(Disk, JobId)> {
        let vm = self.find_vm_or_audit_failure(actor, Action::DiskCreate, vm).await?;
        self.change(actor, Action::DiskCreate, Target::from(&vm), |desk, mut audit| async move {
            audit.detail = format!("{size} GiB").into();
            if size == 0 {
                return Err(Error::invalid("disk_size", format!("is 0; name 1 to {MAX_DISK_SIZE} GiB")));
            }
            has_room(&desk, size, 0).await?;
            check_off(&desk, &vm).await?;
            definition::require_unchanged(&desk, &vm).await?;
            let disks = desk.repository().disks();
            let disk = NewDisk {
                vm: vm.id,
                volume: free_volume(&desk, &vm, &disks.of_vm(vm.id).await?).await?,
                disk_size: size,
            };
            let added = disks.add(disk, NewJob::of::<AddDisk>(), audit).await?;
            desk.work().notify_one();
            Ok(added)
        })
        .await
    }

    /// Makes a disk larger, to so many GiB, of a machine that is off; a job does it. A disk never becomes smaller. What
    /// is in it has to be told, which most systems do by themselves when they boot from it.
    ///
    /// # Errors
    /// `Conflict` for a machine that is not off, that a job works on, or whose definition differs from what vmm last
    /// saw, and for a disk that another file or a snapshot stands on; `Invalid` for a size that is not larger, or that
    /// the pool has no room for.
    pub async fn grow_disk(&self, actor: &Actor, id: DiskId, size: u32) -> Result<(Disk, JobId)> {
        let lookup = self.lookup(actor)?;
        let (disk, vm) =
            self.find_or_audit_failure(actor, Action::DiskGrow, format!("disk {id}"), lookup.disk(id)).await?;
        self.change(actor, Action::DiskGrow, target(&disk, &vm), |desk, mut audit| async move {
            audit.detail = format!("from {} to {size} GiB", disk.disk_size).into();
            has_room(&desk, size, disk.disk_size).await?;
            check_off(&desk, &vm).await?;
            let seen = definition::require_unchanged(&desk, &vm).await?;
            definition::require_own_file(&vm, &seen, &disk)?;
            let grown = desk.repository().disks().grow(id, size, NewJob::of::<GrowDisk>(), audit).await?;
            desk.work().notify_one();
            Ok(grown)
        })
        .await
    }

    /// Removes a data disk of a machine that is off, with all that is on it; a job does it.
    ///
    /// # Errors
    /// `Conflict` for a system disk, for one that another file or a snapshot stands on, and for a machine that is not
    /// off, that a job works on, or whose definition differs from what vmm last saw.
    pub async fn delete_disk(&self, actor: &Actor, id: DiskId) -> Result<JobId> {
        let lookup = self.lookup(actor)?;
        let (disk, vm) =
            self.find_or_audit_failure(actor, Action::DiskDelete, format!("disk {id}"), lookup.disk(id)).await?;
        self.change(actor, Action::DiskDelete, target(&disk, &vm), |desk, audit| async move {
            check_off(&desk, &vm).await?;
            let seen = definition::require_unchanged(&desk, &vm).await?;
            definition::require_own_file(&vm, &seen, &disk)?;
            let job = desk.repository().disks().start_delete(id, NewJob::of::<DeleteDisk>(), audit).await?;
            desk.work().notify_one();
            Ok(job)
        })
        .await
    }
}

fn target(disk: &Disk, vm: &Vm) -> Target {
    Target::of(vm.user, format!("disk {} of vm {}", disk.id, vm.name))
}

/// Refuses a size that a disk cannot have, or whose increase the pool has no room for.
async fn has_room(desk: &Desk, size: u32, present: u32) -> Result<()> {
    if size > MAX_DISK_SIZE {
        return Err(Error::invalid("disk_size", format!("is {size} GiB; at most {MAX_DISK_SIZE} GiB")));
    }
    let (more, free) = (size.saturating_sub(present), desk.hypervisor().host().describe().await?.pool_available);
    if u64::from(more) << 30 > free {
        let reason = format!("takes {more} GiB more than now, and the pool has {} GiB free", free >> 30);
        return Err(Error::invalid("disk_size", reason));
    }
    Ok(())
}

/// The first name for a data disk that none of the machine's disks and no volume of the pool has: one that is there was
/// not made for this disk.
async fn free_volume(desk: &Desk, vm: &Vm, disks: &[Disk]) -> Result<VolumeName> {
    let mut index = 1;
    loop {
        let volume = disk_volume(&vm.name, vm.uuid, index)?;
        if disks.iter().all(|disk| disk.volume.as_ref() != Some(&volume))
            && desk.hypervisor().volumes().inspect(std::slice::from_ref(&volume)).await?.is_empty()
        {
            return Ok(volume);
        }
        index += 1;
    }
}
