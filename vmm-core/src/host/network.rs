//! The addresses that a host's network gives to machines.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Result;
use crate::model::{MacAddress, VmName};

/// The addresses that a host's network gives to machines.
///
/// # Contract
/// - Reserving and releasing an address are safe to repeat.
/// - A reservation whose address, hardware address or name is in another reservation is
///   [`Conflict`](crate::Error::Conflict).
/// - An address that the network cannot give to a machine is [`Invalid`](crate::Error::Invalid).
/// - A domain that does not run has no address.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostNetwork: Send + Sync {
    /// Binds an address to a MAC address in the network's DHCP server.
    async fn reserve(&self, reservation: &Reservation) -> Result<()>;

    /// Drops the reservation of a MAC address.
    async fn release(&self, mac: MacAddress) -> Result<()>;

    /// Returns the reservations of the network, in order of address.
    async fn reservations(&self) -> Result<Vec<Reservation>>;

    /// Returns the addresses of a domain that are known from its lease, its agent or the host's ARP table, in that
    /// order.
    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>>;

    /// Returns the addresses that the network's DHCP server has given out and that have not expired, in one call to the
    /// host; of one hardware address the newest first. Empty where the host gives out none.
    async fn leases(&self) -> Result<Vec<Lease>>;
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
