//! The rules of the trait, as the libvirt backend keeps them.

use std::net::{IpAddr, Ipv4Addr};

use uuid::Uuid;
use vmm_core::host::{
    DiskStatistics, Domain, DomainSpec, DomainState, ForeignDisk, ForeignDomain, Host, InterfaceStatistics, Lease,
    NewVolume, Reservation, Start, Statistics, Volume, VolumeDetail,
};
use vmm_core::model::{MacAddress, PauseReason, VolumeName};
use vmm_core::{Error, Kind, Part, Result};

use super::definition::Foreign;
use super::state::{Content, FakeDomain, FakeVolume, Turn};

impl Turn<'_> {
    pub(super) fn domain_of_desk(&mut self, uuid: Uuid) -> Result<&mut FakeDomain> {
        let desk = self.desk;
        let found = self.state.domains.get_mut(&uuid).filter(|domain| domain.owner == Some(desk));
        found.ok_or_else(|| Error::not_found(Kind::Domain, uuid))
    }

    pub(super) fn define(&mut self, spec: &DomainSpec) -> Result<()> {
        if spec.desk != self.desk {
            return Err(Error::invalid("desk", "the domain is of another desk than this backend"));
        }
        for name in spec.disks.iter().chain(&spec.seed) {
            if !self.state.volumes.contains_key(name) {
                return Err(Error::not_found(Kind::Volume, name));
            }
        }
        let taken = |reason: &str| Err(Error::conflict(Kind::Domain, &spec.name, reason));
        if let Some(known) = self.state.domains.get_mut(&spec.uuid) {
            if known.owner != Some(spec.desk) {
                return taken("its id belongs to a domain that is not of this desk");
            }
            if known.adopted {
                return taken("it was adopted, and its definition is not vmm's");
            }
            if known.name != spec.name.as_str() {
                return taken("its id belongs to a domain of another name");
            }
            if known.described != *spec {
                return taken("it is there already and was described otherwise, and vmm describes no domain anew");
            }
            return Ok(());
        }
        if self.state.domains.values().any(|domain| domain.name == spec.name.as_str()) {
            return taken("another domain of that name exists on the host; choose another name");
        }
        let domain = FakeDomain {
            spec: spec.clone(),
            described: spec.clone(),
            foreign: Foreign::default(),
            name: spec.name.to_string(),
            owner: Some(spec.desk),
            adopted: false,
            disks: Vec::new(),
            state: DomainState::Off,
            run: None,
            statistics: figures(spec),
            console: Vec::new(),
        };
        self.state.domains.insert(spec.uuid, domain);
        Ok(())
    }

    pub(super) fn undefine(&mut self, uuid: Uuid) -> Result<()> {
        if !self.state.domains.contains_key(&uuid) {
            return Ok(());
        }
        let domain = self.domain_of_desk(uuid)?;
        if domain.adopted {
            return Err(conflict(domain, "it was adopted and not made; release it instead"));
        }
        if !domain.state.is_off() && domain.state != DomainState::Saved {
            return Err(conflict(domain, "it is not off; stop it first"));
        }
        self.state.domains.remove(&uuid);
        Ok(())
    }

    pub(super) fn adoptable(&self) -> Vec<ForeignDomain> {
        let desk = self.desk;
        let can = |domain: &&FakeDomain| domain.owner.is_none() || (domain.adopted && domain.owner == Some(desk));
        let mut all: Vec<_> = self.state.domains.values().filter(can).map(foreign).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    pub(super) fn adopt(&mut self, uuid: Uuid) -> Result<()> {
        let desk = self.desk;
        let known = self.state.domains.get_mut(&uuid).ok_or_else(|| Error::not_found(Kind::Domain, uuid))?;
        match known.owner {
            Some(owner) if owner != desk => Err(conflict(known, "it is of another desk")),
            Some(_) if !known.adopted => Err(conflict(known, "this desk made it itself")),
            _ => {
                (known.owner, known.adopted) = (Some(desk), true);
                Ok(())
            }
        }
    }

    pub(super) fn release(&mut self, uuid: Uuid) -> Result<()> {
        let desk = self.desk;
        match self.state.domains.get_mut(&uuid).filter(|known| known.owner == Some(desk)) {
            Some(known) if !known.adopted => Err(conflict(known, "this desk made it; remove it instead")),
            Some(known) => {
                (known.owner, known.adopted) = (None, false);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn reclaim(&mut self, uuid: Uuid) -> Result<()> {
        let desk = self.desk;
        let known = self.state.domains.get_mut(&uuid).ok_or_else(|| Error::not_found(Kind::Domain, uuid))?;
        match known.owner {
            Some(owner) if owner != desk => Err(conflict(known, "it is of another desk")),
            Some(_) => Ok(()),
            None => {
                known.owner = Some(desk);
                Ok(())
            }
        }
    }

    pub(super) fn start(&mut self, uuid: Uuid) -> Result<Start> {
        let boot_text = self.state.boot_text.clone();
        let domain = self.domain_of_desk(uuid)?;
        let saved = domain.state == DomainState::Saved;
        match domain.state {
            DomainState::Running => return Ok(Start::Booted),
            DomainState::Paused(_) => return Err(conflict(domain, "it is paused; resume or stop it first")),
            DomainState::Stopping => return Err(conflict(domain, "it is shutting down; wait until it is off")),
            DomainState::Unknown => return Err(unreadable()),
            DomainState::Off | DomainState::Crashed | DomainState::Saved => {}
        }
        let files: Vec<_> = domain.spec.disks.iter().chain(&domain.spec.seed).cloned().collect();
        if let Some(missing) = files.iter().find(|name| !self.is_whole(name)) {
            return Err(Error::unavailable(Part::Hypervisor, format_args!("a file of volume {missing} is missing")));
        }
        let run = self.state.next_run();
        let domain = self.domain_of_desk(uuid)?;
        domain.state = DomainState::Running;
        domain.run = run;
        if saved {
            return Ok(Start::Restored);
        }
        domain.console.extend_from_slice(boot_text.as_bytes());
        Ok(Start::Booted)
    }

    pub(super) fn resume(&mut self, uuid: Uuid) -> Result<()> {
        let disk_is_full = self.state.disk_is_full;
        let domain = self.domain_of_desk(uuid)?;
        match domain.state {
            DomainState::Running => {}
            DomainState::Paused(PauseReason::IoError) if disk_is_full => {}
            DomainState::Paused(_) => domain.state = DomainState::Running,
            DomainState::Saved => {
                return Err(conflict(domain, "it is saved; start it, and it goes on where it was saved"));
            }
            DomainState::Off | DomainState::Crashed => return Err(conflict(domain, "it does not run")),
            DomainState::Stopping => return Err(conflict(domain, "it is shutting down")),
            DomainState::Unknown => return Err(unreadable()),
        }
        Ok(())
    }

    pub(super) fn discard_saved(&mut self, uuid: Uuid) -> Result<()> {
        let domain = self.domain_of_desk(uuid)?;
        match domain.state {
            DomainState::Saved => domain.state = DomainState::Off,
            DomainState::Off | DomainState::Crashed => {}
            _ => return Err(conflict(domain, "it is not saved")),
        }
        Ok(())
    }

    /// Whether a volume and everything below it is there.
    fn is_whole(&self, name: &VolumeName) -> bool {
        match self.state.volumes.get(name).map(|volume| &volume.content) {
            None => false,
            Some(Content::Disk(Some(below))) => self.is_whole(below),
            Some(_) => true,
        }
    }

    pub(super) fn shutdown(&mut self, uuid: Uuid) -> Result<()> {
        let obeys = self.state.guests_obey;
        let domain = self.domain_of_desk(uuid)?;
        match domain.state {
            DomainState::Running if obeys => domain.state = DomainState::Off,
            DomainState::Running | DomainState::Stopping => {}
            _ => return Err(conflict(domain, "it does not run")),
        }
        Ok(())
    }

    pub(super) fn stop(&mut self, uuid: Uuid) -> Result<()> {
        let domain = self.domain_of_desk(uuid)?;
        if domain.state != DomainState::Saved {
            domain.state = DomainState::Off;
        }
        Ok(())
    }

    pub(super) fn reboot(&mut self, uuid: Uuid) -> Result<()> {
        let boot_text = self.state.boot_text.clone();
        let domain = self.domain_of_desk(uuid)?;
        if domain.state != DomainState::Running {
            return Err(conflict(domain, "it does not run"));
        }
        domain.console.extend_from_slice(boot_text.as_bytes());
        Ok(())
    }

    pub(super) fn domain(&mut self, uuid: Uuid) -> Option<Domain> {
        self.domain_of_desk(uuid).ok().map(|domain| shown(domain))
    }

    pub(super) fn domains(&self) -> Vec<Domain> {
        let own = self.state.domains.values().filter(|domain| domain.owner == Some(self.desk));
        let mut all: Vec<_> = own.map(shown).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    pub(super) fn addresses(&mut self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        let domain = self.domain_of_desk(uuid)?;
        let (state, mac) = (domain.state, domain.spec.mac);
        if !state.has_run() {
            return Ok(Vec::new());
        }
        match self.state.addresses.get(&uuid) {
            Some(addresses) => Ok(addresses.clone()),
            None if self.state.gives_addresses => Ok(self.lease(uuid, mac).into_iter().collect()),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        let state = &self.state;
        let known = state.addresses.iter().filter(|_| state.leases).filter_map(|(uuid, addresses)| {
            let domain = state.domains.get(uuid).filter(|domain| !domain.state.is_off())?;
            Some(addresses.iter().map(|address| Lease { mac: domain.spec.mac, address: *address }))
        });
        known.flatten().collect()
    }

    /// The reserved address, otherwise the first that nobody has; as with a lease it stays the same from then on.
    fn lease(&mut self, uuid: Uuid, mac: MacAddress) -> Option<IpAddr> {
        if let Some(reserved) = self.state.reservations.iter().find(|known| known.mac == mac) {
            return Some(IpAddr::V4(reserved.address));
        }
        let subnet = self.state.host.subnet?;
        let gateway = u32::from(subnet.gateway);
        let ranges = &self.state.host.address_pool;
        let is_free = |address: &Ipv4Addr| {
            subnet.can_assign(*address)
                && ranges.as_ref().is_none_or(|pool| pool.contains(*address))
                && self.state.reservations.iter().all(|known| known.address != *address)
                && self.state.addresses.values().flatten().all(|known| *known != IpAddr::V4(*address))
        };
        let address = (gateway..=u32::MAX).take(1 << 16).map(Ipv4Addr::from).find(is_free).map(IpAddr::V4)?;
        self.state.addresses.insert(uuid, vec![address]);
        Some(address)
    }

    /// What the host is at this moment. Its addresses are counted if it was given ranges.
    pub(super) fn host(&self) -> Host {
        let mut host = self.state.host.clone();
        host.domain_names = self.state.domains.values().map(|domain| domain.name.clone()).collect();
        if let Some(pool) = &mut host.address_pool {
            pool.taken.extend(self.state.reservations.iter().map(|known| (known.mac, known.address)));
            for (uuid, addresses) in &self.state.addresses {
                let Some(domain) = self.state.domains.get(uuid).filter(|domain| !domain.state.is_off()) else {
                    continue;
                };
                let leased = addresses.iter().filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None });
                pool.taken.extend(leased.map(|address| (domain.spec.mac, address)));
            }
        }
        host
    }

    pub(super) fn console_tail(&mut self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        let console = &self.domain_of_desk(uuid)?.console;
        Ok(console[console.len().saturating_sub(limit)..].to_vec())
    }

    pub(super) fn import(&mut self, name: &VolumeName, virtual_size: u64, sha256: String) -> Result<Volume> {
        match self.state.volumes.get(name) {
            Some(FakeVolume { capacity, content: Content::Disk(None), .. }) if *capacity == virtual_size => {}
            Some(FakeVolume { content: Content::Disk(_), .. }) => return Err(other_volume(name)),
            _ => self.state.put(name, virtual_size, Content::Disk(None), &sha256),
        }
        Ok(volume(name, virtual_size))
    }

    pub(super) fn create(&mut self, new: &NewVolume) -> Result<Volume> {
        if let Some(name) = &new.backing {
            let below = self.state.volumes.get(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
            if new.capacity < below.capacity {
                let reason = format!("{} bytes are less than the {} of the volume below", new.capacity, below.capacity);
                return Err(Error::invalid("disk", reason));
            }
        }
        match self.state.volumes.get(&new.name) {
            Some(FakeVolume { capacity, content: Content::Disk(backing), .. })
                if (*capacity, backing) == (new.capacity, &new.backing) => {}
            Some(_) => return Err(other_volume(&new.name)),
            None => self.state.put(&new.name, new.capacity, Content::Disk(new.backing.clone()), ""),
        }
        Ok(volume(&new.name, new.capacity))
    }

    pub(super) fn resize(&mut self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        let known = self.state.volumes.get_mut(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
        if capacity < known.capacity {
            let reason = format!("it has {} bytes already; a volume is never made smaller", known.capacity);
            return Err(Error::conflict(Kind::Volume, name, reason));
        }
        known.capacity = capacity;
        Ok(volume(name, capacity))
    }

    pub(super) fn write(&mut self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        let capacity = bytes.len() as u64;
        self.state.put(name, capacity, Content::Raw(bytes.to_vec()), "");
        Ok(volume(name, capacity))
    }

    pub(super) fn delete(&mut self, name: &VolumeName) -> Result<()> {
        let stands_on_it = |content: &Content| matches!(content, Content::Disk(Some(below)) if below == name);
        let overlay = self.state.volumes.iter().find(|(_, volume)| stands_on_it(&volume.content));
        let path = volume(name, 0).path;
        let uses_it = |domain: &&FakeDomain| {
            domain.spec.disks.iter().chain(&domain.spec.seed).any(|disk| disk == name)
                || domain.disks.iter().any(|disk| disk.path.as_ref() == Some(&path))
        };
        let user = match (overlay, self.state.domains.values().find(uses_it)) {
            (Some((overlay, _)), _) => format!("volume {overlay:?} stands on it"),
            (None, Some(domain)) => format!("domain {:?} uses it", domain.name),
            (None, None) => {
                self.state.volumes.remove(name);
                return Ok(());
            }
        };
        if !self.state.volumes.contains_key(name) {
            return Ok(());
        }
        Err(Error::conflict(Kind::Volume, name, format!("{user}, so it stays; remove that first")))
    }

    pub(super) fn inspect(&self, names: &[VolumeName]) -> Vec<VolumeDetail> {
        let detail = |name: &VolumeName| {
            let known = self.state.volumes.get(name)?;
            Some(VolumeDetail {
                volume: volume(name, known.capacity),
                qcow2: matches!(known.content, Content::Disk(_)),
                backing: match &known.content {
                    Content::Disk(Some(below)) => Some(volume(below, 0).path),
                    Content::Disk(None) | Content::Raw(_) | Content::Unfinished => None,
                },
                stamp: known.changed.to_string(),
            })
        };
        names.iter().filter_map(detail).collect()
    }

    pub(super) fn checksum(&self, name: &VolumeName) -> Result<String> {
        let known = self.state.volumes.get(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
        Ok(known.sha256.clone())
    }

    pub(super) fn volumes(&self) -> Vec<Volume> {
        self.state.volumes.iter().map(|(name, known)| volume(name, known.capacity)).collect()
    }

    pub(super) fn reserve(&mut self, wanted: &Reservation) -> Result<()> {
        if !self.state.host.subnet.is_some_and(|subnet| subnet.can_assign(wanted.address)) {
            let reason = format!("{} is not an address that the network can give to a machine", wanted.address);
            return Err(Error::invalid("ip", reason));
        }
        let clashes = |known: &&Reservation| {
            known.mac == wanted.mac || known.address == wanted.address || known.name == wanted.name
        };
        match self.state.reservations.iter().find(clashes) {
            Some(known) if known == wanted => Ok(()),
            Some(known) => {
                let reason = format!("{} is reserved for {} ({})", known.address, known.name, known.mac);
                Err(Error::conflict(Kind::Vm, &wanted.name, reason))
            }
            None => {
                self.state.reservations.push(wanted.clone());
                Ok(())
            }
        }
    }
}

fn unreadable() -> Error {
    Error::unavailable(Part::Hypervisor, "the host does not say how the domain is")
}

fn shown(domain: &FakeDomain) -> Domain {
    let off = !domain.state.has_run();
    Domain {
        uuid: domain.spec.uuid,
        name: domain.name.clone(),
        state: domain.state,
        run: domain.run.filter(|_| !off),
        statistics: if off { Statistics::default() } else { domain.statistics.clone() },
    }
}

fn foreign(domain: &FakeDomain) -> ForeignDomain {
    ForeignDomain {
        uuid: domain.spec.uuid,
        name: domain.name.clone(),
        state: domain.state,
        vcpu: domain.spec.vcpu,
        memory: domain.spec.memory,
        macs: vec![domain.spec.mac],
        disks: if domain.disks.is_empty() { own_disks(&domain.spec) } else { domain.disks.clone() },
        adopted: domain.adopted,
    }
}

/// The disks of a domain that a desk defined.
fn own_disks(spec: &DomainSpec) -> Vec<ForeignDisk> {
    spec.disks.iter().map(|volume| ForeignDisk { path: Some(path(volume)), capacity: 0 }).collect()
}

/// The figures of a guest that has just begun.
pub(super) fn figures(spec: &DomainSpec) -> Statistics {
    let mut statistics = Statistics::default();
    statistics.cpu_time = 1_000_000_000;
    statistics.vcpu = spec.vcpu;
    statistics.memory_current = u64::from(spec.memory) * 1024;
    statistics.memory_unused = Some(u64::from(spec.memory) * 512);
    statistics.memory_resident = u64::from(spec.memory) * 768;
    statistics.disks = (0..spec.disks.len()).map(disk).collect();
    let mut interface = InterfaceStatistics::default();
    "vnet0".clone_into(&mut interface.name);
    statistics.interfaces = vec![interface];
    statistics
}

fn disk(index: usize) -> DiskStatistics {
    let mut disk = DiskStatistics::default();
    disk.name = format!("vd{}", char::from(b'a' + (index % 26) as u8));
    disk
}

fn volume(name: &VolumeName, capacity: u64) -> Volume {
    Volume { name: name.clone(), path: path(name), capacity }
}

/// Where a volume is on the fake host.
pub(super) fn path(name: &VolumeName) -> String {
    format!("/fake/pool/{name}")
}

fn other_volume(name: &VolumeName) -> Error {
    Error::conflict(Kind::Volume, name, "another volume of that name exists; delete it or choose another name")
}

pub(super) fn conflict(domain: &FakeDomain, reason: &str) -> Error {
    Error::conflict(Kind::Domain, &domain.name, reason)
}
