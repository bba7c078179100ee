//! The life of a domain.

use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

use super::config::LibvirtConfig;
use super::connection::{Driver, Session};
use super::console;
use super::domain_xml::DomainXml;
use super::error::{Failure, Result, optional};
use super::owner::{self, Tag};
use super::stats;
use super::storage;
use crate::error::{Error, Kind};
use crate::host::{DomainSpec, DomainState, Start};
use crate::model::PauseReason;

const EVERYTHING: sys::virDomainUndefineFlagsValues = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | sys::VIR_DOMAIN_UNDEFINE_NVRAM;

/// Defines a domain, or finds it defined already.
pub(super) fn define(session: &Session, config: &LibvirtConfig, spec: &DomainSpec, accelerated: bool) -> Result<()> {
    let (xml, tag) = xml(session, config, spec, accelerated)?.render();
    if is_defined(session, spec, &tag)? {
        return make_log(session, config, spec.uuid);
    }
    match session.connect.define_domain_xml_flags(&xml, sys::VIR_DOMAIN_DEFINE_VALIDATE).map_err(Failure::from) {
        Ok(_) => make_log(session, config, spec.uuid),
        // Somebody took the name or the id since it was looked up.
        Err(failure) if failure.is(sys::VIR_ERR_DOM_EXIST) || failure.is(sys::VIR_ERR_OPERATION_FAILED) => {
            is_defined(session, spec, &tag).and(Err(failure))
        }
        Err(failure) => Err(failure),
    }
}

fn xml<'a>(
    session: &Session,
    config: &'a LibvirtConfig,
    spec: &'a DomainSpec,
    accelerated: bool,
) -> Result<DomainXml<'a>> {
    let pool = storage::pool(session, &config.pool)?;
    let disks = spec.disks.iter().map(|name| storage::disk_file(session, &pool, name)).collect::<Result<_>>()?;
    let seed = spec.seed.as_ref().map(|name| storage::raw_file(&pool, name)).transpose()?;
    let console_log = has_log(session, config).then(|| console::path(&pool, &console::name(spec.uuid))).transpose()?;
    Ok(DomainXml { config, driver: session.driver, accelerated, spec, disks, seed, console_log })
}

fn has_log(session: &Session, config: &LibvirtConfig) -> bool {
    config.console_log && session.driver == Driver::Qemu
}

fn make_log(session: &Session, config: &LibvirtConfig, uuid: Uuid) -> Result<()> {
    if has_log(session, config) {
        console::create(&storage::pool(session, &config.pool)?, &console::name(uuid))?;
    }
    Ok(())
}

/// Returns whether this very domain is there already; an error if something else has its name or id.
fn is_defined(session: &Session, spec: &DomainSpec, tag: &Tag) -> Result<bool> {
    let taken = |reason: &str| Err(Error::conflict(Kind::Domain, &spec.name, reason).into());
    if let Some(domain) = owner::lookup(session, spec.uuid)? {
        return match Tag::read(&domain)? {
            Some(known) if known.desk != spec.desk => taken("a domain of another desk has its id"),
            Some(known) if known.is_adopted() => taken("it was adopted, so vmm does not change its definition"),
            None => taken("a domain that does not belong to this desk has its id"),
            Some(_) if domain.name()? != spec.name.as_str() => taken("a domain with another name has its id"),
            Some(known) if known == *tag => Ok(true),
            Some(_) => taken("it exists with another definition, which vmm does not replace; look at it on the host"),
        };
    }
    let namesake = session.connect.lookup_domain_by_name(spec.name.as_str());
    match optional(namesake, sys::VIR_ERR_NO_DOMAIN)? {
        Some(_) => taken("another domain with this name exists on the host; choose another name"),
        None => Ok(false),
    }
}

pub(super) fn undefine(session: &Session, config: &LibvirtConfig, uuid: Uuid) -> Result<()> {
    if let Some(any) = owner::lookup(session, uuid)? {
        let domain = owner::require(session, config.desk, uuid)?;
        if Tag::read(&domain)?.is_some_and(|tag| tag.is_adopted()) {
            return Err(conflict(&domain, "it was adopted, so vmm does not remove it; release it instead"));
        }
        if !matches!(state(&any)?, DomainState::Off | DomainState::Crashed | DomainState::Saved) {
            return Err(conflict(&domain, "it is not off; stop it first"));
        }
        match remove(&domain) {
            Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => {}
            removed => removed?,
        }
    }
    if has_log(session, config) {
        console::delete(&storage::pool(session, &config.pool)?, &console::name(uuid))?;
    }
    Ok(())
}

