//! Makes one machine of a request.

use std::net::IpAddr;
use std::path::Path;

use async_trait::async_trait;

use crate::desk::Desk;
use crate::error::{Error, Kind, Result};
use crate::host::{DomainSpec, NewVolume, Reservation, VolumeDetail, seen};
use crate::job;
use crate::job::readiness;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Disk, DiskRole, Fate, Image, Vm, VmId, VolumeName};
use crate::planning::seed_volume;
use crate::seed::Seed;

/// Makes one machine of a request.
pub(crate) struct CreateVm;

#[async_trait]
impl job::Kind for CreateVm {
    type On = VmId;
    type Work = VmWork;

    const WORD: &'static str = "create-vm";
    const STEPS: &'static [Step<VmWork>] = &[
        step!("reserve-address", VmWork::reserve_address, VmWork::release_address),
        step!("create-disks", VmWork::create_disks, VmWork::undo_disks),
        step!("write-seed", VmWork::write_seed, VmWork::delete_seed),
        step!("define-domain", VmWork::define, VmWork::undefine),
        step!("start-domain", VmWork::start, VmWork::stop),
        step!("wait-for-address", wait VmWork::wait_for_address),
        step!("wait-for-login", wait VmWork::wait_for_login),
    ];
    const ON_FAILURE: OnFailure = OnFailure::Undo;
    const IF_DONE: Fate = Fate::Made;
    const IF_UNDONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: VmId) -> Result<VmWork> {
        VmWork::load(desk, id).await
    }
}

/// A machine and everything that belongs to it; also what its removal works on.
pub(crate) struct VmWork {
    pub(super) desk: Desk,
    pub(super) vm: Vm,
    pub(super) disks: Vec<Disk>,
    pub(super) seed: VolumeName,
}

