//! Domains that exist without vmm.

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::host::{DomainSpec, ForeignDisk, ForeignDomain, HostAdoption};
use vmm_core::{Error, Kind, Result};

use super::FakeHypervisor;
use super::domain::conflict;
use super::state::{FakeDomain, Turn};
use super::volume::path;

#[async_trait]
impl HostAdoption for FakeHypervisor {
    async fn adoptable(&self) -> Result<Vec<ForeignDomain>> {
        Ok(self.enter("adoption.adoptable")?.adoptable())
    }

    async fn adopt(&self, uuid: Uuid) -> Result<()> {
        self.enter("adoption.adopt")?.adopt(uuid)
    }

    async fn release(&self, uuid: Uuid) -> Result<()> {
        self.enter("adoption.release")?.release(uuid)
    }

    async fn reclaim(&self, uuid: Uuid) -> Result<()> {
        self.enter("adoption.reclaim")?.reclaim(uuid)
    }
}

impl Turn<'_> {
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
            Some(owner) if owner != desk => Err(conflict(known, "it belongs to another desk")),
            Some(_) if !known.adopted => Err(conflict(known, "this desk made it, so it needs no adoption")),
            _ => {
                (known.owner, known.adopted) = (Some(desk), true);
                Ok(())
            }
        }
    }

    pub(super) fn release(&mut self, uuid: Uuid) -> Result<()> {
        let desk = self.desk;
        match self.state.domains.get_mut(&uuid).filter(|known| known.owner == Some(desk)) {
            Some(known) if !known.adopted => {
                Err(conflict(known, "this desk made it, so it cannot be released; remove it instead"))
            }
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
            Some(owner) if owner != desk => Err(conflict(known, "it belongs to another desk")),
            Some(_) => Ok(()),
            None => {
                known.owner = Some(desk);
                Ok(())
            }
        }
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
