//! What vmm needs from a hypervisor, and nothing of any one hypervisor.

mod absent;
mod definition;
#[cfg(feature = "libvirt")]
pub mod libvirt;
mod sample;
mod state;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Result;
use crate::image::InspectedImage;
use crate::model::{DefinitionDigest, DeskId, MacAddress, PauseReason, VmName, VolumeName};

pub use absent::AbsentHypervisor;
pub use definition::{DefinedDisk, Definition};
pub(crate) use sample::sample;
pub(crate) use state::{seen, state_of};

/// A host that runs domains.
///
/// # Contract
/// - Every call that makes or removes something is safe to repeat: making what is already there as described
///   answers as the first call did; removing what is missing is `Ok`.
/// - Making something whose name is taken by a thing of another description is [`Conflict`](crate::Error::Conflict).
/// - A domain without our tag of this desk is foreign: [`domains`](Self::domains) never lists it and no call but
///   [`adopt`](Self::adopt) and [`reclaim`](Self::reclaim) changes it; calls that name one answer [`NotFound`](crate::Error::NotFound).
/// - A domain that was adopted is one of the desk, but its definition is not: [`define`](Self::define) and
///   [`undefine`](Self::undefine) of it are `Conflict`, and so is changing its disks.
/// - A domain that exists is never described anew: [`define`](Self::define) of one that was defined from another
///   specification is `Conflict`, also when it is off. What changes of it is one element, by
///   [`attach_disk`](Self::attach_disk) and [`detach_disk`](Self::detach_disk); everything else stays, whoever wrote it.
/// - A domain's state follows [`DomainState`]; a call that does not fit it is `Conflict`
///   (start or resume of a running domain, stop of a stopped one, and discarding what is not there are `Ok`, since they
///   are repeats).
/// - A state that the host does not tell is [`Unknown`](DomainState::Unknown), never another one.
/// - A [`Saved`](DomainState::Saved) domain keeps its saved state until it is started, discarded or undefined. Until then
///   it is not described anew: its memory would not fit another definition.
/// - A host that cannot be reached is [`Unavailable`](crate::Error::Unavailable), within 15 s; the next call tries again.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Hypervisor: Send + Sync {
    /// What this host is and has at this moment.
    async fn host(&self) -> Result<Host>;

    /// Copies an image into the pool as `name`. What is stored are the bytes that were inspected: if the file was changed
    /// since, the volume is removed again, and the call is [`Invalid`](crate::Error::Invalid).
    /// A finished volume of that name and the same virtual size is kept as it is; an unfinished one is replaced.
    async fn import_volume(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume>;

    /// Creates an empty volume, or an overlay on another volume of the pool.
    async fn create_volume(&self, volume: &NewVolume) -> Result<Volume>;

    /// Makes a volume larger, for a domain that does not run. One of this size is left as it is; a larger one is a
    /// conflict, since what it holds could be lost.
    async fn resize_volume(&self, name: &VolumeName, capacity: u64) -> Result<Volume>;

    /// Writes a small raw volume with these bytes, replacing what has that name.
    async fn write_volume(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume>;

    /// Removes a volume. One that another volume of the pool stands on, or that a domain on the host uses, whosever it is,
    /// is a conflict that names the user.
    async fn delete_volume(&self, name: &VolumeName) -> Result<()>;

    /// The volumes of the pool, in order of name.
    async fn volumes(&self) -> Result<Vec<Volume>>;

    /// Those of these volumes that are there, also if they came by other hands, as they are at this moment. Cheap: their
    /// content is not read.
    async fn inspect_volumes(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>>;

    /// SHA-256 of a volume's whole file, in lower-case hexadecimal digits. Takes as long as reading it.
    async fn checksum_volume(&self, name: &VolumeName) -> Result<String>;

    /// Binds an address to a MAC address in the network's DHCP server.
    async fn reserve_address(&self, reservation: &Reservation) -> Result<()>;

    /// Drops the reservation of a MAC address.
    async fn release_address(&self, mac: MacAddress) -> Result<()>;

    /// The reservations of the network, in order of address.
    async fn reservations(&self) -> Result<Vec<Reservation>>;

    /// Defines a domain, with the desk's tag in its metadata. It is not started.
    async fn define(&self, domain: &DomainSpec) -> Result<()>;

    /// Reads how a domain of this desk is defined, with the files that each of its disks stands on and with its
    /// snapshots; `None` if the domain is missing or foreign. The facts stay the same until somebody changes the
    /// definition, the chain of a disk or the snapshots: starting and stopping changes none of them.
    async fn definition(&self, uuid: Uuid) -> Result<Option<Definition>>;

    /// Attaches a qcow2 volume of the pool to a stopped domain, as its next disk, and answers with the definition
    /// afterwards. A volume that is attached already stays as it is. It is a conflict if the digest of the facts without
    /// this disk is not `rest`, if the domain has a saved state, or if another of its disks stands on the volume.
    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition>;

    /// Detaches the disk that is on a volume from a stopped domain, and answers with the definition afterwards. The
    /// volume stays, and may be missing. Without such a disk nothing changes. The conflicts are those of
    /// [`attach_disk`](Self::attach_disk); with `None` for `rest` the other facts may be any.
    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition>;

    /// Removes the definition of a stopped domain, and its saved state if it has one; its volumes stay.
    async fn undefine(&self, uuid: Uuid) -> Result<()>;

    /// The domains that the desk can adopt, or has adopted, in order of name: those without any desk's tag, and those
    /// with the tag that [`adopt`](Self::adopt) gave them. One that is gone once it is off is none of them.
    async fn adoptable(&self) -> Result<Vec<ForeignDomain>>;

    /// Makes a foreign domain one of the desk by tagging it. Nothing else of it changes, and it may run. One of another
    /// desk, and one that this desk defined itself, is a conflict.
    async fn adopt(&self, uuid: Uuid) -> Result<()>;

    /// Takes the tag off a domain that this desk adopted; nothing else of it changes. A foreign one is left as it is;
    /// one that this desk defined itself is a conflict.
    async fn release(&self, uuid: Uuid) -> Result<()>;

    /// Sets the desk's tag again on a domain that the desk defined and that has lost it; nothing else of it changes, and
    /// it may run. That the desk defined it is for the caller to know: any domain without a tag becomes one that the desk
    /// defined. One that has the desk's tag stays as it is; one of another desk, or one that is gone once it is off, is a
    /// conflict.
    async fn reclaim(&self, uuid: Uuid) -> Result<()>;

    /// Starts a domain. One that is saved goes on where it was saved, and has no saved state any more. The answer says
    /// how it began; that of a domain that runs already is [`Booted`](Start::Booted).
    async fn start(&self, uuid: Uuid) -> Result<Start>;

    /// Asks the guest to shut down; returns at once.
    async fn shutdown(&self, uuid: Uuid) -> Result<()>;

    /// Cuts the power. A saved domain has none, and stays saved.
    async fn stop(&self, uuid: Uuid) -> Result<()>;

    /// Lets a paused domain go on, and wakes one that sleeps. Whether it goes on for long is for a look to tell: what
    /// paused it may do so again.
    async fn resume(&self, uuid: Uuid) -> Result<()>;

    /// Removes the saved state of a domain, which is off then: what was in its memory is lost.
    async fn discard_saved(&self, uuid: Uuid) -> Result<()>;

    /// Asks the guest to reboot; returns at once.
    async fn reboot(&self, uuid: Uuid) -> Result<()>;

    /// One domain of this desk, if it is defined.
    async fn domain(&self, uuid: Uuid) -> Result<Option<Domain>>;

    /// Every domain of this desk with its statistics, in one bulk call to the host, in order of name.
    async fn domains(&self) -> Result<Vec<Domain>>;

    /// The addresses of a domain that are known from its lease, its agent or the host's ARP table, in that order.
    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>>;

    /// The addresses that the network's DHCP server has given out and that have not expired, in one call to the host; of
    /// one hardware address the newest first. Empty where the host gives out none.
    async fn leases(&self) -> Result<Vec<Lease>>;

    /// The last `limit` bytes that the guest wrote to its console; empty if there are none.
    async fn console_tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>>;
}

/// What a host is and has.
///
/// Everything but `pool`, `capabilities` and the network's own address may change by itself between two calls: memory
/// that a host reports grows with its use on some kernels, and its name depends on the answers of a DNS server. So it is
/// read again where it matters, and never compared with what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// The host's own name, for people.
    pub name: String,
    /// The storage pool, by what stays for as long as it exists and what no other host's pool has.
    pub pool: String,
    /// The hypervisor and its version, for people.
    pub hypervisor: String,
    /// Logical processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory: u64,
    /// Whether guests run on hardware virtualisation.
    pub accelerated: bool,
    /// Capacity of the storage pool in bytes.
    pub pool_capacity: u64,
    /// Free space of the storage pool in bytes.
    pub pool_available: u64,
    /// The IPv4 network that machines get their addresses from, if the host hands them out.
    pub subnet: Option<Subnet>,
    /// The addresses that its DHCP server hands out without a reservation, if it says.
    pub address_pool: Option<AddressPool>,
    /// The names of all its domains, also of foreign ones, so that a plan can avoid them.
    pub domain_names: Vec<String>,
    /// Parts of the contract that this backend has.
    pub capabilities: Capabilities,
}

impl Host {
    /// A host with this name and these resources and nothing else known.
    pub fn new(name: impl Into<String>, vcpus: u32, memory: u64) -> Self {
        Self {
            name: name.into(),
            pool: String::new(),
            hypervisor: String::new(),
            vcpus,
            memory,
            accelerated: false,
            pool_capacity: 0,
            pool_available: 0,
            subnet: None,
            address_pool: None,
            domain_names: Vec::new(),
            capabilities: Capabilities::default(),
        }
    }
}

/// Parts of the contract that not every backend has. A call outside them is [`Unsupported`](crate::Error::Unsupported).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Content of volumes can be written (`import_volume`, `write_volume`).
    pub volume_content: bool,
    /// Volumes can be made larger (`resize_volume`).
    pub volume_resize: bool,
    /// Disks can be attached and detached (`attach_disk`, `detach_disk`).
    pub disk_attachment: bool,
    /// DHCP reservations.
    pub reservations: bool,
    /// Guests have a console log.
    pub console: bool,
    /// Statistics beyond the state.
    pub statistics: bool,
}

