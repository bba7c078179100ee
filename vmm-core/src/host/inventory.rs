//! The host: its name, its resources and its capabilities.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::MacAddress;

/// Tells what a host is and has.
///
/// # Contract
/// - What names the pool is the same in every answer, whichever desk asks.
/// - An address that is reserved is among the taken ones of the address pool.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostInventory: Send + Sync {
    /// Describes what this host is and has at this moment.
    async fn describe(&self) -> Result<Host>;
}

/// The host: its name, its resources and its capabilities.
///
/// Everything but `pool`, `capabilities` and the network's own address may change by itself between two calls: memory
/// that a host reports grows with its use on some kernels, and its name depends on the answers of a DNS server. So it
/// is read again where it matters, and never compared with what it was.
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
    /// True if guests run on hardware virtualisation.
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
    /// Content of volumes can be written (`import`, `write`).
    pub volume_content: bool,
    /// Volumes can be made larger (`resize`).
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
    /// Returns whether a machine can have this address: inside, and neither the network's, the broadcast's nor the
    /// gateway's.
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
    /// The addresses that are leased or reserved, inside the ranges and outside, with the hardware address that has
    /// each.
    pub taken: Vec<(MacAddress, Ipv4Addr)>,
}

impl AddressPool {
    /// Returns whether an address is in one of the ranges.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.ranges.iter().any(|(first, last)| (first..=last).contains(&&address))
    }

    /// Returns the number of addresses that the ranges have.
    pub fn size(&self) -> u32 {
        let sizes = self.ranges.iter().map(|(first, last)| (u32::from(*last) + 1).saturating_sub(u32::from(*first)));
        sizes.fold(0, u32::saturating_add)
    }

    /// Returns the number of addresses of the ranges that nobody has.
    pub fn free(&self) -> u32 {
        self.free_beside(&self.taken.iter().map(|(_, address)| *address).collect())
    }

    /// Returns the number of addresses of the ranges that are free if these are taken.
    pub(crate) fn free_beside(&self, taken: &HashSet<Ipv4Addr>) -> u32 {
        let taken = taken.iter().filter(|address| self.contains(**address)).count();
        self.size().saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX))
    }
}
