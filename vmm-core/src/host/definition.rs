//! The definitions of a desk's domains.

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Result;
use crate::model::{DefinitionDigest, DeskId, Facts, MacAddress, VmName, VolumeName};

/// The definitions of a desk's domains.
///
/// # Contract
/// - Defining a domain, removing its definition, attaching and detaching a disk are safe to repeat.
/// - A domain that exists is never described anew: [`define`](Self::define) of a domain that was defined from another
///   specification is [`Conflict`](crate::Error::Conflict), also when it is off. One element of it can be changed, by
///   [`attach_disk`](Self::attach_disk) and [`detach_disk`](Self::detach_disk); everything else stays, whoever wrote
///   it.
/// - Defining a domain whose name or id is taken, by whomever, is `Conflict`.
/// - An adopted domain is one of the desk, but its definition is not: defining it, undefining it and changing its disks
///   are `Conflict`.
/// - A [`Saved`](super::DomainState::Saved) domain is not described anew: its memory would not fit another definition.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostDefinitions: Send + Sync {
    /// Defines a domain, with the desk's tag in its metadata. It is not started.
    async fn define(&self, domain: &DomainSpec) -> Result<()>;

    /// Reads how a domain of this desk is defined, with the files that each of its disks stands on and with its
    /// snapshots; `None` if the domain is missing or foreign. The facts stay the same until somebody changes the
    /// definition, the chain of a disk or the snapshots: starting and stopping changes none of them.
    async fn by_id(&self, uuid: Uuid) -> Result<Option<Definition>>;

    /// Attaches a qcow2 volume of the pool to a stopped domain, as its next disk, and answers with the definition
    /// afterwards. A volume that is attached already stays as it is. It is a conflict if the digest of the facts
    /// without this disk is not `rest`, if the domain has a saved state, or if another of its disks stands on the
    /// volume.
    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition>;

    /// Detaches the disk that is on a volume from a stopped domain, and answers with the definition afterwards. The
    /// volume stays, and may be missing. Without such a disk nothing changes. The conflicts are those of
    /// [`attach_disk`](Self::attach_disk); with `None` for `rest` the other facts may be any.
    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition>;

    /// Removes the definition of a stopped domain, and its saved state if it has one; its volumes stay.
    async fn undefine(&self, uuid: Uuid) -> Result<()>;
}

/// A domain to define.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSpec {
    /// The desk that owns it; becomes the tag.
    pub desk: DeskId,
    /// Derived from request and row, never random.
    pub uuid: Uuid,
    /// The machine's name, which is the domain's name too.
    pub name: VmName,
    /// The description that people read in other tools.
    pub description: String,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// qcow2 volumes, the system disk first (`vda`, `vdb`, …).
    pub disks: Vec<VolumeName>,
    /// The raw volume with the cloud-init seed, attached read-only behind the disks.
    pub seed: Option<VolumeName>,
    /// The MAC address of its one network interface.
    pub mac: MacAddress,
}

/// A domain's definition, as it takes effect when the domain starts next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The domain's name, which somebody may have changed.
    pub name: String,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The hardware addresses of its network interfaces, in order.
    pub macs: Vec<MacAddress>,
    /// Its disks, in order; also what is read-only.
    pub disks: Vec<DefinedDisk>,
    /// The names of its snapshots, in order.
    pub snapshots: Vec<String>,
    /// True if it has a saved state, which it would resume from.
    pub saved: bool,
    /// Everything that it is defined by, but what varies by itself, what the host adds, and what only people read: its
    /// name, title, description and tag, addresses on its buses, the controllers that these need, security labels.
    pub facts: Facts,
}

impl Definition {
    /// The disk whose file this is.
    pub fn disk_at(&self, path: &str) -> Option<&DefinedDisk> {
        self.disks.iter().find(|disk| disk.path.as_deref() == Some(path))
    }

    /// The disk that stands on this file through another one.
    pub fn disk_above(&self, path: &str) -> Option<&DefinedDisk> {
        self.disks.iter().find(|disk| disk.below.iter().any(|below| below == path))
    }
}

/// A disk in a domain's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinedDisk {
    /// The name that the guest may give it: `vda`, …
    pub target: String,
    /// Its file on the host; `None` if it has none, or is not a file.
    pub path: Option<String>,
    /// True if the guest can only read it.
    pub read_only: bool,
    /// The files that it stands on, the next one first.
    pub below: Vec<String>,
}
