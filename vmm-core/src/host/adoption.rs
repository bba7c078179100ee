//! Domains that exist without vmm, and the tag that makes them a desk's.

use async_trait::async_trait;
use uuid::Uuid;

use super::DomainState;
use crate::error::Result;
use crate::model::MacAddress;

/// Domains that exist without vmm, and the tag that makes them a desk's.
///
/// # Contract
/// - Only these calls change a foreign domain, and nothing of it but its tag; it may run.
/// - Each call is safe to repeat.
/// - A domain of another desk is adopted, released and reclaimed by nobody else.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostAdoption: Send + Sync {
    /// Returns the domains that the desk can adopt, or has adopted, in order of name: those without any desk's tag, and
    /// those with the tag that [`adopt`](Self::adopt) gave them. A domain that is gone once it is off is left out.
    async fn adoptable(&self) -> Result<Vec<ForeignDomain>>;

    /// Makes a foreign domain one of the desk by tagging it. A domain of another desk, and one that this desk defined
    /// itself, is a conflict.
    async fn adopt(&self, uuid: Uuid) -> Result<()>;

    /// Takes the tag off a domain that this desk adopted. A foreign domain is left as it is; a domain that this desk
    /// defined itself is a conflict.
    async fn release(&self, uuid: Uuid) -> Result<()>;

    /// Sets the desk's tag again on a domain that the desk defined and that has lost it. That the desk defined it is
    /// for the caller to know: any domain without a tag becomes one that the desk defined. A domain that has the desk's
    /// tag stays as it is; a domain of another desk, or one that is gone once it is off, is a conflict.
    async fn reclaim(&self, uuid: Uuid) -> Result<()>;
}

/// A domain that exists without vmm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignDomain {
    /// Its id.
    pub uuid: Uuid,
    /// Its name, which may be one that no machine can have.
    pub name: String,
    /// Its state.
    pub state: DomainState,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The hardware addresses of its network interfaces, in order.
    pub macs: Vec<MacAddress>,
    /// Its disks, in order.
    pub disks: Vec<ForeignDisk>,
    /// True if this desk has adopted it.
    pub adopted: bool,
}

/// A disk of a domain that exists without vmm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignDisk {
    /// Where it is on the host, if the host says so.
    pub path: Option<String>,
    /// The size that the guest sees, in bytes; 0 if that is not known.
    pub capacity: u64,
}
