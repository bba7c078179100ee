//! The life of the fake host's domains.

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::host::{Domain, DomainState, HostDomains, Start, Statistics};
use vmm_core::model::{PauseReason, VolumeName};
use vmm_core::{Error, Kind, Part, Result};

use super::FakeHypervisor;
use super::state::{Content, FakeDomain, Turn};

#[async_trait]
impl HostDomains for FakeHypervisor {
    async fn start(&self, uuid: Uuid) -> Result<Start> {
        self.enter("domains.start")?.start(uuid)
    }

    async fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.enter("domains.shutdown")?.shutdown(uuid)
    }

    async fn stop(&self, uuid: Uuid) -> Result<()> {
        self.enter("domains.stop")?.stop(uuid)
    }

    async fn resume(&self, uuid: Uuid) -> Result<()> {
        self.enter("domains.resume")?.resume(uuid)
    }

    async fn discard_saved(&self, uuid: Uuid) -> Result<()> {
        self.enter("domains.discard_saved")?.discard_saved(uuid)
    }

    async fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.enter("domains.reboot")?.reboot(uuid)
    }

    async fn by_id(&self, uuid: Uuid) -> Result<Option<Domain>> {
        Ok(self.enter("domains.by_id")?.domain(uuid))
    }

    async fn list(&self) -> Result<Vec<Domain>> {
        Ok(self.enter("domains.list")?.domains())
    }
}

impl Turn<'_> {
    pub(super) fn domain_of_desk(&mut self, uuid: Uuid) -> Result<&mut FakeDomain> {
        let desk = self.desk;
        let found = self.state.domains.get_mut(&uuid).filter(|domain| domain.owner == Some(desk));
        found.ok_or_else(|| Error::not_found(Kind::Domain, uuid))
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
                return Err(conflict(domain, "it is saved; start it, and it continues where it was saved"));
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

    /// Returns whether a volume and everything below it is there.
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

pub(super) fn conflict(domain: &FakeDomain, reason: &str) -> Error {
    Error::conflict(Kind::Domain, &domain.name, reason)
}
