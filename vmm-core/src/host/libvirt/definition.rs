//! Reading how a domain is defined: its XML, the files below its disks, its snapshots.

use roxmltree::{Document, Node};
use uuid::Uuid;
use virt::domain::Domain;
use virt::storage_vol::StorageVol;
use virt::sys;

use super::config::LibvirtConfig;
use super::connection::{Driver, Session};
use super::error::{Result, optional};
use super::facts;
use super::owner;
use super::storage::{self, Described, MAX_CHAIN};
use super::xml::find;
use crate::host::{DefinedDisk, Definition};
use crate::model::Facts;

/// The definition of a domain of this desk.
pub(super) fn of(session: &Session, config: &LibvirtConfig, uuid: Uuid) -> Result<Option<Definition>> {
    let Some((domain, _)) = owner::owned(session, config.desk, uuid)? else { return Ok(None) };
    match read(session, config, &domain) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => Ok(None),
        read => read.map(Some),
    }
}

pub(super) fn read(session: &Session, config: &LibvirtConfig, domain: &Domain) -> Result<Definition> {
    if session.driver == Driver::Qemu {
        // Files that came, and headers that changed, by other hands are seen only then.
        storage::refresh(&storage::pool(session, &config.pool)?)?;
    }
    let xml = domain.xml_desc(sys::VIR_DOMAIN_XML_INACTIVE)?;
    let document = Document::parse(&xml)?;
    let root = document.root_element();
    let mut facts = facts::of(root);
    let mut disks = Vec::new();
    for node in devices(root, "disk") {
        let disk = DefinedDisk {
            target: facts::target(node).to_owned(),
            path: path(node).map(str::to_owned),
            read_only: find(node, &["readonly"]).is_some(),
            below: Vec::new(),
        };
        disks.push(chain(session, disk, &mut facts)?);
    }
    let snapshots = snapshots(domain, &mut facts)?;
    Ok(Definition {
        name: domain.name()?,
        vcpu: facts::vcpu(root).unwrap_or(1),
        memory: facts::memory(root),
        macs: devices(root, "interface").filter_map(facts::mac).collect(),
        disks,
        snapshots,
        saved: unless_unsupported(domain.has_managed_save(0))?.unwrap_or_default(),
        facts,
    })
}

fn devices<'a, 'input>(
    root: Node<'a, 'input>,
    kind: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> + use<'a, 'input> {
    let devices = find(root, &["devices"]).into_iter().flat_map(|node| node.children());
    devices.filter(move |node| node.has_tag_name(kind))
}

/// The file or block device of a disk.
fn path<'a>(disk: Node<'a, '_>) -> Option<&'a str> {
    let source = find(disk, &["source"])?;
    source.attribute("file").or_else(|| source.attribute("dev"))
}

/// Follows the headers of a disk's files downward. What is in no pool cannot be looked into through libvirt.
fn chain(session: &Session, disk: DefinedDisk, facts: &mut Facts) -> Result<DefinedDisk> {
    let Some(top) = disk.path.clone() else { return Ok(disk) };
    let name = format!("disk {}", disk.target);
    let Some(top) = described(session, &top)? else {
        facts.add(format!("{name}: chain"), "not known, since its file is in no storage pool");
        return Ok(disk);
    };
    facts.add(format!("{name}: format of its file"), &top.format);
    let (mut below, mut told) = (Vec::new(), Vec::new());
    let mut next = top.backing.zip(Some(top.backing_format));
    while let Some((path, format)) = next.take().filter(|_| below.len() < MAX_CHAIN) {
        let found = described(session, &path)?;
        let gone = if found.is_some() { "" } else { ", in no storage pool" };
        told.push(format!("{path} ({}{gone})", format.as_deref().unwrap_or("no format")));
        next = found.and_then(|found| found.backing.zip(Some(found.backing_format)));
        below.push(path);
    }
    facts.add(format!("{name}: chain"), if told.is_empty() { "nothing".to_owned() } else { told.join(" on ") });
    Ok(DefinedDisk { below, ..disk })
}

fn described(session: &Session, path: &str) -> Result<Option<Described>> {
    let found = optional(session.connect.lookup_storage_vol_by_path(path), sys::VIR_ERR_NO_STORAGE_VOL)?;
    let read = |volume: StorageVol| match Described::read(&volume) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_STORAGE_VOL) => Ok(None),
        described => described.map(Some),
    };
    found.map_or(Ok(None), read)
}

/// The names of a domain's snapshots, in order.
fn snapshots(domain: &Domain, facts: &mut Facts) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for snapshot in unless_unsupported(domain.list_all_snapshots(0))?.unwrap_or_default() {
        let name = match snapshot.name() {
            // It was removed meanwhile.
            Err(error) if error.code().to_raw() == sys::VIR_ERR_NO_DOMAIN_SNAPSHOT => continue,
            name => name?,
        };
        let xml = snapshot.xml_desc(0)?;
        let document = Document::parse(&xml)?;
        let is_external = |node: Node<'_, '_>| node.attribute("snapshot") == Some("external");
        let external = document.root_element().descendants().any(is_external);
        facts.add(format!("snapshot {name}"), if external { "external" } else { "internal" });
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// Not every driver has everything that a definition can have.
fn unless_unsupported<T>(result: std::result::Result<T, virt::error::Error>) -> Result<Option<T>> {
    optional(result, sys::VIR_ERR_NO_SUPPORT)
}
