//! Definitions of the fake's domains, and what other hands do to them.

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::host::{
    DefinedDisk, Definition, DiskStatistics, DomainSpec, DomainState, HostDefinitions, InterfaceStatistics, Statistics,
};
use vmm_core::model::{DefinitionDigest, Facts, VolumeName};
use vmm_core::{Error, Kind, Result};

use super::FakeHypervisor;
use super::domain::conflict;
use super::state::{Content, FakeDomain, Foreign, State, Turn};
use super::volume::path;

impl FakeHypervisor {
    /// Changes the definition of a domain behind the desk's back.
    pub fn change_definition(&self, uuid: Uuid, change: impl FnOnce(&mut DomainSpec)) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            change(&mut domain.spec);
        }
    }

    /// Adds a fact to the definition of a domain behind the desk's back, or gives one another value.
    pub fn set_fact(&self, uuid: Uuid, name: &str, value: &str) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.foreign.facts.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Takes an external snapshot of a domain's first disk behind the desk's back, without a record of it: the disk is
    /// on a new volume from then on, which stands on the one before. Gives the new volume's name.
    pub fn snapshot_disk(&self, uuid: Uuid, name: &str) -> Option<VolumeName> {
        let mut state = self.lock();
        let below = state.domains.get(&uuid)?.spec.disks.first()?.clone();
        let capacity = state.volumes.get(&below)?.capacity;
        let stem = below.as_str().trim_end_matches(".qcow2");
        let top = VolumeName::new(format!("{stem}.{name}")).ok()?;
        state.put(&top, capacity, Content::Disk(Some(below)), "");
        let domain = state.domains.get_mut(&uuid)?;
        let known = domain.foreign.targets.iter_mut().find(|(volume, _)| *volume == domain.spec.disks[0]);
        if let Some((volume, _)) = known {
            volume.clone_from(&top);
        }
        domain.spec.disks[0] = top.clone();
        Some(top)
    }

    /// Takes the tag off a domain behind the desk's back.
    pub fn untag(&self, uuid: Uuid) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            (domain.owner, domain.adopted) = (None, false);
        }
    }

    /// Gives a domain another name behind the desk's back.
    pub fn rename(&self, uuid: Uuid, name: &str) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            name.clone_into(&mut domain.name);
        }
    }

    /// Takes an internal snapshot of a domain behind the desk's back.
    pub fn snapshot(&self, uuid: Uuid, name: &str) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.foreign.snapshots.push(name.to_owned());
        }
    }
}

#[async_trait]
impl HostDefinitions for FakeHypervisor {
    async fn define(&self, domain: &DomainSpec) -> Result<()> {
        self.enter("definitions.define")?.define(domain)
    }

    async fn by_id(&self, uuid: Uuid) -> Result<Option<Definition>> {
        Ok(self.enter("definitions.by_id")?.definition(uuid))
    }

    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition> {
        self.enter("definitions.attach_disk")?.attach_disk(uuid, volume, rest)
    }

    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        self.enter("definitions.detach_disk")?.detach_disk(uuid, volume, rest)
    }

    async fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.enter("definitions.undefine")?.undefine(uuid)
    }
}