/// An IPv4 network with the host's own address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The host's address, which no machine can have.
    pub gateway: Ipv4Addr,
    /// Length of the network's prefix in bits.
    pub prefix: u8,
}

impl Subnet {
    /// Whether a machine can have this address: inside, and neither the network's, the broadcast's nor the gateway's.
    pub fn can_assign(self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
        let (network, address) = (u32::from(self.gateway) & mask, u32::from(address));
        address & mask == network
            && address != network
            && address != network | !mask
            && address != u32::from(self.gateway)
    }
}

/// The addresses that a DHCP server hands out to machines without a reservation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPool {
    /// The first and the last address of each range.
    pub ranges: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// The addresses that are leased or reserved, inside the ranges and outside, with the hardware address that has each.
    pub taken: Vec<(MacAddress, Ipv4Addr)>,
}

impl AddressPool {
    /// Whether an address is in one of the ranges.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.ranges.iter().any(|(first, last)| (first..=last).contains(&&address))
    }

    /// How many addresses the ranges have.
    pub fn size(&self) -> u32 {
        let sizes = self.ranges.iter().map(|(first, last)| (u32::from(*last) + 1).saturating_sub(u32::from(*first)));
        sizes.fold(0, u32::saturating_add)
    }

    /// How many addresses of the ranges nobody has.
    pub fn free(&self) -> u32 {
        self.free_beside(&self.taken.iter().map(|(_, address)| *address).collect())
    }

    /// How many addresses of the ranges are free if these are taken.
    pub(crate) fn free_beside(&self, taken: &HashSet<Ipv4Addr>) -> u32 {
        let taken = taken.iter().filter(|address| self.contains(**address)).count();
        self.size().saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }
}

