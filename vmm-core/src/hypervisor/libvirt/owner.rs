//! The tag in a domain's metadata that makes it ours.

use roxmltree::Document;
use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

use super::connection::Session;
use super::error::{Failure, Result, optional};
use super::xml::{Element, element};
use crate::error::{Error, Kind};
use crate::model::DeskId;

/// The name space of the tag.
const NAMESPACE: &str = "https://github.com/vmm-desk/vmm/xmlns/domain/1";

/// What a domain's tag says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub desk: DeskId,
    /// The hash of what the domain was defined from.
    pub spec: String,
}

impl Tag {
    pub(super) fn element(&self) -> Element {
        element("vmm:desk").attribute("xmlns:vmm", NAMESPACE).attribute("id", self.desk).attribute("spec", &self.spec)
    }

    fn parse(xml: &str) -> Option<Self> {
        let document = Document::parse(xml).ok()?;
        let desk = document.root_element().attribute("id")?.parse().map(DeskId).ok()?;
        Some(Self { desk, spec: document.root_element().attribute("spec").unwrap_or_default().to_owned() })
    }

    /// The tag of a domain; `None` if it has none or is gone.
    pub(super) fn read(domain: &Domain) -> Result<Option<Self>> {
        match domain.metadata(sys::VIR_DOMAIN_METADATA_ELEMENT as i32, Some(NAMESPACE), 0).map_err(Failure::from) {
            Ok(xml) => Ok(Self::parse(&xml)),
            Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN_METADATA) || failure.is(sys::VIR_ERR_NO_DOMAIN) => {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// A domain of any owner.
pub(super) fn lookup(session: &Session, uuid: Uuid) -> Result<Option<Domain>> {
    optional(session.connect.lookup_domain_by_uuid(uuid), sys::VIR_ERR_NO_DOMAIN)
}

/// A domain of this desk, with its tag.
pub(super) fn owned(session: &Session, desk: DeskId, uuid: Uuid) -> Result<Option<(Domain, Tag)>> {
    let Some(domain) = lookup(session, uuid)? else {
        return Ok(None);
    };
    let tag = Tag::read(&domain)?.filter(|tag| tag.desk == desk);
    Ok(tag.map(|tag| (domain, tag)))
}

/// A domain of this desk, or the error for one that is missing or foreign.
pub(super) fn require(session: &Session, desk: DeskId, uuid: Uuid) -> Result<Domain> {
    match owned(session, desk, uuid)? {
        Some((domain, _)) => Ok(domain),
        None => Err(Error::not_found(Kind::Domain, uuid).into()),
    }
}