/// Not every driver knows everything that can hang on a definition.
fn remove(domain: &Domain) -> Result<()> {
    match domain.undefine_flags(EVERYTHING).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_INVALID_ARG) => Ok(domain.undefine()?),
        removed => removed,
    }
}

/// Tried first and judged then, since libvirt waits for another start that is under way.
pub(super) fn start(domain: &Domain) -> Result<Start> {
    let saved = stats::is_saved(domain)?;
    let Err(failure) = domain.create().map_err(Failure::from) else {
        return Ok(if saved && !booted(domain)? { Start::Restored } else { Start::Booted });
    };
    match state(domain)? {
        DomainState::Running => Ok(Start::Booted),
        DomainState::Paused(_) => Err(conflict(domain, "it is paused; resume or stop it first")),
        DomainState::Stopping => Err(conflict(domain, "it is shutting down; wait until it is off")),
        DomainState::Off | DomainState::Crashed | DomainState::Saved | DomainState::Unknown => Err(failure),
    }
}

/// Returns whether libvirt says that a domain booted: it throws a saved state away that is not whole.
fn booted(domain: &Domain) -> Result<bool> {
    let reason = super::ffi::domain_stats(domain, sys::VIR_DOMAIN_STATS_STATE, 0)?;
    Ok(reason.is_some_and(|record| stats::runs_since_boot(&record)))
}

/// Lets a domain that is paused go on.
pub(super) fn resume(domain: &Domain) -> Result<()> {
    let asleep = state(domain)? == DomainState::Paused(PauseReason::Sleeping);
    let resumed = if asleep { domain.pm_wakeup(0) } else { domain.resume() };
    let Err(failure) = resumed.map_err(Failure::from) else {
        return Ok(());
    };
    match state(domain)? {
        DomainState::Running => Ok(()),
        DomainState::Saved => Err(conflict(domain, "it is saved; start it, and it continues where it was saved")),
        DomainState::Off | DomainState::Crashed => Err(conflict(domain, "it does not run")),
        DomainState::Stopping => Err(conflict(domain, "it is shutting down")),
        DomainState::Paused(_) | DomainState::Unknown => Err(failure),
    }
}

/// Removes the saved state of a domain that has one.
pub(super) fn discard_saved(domain: &Domain) -> Result<()> {
    match state(domain)? {
        DomainState::Saved => {}
        DomainState::Off | DomainState::Crashed => return Ok(()),
        DomainState::Running | DomainState::Paused(_) | DomainState::Stopping | DomainState::Unknown => {
            return Err(conflict(domain, "it is not saved"));
        }
    }
    match domain.managed_save_remove(0).map_err(Failure::from) {
        Err(failure) if stats::is_saved(domain)? => Err(failure),
        // Somebody else removed it at the same moment.
        _ => Ok(()),
    }
}

pub(super) fn shutdown(domain: &Domain) -> Result<()> {
    match state(domain)? {
        DomainState::Running => Ok(domain.shutdown()?),
        DomainState::Stopping => Ok(()),
        _ => Err(conflict(domain, "it does not run")),
    }
}

pub(super) fn stop(domain: &Domain) -> Result<()> {
    let Err(failure) = domain.destroy().map_err(Failure::from) else {
        return Ok(());
    };
    match state(domain)? {
        DomainState::Off | DomainState::Crashed | DomainState::Saved => Ok(()),
        _ => Err(failure),
    }
}

pub(super) fn reboot(domain: &Domain) -> Result<()> {
    match state(domain)? {
        DomainState::Running => Ok(domain.reboot(0)?),
        _ => Err(conflict(domain, "it does not run")),
    }
}

/// The `virt` crate's own reading of a state answers for a domain that is gone, too.
pub(super) fn state(domain: &Domain) -> Result<DomainState> {
    let gone = || Failure::from(Error::not_found(Kind::Domain, domain.name().unwrap_or_default()));
    Ok(stats::look(domain, sys::VIR_DOMAIN_STATS_STATE)?.ok_or_else(gone)?.state)
}

pub(super) fn conflict(domain: &Domain, reason: &str) -> Failure {
    Error::conflict(Kind::Domain, domain.name().unwrap_or_default(), reason).into()
}