/// A file or block device in the storage pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the pool.
    pub name: VolumeName,
    /// Its path on the host.
    pub path: String,
    /// What the guest sees, in bytes.
    pub capacity: u64,
}

/// A volume that was looked at closely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeDetail {
    /// The volume.
    pub volume: Volume,
    /// Whether it is qcow2.
    pub qcow2: bool,
    /// The path of the file that it is an overlay on.
    pub backing: Option<String>,
    /// What the host says of the file that is another after each change of its content: its size and the moment of the
    /// last change. To be compared, not to be read.
    pub stamp: String,
}

/// A volume to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name in the pool.
    pub name: VolumeName,
    /// What the guest sees, in bytes. For an overlay at least the size of the volume below.
    pub capacity: u64,
    /// The qcow2 volume of the same pool that this one is an overlay on.
    pub backing: Option<VolumeName>,
}

/// A DHCP reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Whose.
    pub mac: MacAddress,
    /// Which address.
    pub address: Ipv4Addr,
    /// The name handed out with it.
    pub name: VmName,
}

/// An address that the network's DHCP server has given to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub mac: MacAddress,
    /// Which address.
    pub address: IpAddr,
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
    /// What people read in other tools.
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
    /// Whether this desk has adopted it.
    pub adopted: bool,
}