impl Turn<'_> {
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
                return taken("a domain that does not belong to this desk has its id");
            }
            if known.adopted {
                return taken("it was adopted, so vmm does not change its definition");
            }
            if known.name != spec.name.as_str() {
                return taken("a domain with another name has its id");
            }
            if known.described != *spec {
                return taken("it exists with another definition, which vmm does not replace; look at it on the host");
            }
            return Ok(());
        }
        if self.state.domains.values().any(|domain| domain.name == spec.name.as_str()) {
            return taken("another domain with this name exists on the host; choose another name");
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
            return Err(conflict(domain, "it was adopted, so vmm does not remove it; release it instead"));
        }
        if !domain.state.is_off() && domain.state != DomainState::Saved {
            return Err(conflict(domain, "it is not off; stop it first"));
        }
        self.state.domains.remove(&uuid);
        Ok(())
    }

    pub(super) fn definition(&mut self, uuid: Uuid) -> Option<Definition> {
        name_disks(self.domain_of_desk(uuid).ok()?);
        self.state.domains.get(&uuid).map(|domain| defined(domain, &self.state))
    }

    pub(super) fn attach_disk(
        &mut self,
        uuid: Uuid,
        volume: &VolumeName,
        rest: DefinitionDigest,
    ) -> Result<Definition> {
        let before = self.changeable(uuid, volume, Some(rest))?;
        if !self.state.volumes.contains_key(volume) {
            return Err(Error::not_found(Kind::Volume, volume));
        }
        if before.disk_at(&path(volume)).is_none() {
            let domain = self.domain_of_desk(uuid)?;
            domain.spec.disks.push(volume.clone());
            domain.statistics = figures(&domain.spec);
        }
        self.definition(uuid).ok_or_else(|| Error::not_found(Kind::Domain, uuid))
    }

    pub(super) fn detach_disk(
        &mut self,
        uuid: Uuid,
        volume: &VolumeName,
        rest: Option<DefinitionDigest>,
    ) -> Result<Definition> {
        self.changeable(uuid, volume, rest)?;
        let domain = self.domain_of_desk(uuid)?;
        domain.spec.disks.retain(|disk| disk != volume);
        domain.statistics = figures(&domain.spec);
        self.definition(uuid).ok_or_else(|| Error::not_found(Kind::Domain, uuid))
    }

    /// The definition of a domain whose disks may be changed.
    fn changeable(&mut self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        let domain = self.domain_of_desk(uuid)?;
        if domain.adopted {
            return Err(conflict(domain, "it was adopted, so vmm does not change its definition"));
        }
        if !domain.state.is_off() {
            return Err(conflict(domain, "it is not off; shut it down before its disks are changed"));
        }
        name_disks(domain);
        let domain = &self.state.domains[&uuid];
        let (before, path) = (defined(domain, &self.state), path(volume));
        if before.disk_above(&path).is_some() {
            return Err(conflict(domain, "one of its disks stands on that volume through another file"));
        }
        if rest.is_some_and(|rest| rest != before.facts.without_disk_at(&path).digest()) {
            return Err(conflict(domain, "its definition has changed since vmm looked at it; try again"));
        }
        Ok(before)
    }
}

/// Gives each disk that is new the first name that is free.
fn name_disks(domain: &mut FakeDomain) {
    let (spec, known) = (&domain.spec, std::mem::take(&mut domain.foreign.targets));
    let volumes: Vec<_> = spec.disks.iter().chain(&spec.seed).cloned().collect();
    let mut targets: Vec<_> = known.into_iter().filter(|(volume, _)| volumes.contains(volume)).collect();
    for volume in volumes {
        if targets.iter().all(|(known, _)| *known != volume) {
            let names = (b'a'..=b'z').map(|letter| format!("vd{}", char::from(letter)));
            let is_free = |name: &String| targets.iter().all(|(_, taken)| taken != name);
            targets.extend(names.into_iter().find(is_free).map(|name| (volume, name)));
        }
    }
    targets.sort_by(|a, b| a.1.cmp(&b.1));
    domain.foreign.targets = targets;
}

fn defined(domain: &FakeDomain, state: &State) -> Definition {
    let spec = &domain.spec;
    let mut facts: std::collections::BTreeMap<String, String> = [
        ("vcpu".to_owned(), spec.vcpu.to_string()),
        ("memory".to_owned(), format!("{} MiB", spec.memory)),
        (format!("interface {}", spec.mac), "network default".to_owned()),
    ]
    .into();
    let mut disks = Vec::new();
    for (volume, target) in domain.foreign.targets.iter().cloned() {
        let volume = &volume;
        let below = chain(state, volume);
        let told = if below.is_empty() { "nothing".to_owned() } else { below.join(" on ") };
        facts.insert(format!("disk {target}"), path(volume));
        facts.insert(format!("disk {target}: chain"), told);
        disks.push(DefinedDisk {
            target,
            path: Some(path(volume)),
            read_only: spec.seed.as_ref() == Some(volume),
            below,
        });
    }
    facts.extend(domain.foreign.snapshots.iter().map(|name| (format!("snapshot {name}"), "internal".to_owned())));
    facts.extend(domain.foreign.facts.iter().cloned());
    Definition {
        name: domain.name.clone(),
        vcpu: spec.vcpu,
        memory: spec.memory,
        macs: vec![spec.mac],
        disks,
        snapshots: domain.foreign.snapshots.clone(),
        saved: domain.state == DomainState::Saved,
        facts: Facts::from_iter(facts),
    }
}

/// The paths of the volumes that a volume stands on, the next one first.
fn chain(state: &State, volume: &VolumeName) -> Vec<String> {
    let mut below = Vec::new();
    let mut next = volume;
    while let Some(Content::Disk(Some(name))) = state.volumes.get(next).map(|volume| &volume.content) {
        below.push(path(name));
        next = name;
    }
    below
}

/// The figures of a guest that has just begun.
fn figures(spec: &DomainSpec) -> Statistics {
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
