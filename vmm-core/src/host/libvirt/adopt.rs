//! Domains that exist without vmm, and the tag that makes one of them the desk's.

use roxmltree::{Document, Node};
use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

use super::connection::Session;
use super::domain;
use super::error::{Failure, Result};
use super::facts;
use super::owner::{self, Owner, Tag};
use super::xml::find;
use crate::error::{Error, Kind};
use crate::host::{ForeignDisk, ForeignDomain};
use crate::model::DeskId;

pub(super) fn adoptable(session: &Session, desk: DeskId) -> Result<Vec<ForeignDomain>> {
    let mut found = Vec::new();
    for domain in session.connect.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_PERSISTENT)? {
        match described(&domain, desk) {
            Ok(description) => found.extend(description),
            // It was removed meanwhile.
            Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => {}
            Err(failure) => return Err(failure),
        }
    }
    found.sort_by(|a: &ForeignDomain, b| a.name.cmp(&b.name));
    Ok(found)
}

fn described(domain: &Domain, desk: DeskId) -> Result<Option<ForeignDomain>> {
    let adopted = match Owner::of(domain)? {
        Owner::Nobody => false,
        Owner::Desk(tag) if tag.is_adopted_by(desk) => true,
        Owner::Desk(_) | Owner::Unknown => return Ok(None),
    };
    let xml = domain.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let root = document.root_element();
    let devices = |name: &'static str| {
        find(root, &["devices"])
            .into_iter()
            .flat_map(|node| node.children())
            .filter(move |node| node.has_tag_name(name))
    };
    let is_disk = |node: &Node<'_, '_>| node.attribute("device").is_none_or(|device| device == "disk");
    Ok(Some(ForeignDomain {
        uuid: domain.uuid()?,
        name: domain.name()?,
        state: domain::state(domain)?,
        vcpu: facts::vcpu(root).unwrap_or(1),
        memory: facts::memory(root),
        macs: devices("interface").filter_map(facts::mac).collect(),
        disks: devices("disk").filter(is_disk).map(|node| disk(domain, node)).collect(),
        adopted,
    }))
}

fn disk(domain: &Domain, node: Node<'_, '_>) -> ForeignDisk {
    let source = find(node, &["source"]);
    let path =
        source.and_then(|source| ["file", "dev", "name", "volume"].iter().find_map(|kind| source.attribute(*kind)));
    let target = find(node, &["target"]).and_then(|target| target.attribute("dev")).unwrap_or_default();
    // Not every source says how large it is while its domain is off.
    let capacity = domain.block_info(target, 0).map_or(0, |info| info.capacity);
    ForeignDisk { path: path.map(str::to_owned), capacity }
}

pub(super) fn adopt(session: &Session, desk: DeskId, uuid: Uuid) -> Result<()> {
    let domain = owner::lookup(session, uuid)?.ok_or_else(|| Failure::from(Error::not_found(Kind::Domain, uuid)))?;
    match Owner::of(&domain)? {
        Owner::Desk(tag) if tag.is_adopted_by(desk) => return Ok(()),
        Owner::Desk(tag) if tag.desk == desk => {
            return Err(conflict(&domain, "this desk made it, so it needs no adoption"));
        }
        Owner::Desk(_) | Owner::Unknown => return Err(conflict(&domain, "it belongs to another desk")),
        Owner::Nobody if !domain.is_persistent()? => {
            return Err(conflict(&domain, "it is transient, so it would lose its tag when it is off; define it first"));
        }
        Owner::Nobody => owner::write(&domain, Some(&Tag::adopted(desk)))?,
    }
    match Owner::of(&domain)? {
        Owner::Desk(tag) if tag.is_adopted_by(desk) => Ok(()),
        _ => Err(conflict(&domain, "another desk has just adopted it")),
    }
}

pub(super) fn release(session: &Session, desk: DeskId, uuid: Uuid) -> Result<()> {
    let Some(domain) = owner::lookup(session, uuid)? else { return Ok(()) };
    match Owner::of(&domain)? {
        Owner::Desk(tag) if tag.is_adopted_by(desk) => owner::write(&domain, None),
        Owner::Desk(tag) if tag.desk == desk => {
            Err(conflict(&domain, "this desk made it, so it cannot be released; remove it instead"))
        }
        Owner::Desk(_) | Owner::Unknown | Owner::Nobody => Ok(()),
    }
}

pub(super) fn reclaim(session: &Session, desk: DeskId, uuid: Uuid) -> Result<()> {
    let domain = owner::lookup(session, uuid)?.ok_or_else(|| Failure::from(Error::not_found(Kind::Domain, uuid)))?;
    match Owner::of(&domain)? {
        Owner::Desk(tag) if tag.desk == desk => return Ok(()),
        Owner::Desk(_) | Owner::Unknown => return Err(conflict(&domain, "it belongs to another desk")),
        Owner::Nobody if !domain.is_persistent()? => {
            return Err(conflict(&domain, "it is transient, so it would lose its tag when it is off; define it first"));
        }
        Owner::Nobody => owner::write(&domain, Some(&Tag::reclaimed(desk)))?,
    }
    match Owner::of(&domain)? {
        Owner::Desk(tag) if tag.desk == desk => Ok(()),
        _ => Err(conflict(&domain, "another desk has just taken it")),
    }
}

fn conflict(domain: &Domain, reason: &str) -> Failure {
    Error::conflict(Kind::Domain, domain.name().unwrap_or_default(), reason).into()
}
