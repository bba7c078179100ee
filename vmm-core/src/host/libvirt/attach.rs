//! Disks of domains that are there: one element of a definition comes or goes, and libvirt keeps all the others.

use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

use super::config::LibvirtConfig;
use super::connection::{Driver, Session};
use super::console;
use super::definition;
use super::domain::{self, conflict};
use super::domain_xml;
use super::error::{Failure, Result};
use super::owner;
use super::storage::{self, DiskFile};
use crate::error::{Error, Kind};
use crate::host::{Definition, DomainState};
use crate::model::{DefinitionDigest, VolumeName};

pub(super) fn attach(
    session: &Session,
    config: &LibvirtConfig,
    uuid: Uuid,
    volume: &VolumeName,
    rest: DefinitionDigest,
) -> Result<Definition> {
    let domain = changeable(session, config, uuid)?;
    let file = storage::disk_file(session, &storage::pool(session, &config.pool)?, volume)?;
    let before = definition::read(session, config, &domain)?;
    check(&domain, &before, &file.path, Some(rest))?;
    if before.disk_at(&file.path).is_some() {
        return Ok(before);
    }
    let taken: Vec<_> = before.disks.iter().map(|disk| disk.target.as_str()).collect();
    let xml = domain_xml::disk(&domain_xml::free_target(&taken), &file, false).render();
    domain.attach_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
    definition::read(session, config, &domain)
}

pub(super) fn detach(
    session: &Session,
    config: &LibvirtConfig,
    uuid: Uuid,
    volume: &VolumeName,
    rest: Option<DefinitionDigest>,
) -> Result<Definition> {
    let domain = changeable(session, config, uuid)?;
    // The volume may be gone, and is detached all the same.
    let path = console::path(&storage::pool(session, &config.pool)?, volume.as_str())?;
    let before = definition::read(session, config, &domain)?;
    check(&domain, &before, &path, rest)?;
    let Some(disk) = before.disk_at(&path) else { return Ok(before) };
    let file = DiskFile { path, format: "qcow2", backing: Vec::new() };
    let xml = domain_xml::disk(&disk.target, &file, false).render();
    domain.detach_device_flags(&xml, sys::VIR_DOMAIN_AFFECT_CONFIG)?;
    definition::read(session, config, &domain)
}

/// A domain of this desk whose disks may be changed.
fn changeable(session: &Session, config: &LibvirtConfig, uuid: Uuid) -> Result<Domain> {
    if session.driver == Driver::Test {
        return Err(Error::Unsupported("changing the disks of a domain").into());
    }
    let (domain, tag) =
        owner::owned(session, config.desk, uuid)?.ok_or_else(|| Failure::from(Error::not_found(Kind::Domain, uuid)))?;
    if tag.is_adopted() {
        return Err(conflict(&domain, "it was adopted, so vmm does not change its definition"));
    }
    match domain::state(&domain)? {
        DomainState::Off | DomainState::Crashed => Ok(domain),
        _ => Err(conflict(&domain, "it is not off; shut it down before its disks are changed")),
    }
}

/// Refuses a definition that is not the one that the caller has seen.
fn check(domain: &Domain, before: &Definition, path: &str, rest: Option<DefinitionDigest>) -> Result<()> {
    if before.saved {
        return Err(conflict(domain, "it has a saved state that depends on its disks"));
    }
    if let Some(above) = before.disk_above(path) {
        let target = &above.target;
        return Err(conflict(domain, &format!("its disk {target} stands on {path} through another file")));
    }
    if rest.is_some_and(|rest| rest != before.facts.without_disk_at(path).digest()) {
        return Err(conflict(domain, "its definition has changed since vmm looked at it; try again"));
    }
    Ok(())
}