/// A disk of a domain that exists without vmm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignDisk {
    /// Where it is on the host, if the host says so.
    pub path: Option<String>,
    /// What the guest sees, in bytes; 0 if that is not known.
    pub capacity: u64,
}

/// How a domain began its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Its system booted, or ran already.
    Booted,
    /// It went on where it was saved.
    Restored,
}

/// A domain's life as the hypervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DomainState {
    /// Runs, or is idle while running.
    Running,
    /// Held with what is in its memory, for this reason.
    Paused(PauseReason),
    /// Was asked to stop and has not yet.
    Stopping,
    /// Shut off.
    Off,
    /// Does not run; its memory is in a file, from which it goes on when it is started.
    Saved,
    /// Its process ended by itself without a shutdown.
    Crashed,
    /// The host does not say.
    Unknown,
}

impl DomainState {
    /// Whether nothing of it runs or is kept to run on: it is off or has crashed.
    pub fn is_off(self) -> bool {
        matches!(self, Self::Off | Self::Crashed)
    }

    /// Whether it has a run at present: one that can be looked at, and that a pause does not end.
    pub fn has_run(self) -> bool {
        matches!(self, Self::Running | Self::Paused(_) | Self::Stopping)
    }
}

/// A domain of this desk, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its id.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: DomainState,
    /// The number of its present run: another one after each start, the same for as long as it runs, also when the
    /// guest reboots. `None` if it does not run or the host does not count.
    pub run: Option<u32>,
    /// Its figures; zero where it is off, the backend has none, or, in a list, it was busy just then.
    pub statistics: Statistics,
}

/// Figures of a domain. Counters run from the domain's start.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Processor time used, in nanoseconds.
    pub cpu_time: u64,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory given to the guest, in KiB.
    pub memory_current: u64,
    /// Memory that the guest does not use, in KiB; known when its balloon driver reports.
    pub memory_unused: Option<u64>,
    /// Memory that the host spends on it, in KiB.
    pub memory_resident: u64,
    /// Each disk.
    pub disks: Vec<DiskStatistics>,
    /// Each network interface.
    pub interfaces: Vec<InterfaceStatistics>,
}

/// Figures of one disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStatistics {
    /// `vda`, …
    pub name: String,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
    /// What the guest sees, in bytes.
    pub capacity: u64,
    /// What the host spends, in bytes.
    pub allocation: u64,
}

/// Figures of one network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceStatistics {
    /// The host's name of it.
    pub name: String,
    /// Bytes that the guest received.
    pub received: u64,
    /// Bytes that the guest sent.
    pub sent: u64,
}
