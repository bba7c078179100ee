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

/// The prefix of that name space in a domain's XML.
const PREFIX: &str = "vmm";

/// The word in place of the hash in the tag of an adopted domain: vmm did not define it.
const ADOPTED: &str = "adopted";

/// The word in place of the hash in the tag of a domain whose tag was lost and set again.
const RECLAIMED: &str = "reclaimed";

/// Whose a domain is.
pub(super) enum Owner {
    /// It has no tag.
    Nobody,
    /// The desk of its tag.
    Desk(Tag),
    /// It has a tag that cannot be read, so it is not for us to touch.
    Unknown,
}

impl Owner {
    pub(super) fn of(domain: &Domain) -> Result<Self> {
        Ok(match Tag::text(domain)? {
            None => Self::Nobody,
            Some(xml) => Tag::parse(&xml).map_or(Self::Unknown, Self::Desk),
        })
    }
}

/// A domain's tag.
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

    /// The tag of a domain that exists without vmm.
    pub(super) fn adopted(desk: DeskId) -> Self {
        Self { desk, spec: ADOPTED.to_owned() }
    }

    /// The tag of a domain that its desk defined, set again.
    pub(super) fn reclaimed(desk: DeskId) -> Self {
        Self { desk, spec: RECLAIMED.to_owned() }
    }

    pub(super) fn is_adopted(&self) -> bool {
        self.spec == ADOPTED
    }

    pub(super) fn is_adopted_by(&self, desk: DeskId) -> bool {
        self.desk == desk && self.is_adopted()
    }

    fn parse(xml: &str) -> Option<Self> {
        let document = Document::parse(xml).ok()?;
        let desk = document.root_element().attribute("id")?.parse().map(DeskId).ok()?;
        Some(Self { desk, spec: document.root_element().attribute("spec").unwrap_or_default().to_owned() })
    }

    /// The tag of a domain; `None` if it has none or is gone.
    pub(super) fn read(domain: &Domain) -> Result<Option<Self>> {
        Ok(Self::text(domain)?.as_deref().and_then(Self::parse))
    }

    fn text(domain: &Domain) -> Result<Option<String>> {
        match domain.metadata(sys::VIR_DOMAIN_METADATA_ELEMENT as i32, Some(NAMESPACE), 0).map_err(Failure::from) {
            Ok(xml) => Ok(Some(xml)),
            Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN_METADATA) || failure.is(sys::VIR_ERR_NO_DOMAIN) => {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Sets or takes off the tag of a domain that exists, running or not, and leaves everything else of it as it is.
pub(super) fn write(domain: &Domain, tag: Option<&Tag>) -> Result<()> {
    // libvirt adds the name space itself.
    let xml = tag.map(|tag| element("desk").attribute("id", tag.desk).attribute("spec", &tag.spec).render());
    let mut flags = sys::VIR_DOMAIN_AFFECT_CONFIG;
    if domain.is_active()? {
        flags |= sys::VIR_DOMAIN_AFFECT_LIVE;
    }
    let kind = sys::VIR_DOMAIN_METADATA_ELEMENT as i32;
    Ok(domain.set_metadata(kind, xml.as_deref(), Some(PREFIX), Some(NAMESPACE), flags)?)
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