impl VmWork {
    pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Self> {
        let repository = desk.repository();
        let vm = repository.vms().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Vm, id))?;
        let disks = repository.disks().of_vm(id).await?;
        let seed = seed_volume(&vm.name, vm.uuid)?;
        Ok(Self { desk: desk.clone(), vm, disks, seed })
    }

    async fn reserve_address(&self) -> Result<()> {
        let (Some(IpAddr::V4(address)), true) = (self.vm.ip, self.vm.ip_fixed) else { return Ok(()) };
        let reservation = Reservation { mac: self.vm.mac, address, name: self.vm.name.clone() };
        self.desk.hypervisor().network().reserve(&reservation).await
    }

    pub(super) async fn release_address(&self) -> Result<()> {
        if self.vm.ip_fixed { self.desk.hypervisor().network().release(self.vm.mac).await } else { Ok(()) }
    }

    async fn create_disks(&self) -> Result<()> {
        let image = self.image().await?;
        for disk in &self.disks {
            let backing = (disk.role == DiskRole::System).then(|| image.volume.clone());
            self.create_disk(disk, backing).await?;
        }
        Ok(())
    }

    pub(super) async fn create_disk(&self, disk: &Disk, backing: Option<VolumeName>) -> Result<()> {
        let Some(name) = disk.volume.clone() else { return Ok(()) };
        let volume = NewVolume { name, capacity: u64::from(disk.disk_size) << 30, backing };
        let volume = self.desk.hypervisor().volumes().create(&volume).await?;
        self.desk.repository().disks().set_path(disk.id, Some(volume.path)).await
    }

    /// Removes the disks that this job made.
    async fn undo_disks(&self) -> Result<()> {
        let image = self.image().await.ok().map(|image| image.volume);
        for disk in &self.disks {
            let backing = image.as_ref().filter(|_| disk.role == DiskRole::System);
            self.undo_disk(disk, backing).await?;
        }
        Ok(())
    }

    /// Removes a disk that this job made. Its name was free when the job was asked for. If it is not recorded that the
    /// job made it, a volume that is not as the job makes it came by other hands since, and stays.
    pub(super) async fn undo_disk(&self, disk: &Disk, backing: Option<&VolumeName>) -> Result<()> {
        let Some(name) = &disk.volume else { return Ok(()) };
        let recorded = self.desk.repository().disks().by_id(disk.id).await?;
        if recorded.is_some_and(|disk| disk.disk_path.is_none()) {
            let found = self.desk.hypervisor().volumes().inspect(std::slice::from_ref(name)).await?;
            let as_made = |found: &VolumeDetail| {
                let below = found.backing.as_deref().and_then(|path| Path::new(path).file_name()?.to_str());
                found.volume.capacity == u64::from(disk.disk_size) << 30 && below == backing.map(VolumeName::as_str)
            };
            if !found.iter().all(as_made) {
                return Ok(());
            }
        }
        self.delete_disk(disk).await
    }

    pub(super) async fn delete_disks(&self) -> Result<()> {
        for disk in &self.disks {
            self.delete_disk(disk).await?;
        }
        Ok(())
    }

    pub(super) async fn delete_disk(&self, disk: &Disk) -> Result<()> {
        let Some(volume) = &disk.volume else { return Ok(()) };
        self.desk.hypervisor().volumes().delete(volume).await?;
        self.desk.repository().disks().set_path(disk.id, None).await
    }

    async fn write_seed(&self) -> Result<()> {
        let (vm, secrets) = (&self.vm, self.desk.secrets());
        let host_key = secrets.host_key(vm.uuid)?;
        if host_key.public != vm.host_key {
            let reason = "its host key was planned with another master key; restore that key, or request it again";
            return Err(Error::conflict(Kind::Vm, &vm.name, reason));
        }
        let seed = Seed {
            instance_id: vm.uuid,
            hostname: &vm.hostname,
            login: &vm.login,
            password_crypt: &secrets.password_crypt(vm.uuid)?,
            host_key: &host_key,
            readiness_key: &secrets.readiness_key(vm.uuid)?.public,
        };
        self.desk.hypervisor().volumes().write(&self.seed, &seed.image()?).await.map(|_| ())
    }

    pub(super) async fn delete_seed(&self) -> Result<()> {
        self.desk.hypervisor().volumes().delete(&self.seed).await
    }

    async fn define(&self) -> Result<()> {
        let vm = &self.vm;
        let spec = DomainSpec {
            desk: self.desk.repository().desk(),
            uuid: vm.uuid,
            name: vm.name.clone(),
            description: vm.description.clone(),
            vcpu: vm.vcpu,
            memory: vm.memory,
            disks: self.disks.iter().filter_map(|disk| disk.volume.clone()).collect(),
            seed: Some(self.seed.clone()),
            mac: vm.mac,
        };
        self.desk.hypervisor().definitions().define(&spec).await?;
        match self.desk.hypervisor().definitions().by_id(vm.uuid).await? {
            Some(seen) => self.desk.repository().vms().keep_definition(vm.id, seen.facts).await,
            None => Err(Error::not_found(Kind::Domain, &vm.name)),
        }
    }

    pub(super) async fn undefine(&self) -> Result<()> {
        self.desk.hypervisor().definitions().undefine(self.vm.uuid).await
    }

    async fn start(&self) -> Result<()> {
        self.desk.hypervisor().domains().start(self.vm.uuid).await.map(drop)?;
        self.observe(None).await
    }

    /// Records that it runs, and since when.
    async fn observe(&self, ip: Option<IpAddr>) -> Result<()> {
        match self.desk.hypervisor().domains().by_id(self.vm.uuid).await? {
            Some(domain) => self.desk.repository().vms().observe(vec![seen(&domain, ip)]).await,
            None => Err(Error::not_found(Kind::Domain, &self.vm.name)),
        }
    }

    pub(super) async fn stop(&self) -> Result<()> {
        match self.desk.hypervisor().domains().stop(self.vm.uuid).await {
            // It was never defined, or is gone already.
            Err(Error::NotFound { .. }) => Ok(()),
            result => result,
        }
    }

    async fn wait_for_address(&self) -> Result<()> {
        let address = readiness::wait_for_address(&self.desk, &self.vm).await?;
        self.observe(Some(address)).await
    }

    async fn wait_for_login(&self) -> Result<()> {
        // The address was recorded by the step before, possibly by another process.
        let vms = self.desk.repository().vms();
        let vm = vms.by_id(self.vm.id).await?.ok_or_else(|| Error::not_found(Kind::Vm, self.vm.id))?;
        readiness::wait_for_login(&self.desk, &vm).await
    }

    async fn image(&self) -> Result<Image> {
        let missing = || Error::not_found(Kind::Os, self.vm.os.map(|id| id.to_string()).unwrap_or_default());
        let id = self.vm.os.ok_or_else(missing)?;
        let os = self.desk.repository().oses().by_id(id).await?.ok_or_else(missing)?;
        os.image.ok_or_else(|| Error::conflict(Kind::Os, format!("{}:{}", os.name, os.version), "has no image"))
    }
}
