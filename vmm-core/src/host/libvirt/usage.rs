//! The users of a volume: other volumes that are overlays on it, and domains of whatever owner.

use std::collections::HashSet;

use roxmltree::{Document, Node};
use virt::domain::Domain;
use virt::storage_pool::StoragePool;
use virt::sys;

use super::connection::{Driver, Session};
use super::error::{Failure, Result, optional};
use super::progress::Progress;
use super::storage::{self, Described};
use super::xml::find;
use crate::error::{Error, Kind};

/// Removes a volume, unless something uses it.
pub(super) fn delete(session: &Session, pool: &StoragePool, name: &str, progress: &Progress) -> Result<()> {
    let Some(volume) = storage::lookup(pool, name)? else {
        return Ok(());
    };
    // An overlay that came by other hands is known only then.
    if session.driver == Driver::Qemu {
        storage::refresh(pool)?;
    }
    let path = volume.path()?;
    match user(session, pool, name, &path, progress)? {
        Some(user) => {
            Err(Error::conflict(Kind::Volume, name, format!("{user}, so it cannot be deleted; remove that first"))
                .into())
        }
        None => storage::delete(pool, name),
    }
}

/// Says what uses a volume, if anything does. That is a call for each volume of the pool and each domain of the host.
fn user(session: &Session, pool: &StoragePool, name: &str, path: &str, progress: &Progress) -> Result<Option<String>> {
    let mut own = HashSet::new();
    for other in pool.list_all_volumes(0)? {
        progress.tick();
        let described = match Described::read(&other) {
            Err(failure) if failure.is(sys::VIR_ERR_NO_STORAGE_VOL) => continue,
            described => described?,
        };
        if described.backing.as_deref() == Some(path) {
            return Ok(Some(format!("volume {:?} stands on it", other.name()?)));
        }
        own.insert(described.path);
    }
    let sought = Sought { pool: pool.name()?, name, path };
    for domain in session.connect.list_all_domains(0)? {
        progress.tick();
        match sought.is_used_by(session, &domain, &own) {
            Ok(true) => return Ok(Some(format!("domain {:?} uses it", domain.name()?))),
            Ok(false) => {}
            // It was removed meanwhile.
            Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

struct Sought<'a> {
    pool: String,
    name: &'a str,
    path: &'a str,
}

impl Sought<'_> {
    /// Returns whether a domain uses it now, or will when it is started.
    fn is_used_by(&self, session: &Session, domain: &Domain, own: &HashSet<String>) -> Result<bool> {
        let mut flags = vec![0];
        if session.driver == Driver::Qemu && domain.is_active()? && domain.is_persistent()? {
            flags.push(sys::VIR_DOMAIN_XML_INACTIVE);
        }
        for flags in flags {
            let xml = domain.xml_desc(flags)?;
            let document = Document::parse(&xml)?;
            let disks = find(document.root_element(), &["devices"])
                .into_iter()
                .flat_map(|devices| devices.children())
                .filter(|node| node.has_tag_name("disk"));
            for source in disks.flat_map(|disk| disk.descendants()).filter(|node| node.has_tag_name("source")) {
                if self.is(source) || self.is_below(session, source, own)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn is(&self, source: Node<'_, '_>) -> bool {
        let attribute = |name| source.attribute(name);
        attribute("file").or(attribute("dev")) == Some(self.path)
            || (attribute("pool") == Some(self.pool.as_str()) && attribute("volume") == Some(self.name))
    }

    /// Returns whether a file in another pool is an overlay on it.
    fn is_below(&self, session: &Session, source: Node<'_, '_>, own: &HashSet<String>) -> Result<bool> {
        let Some(file) = source.attribute("file").filter(|file| !own.contains(*file)) else { return Ok(false) };
        let found = session.connect.lookup_storage_vol_by_path(file);
        let Some(volume) = optional(found, sys::VIR_ERR_NO_STORAGE_VOL)? else { return Ok(false) };
        match Described::read(&volume) {
            Ok(described) => Ok(described.backing.as_deref() == Some(self.path)),
            Err(Failure::Libvirt(_)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}
