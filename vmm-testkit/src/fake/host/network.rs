//! Addresses that the fake network gives to machines.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::host::{HostNetwork, Lease, Reservation};
use vmm_core::model::MacAddress;
use vmm_core::{Error, Kind, Result};

use super::FakeHypervisor;
use super::state::Turn;

#[async_trait]
impl HostNetwork for FakeHypervisor {
    async fn reserve(&self, reservation: &Reservation) -> Result<()> {
        self.enter("network.reserve")?.reserve(reservation)
    }

    async fn release(&self, mac: MacAddress) -> Result<()> {
        self.enter("network.release")?.state.reservations.retain(|known| known.mac != mac);
        Ok(())
    }

    async fn reservations(&self) -> Result<Vec<Reservation>> {
        let mut all = self.enter("network.reservations")?.state.reservations.clone();
        all.sort_by_key(|reservation| reservation.address);
        Ok(all)
    }

    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        self.enter("network.addresses")?.addresses(uuid)
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        Ok(self.enter("network.leases")?.leases())
    }
}

impl Turn<'_> {
    pub(super) fn reserve(&mut self, wanted: &Reservation) -> Result<()> {
        if !self.state.host.subnet.is_some_and(|subnet| subnet.can_assign(wanted.address)) {
            let reason = format!("{} is not an address that the network can give to a machine", wanted.address);
            return Err(Error::invalid("ip", reason));
        }
        let clashes = |known: &&Reservation| {
            known.mac == wanted.mac || known.address == wanted.address || known.name == wanted.name
        };
        match self.state.reservations.iter().find(clashes) {
            Some(known) if known == wanted => Ok(()),
            Some(known) => {
                let reason = format!("{} is reserved for {} ({})", known.address, known.name, known.mac);
                Err(Error::conflict(Kind::Vm, &wanted.name, reason))
            }
            None => {
                self.state.reservations.push(wanted.clone());
                Ok(())
            }
        }
    }

    pub(super) fn addresses(&mut self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        let domain = self.domain_of_desk(uuid)?;
        let (state, mac) = (domain.state, domain.spec.mac);
        if !state.has_run() {
            return Ok(Vec::new());
        }
        match self.state.addresses.get(&uuid) {
            Some(addresses) => Ok(addresses.clone()),
            None if self.state.gives_addresses => Ok(self.lease(uuid, mac).into_iter().collect()),
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn leases(&self) -> Vec<Lease> {
        let state = &self.state;
        let known = state.addresses.iter().filter(|_| state.leases).filter_map(|(uuid, addresses)| {
            let domain = state.domains.get(uuid).filter(|domain| !domain.state.is_off())?;
            Some(addresses.iter().map(|address| Lease { mac: domain.spec.mac, address: *address }))
        });
        known.flatten().collect()
    }

    /// The reserved address, otherwise the first that nobody has; as with a lease it stays the same from then on.
    fn lease(&mut self, uuid: Uuid, mac: MacAddress) -> Option<IpAddr> {
        if let Some(reserved) = self.state.reservations.iter().find(|known| known.mac == mac) {
            return Some(IpAddr::V4(reserved.address));
        }
        let subnet = self.state.host.subnet?;
        let gateway = u32::from(subnet.gateway);
        let ranges = &self.state.host.address_pool;
        let is_free = |address: &Ipv4Addr| {
            subnet.can_assign(*address)
                && ranges.as_ref().is_none_or(|pool| pool.contains(*address))
                && self.state.reservations.iter().all(|known| known.address != *address)
                && self.state.addresses.values().flatten().all(|known| *known != IpAddr::V4(*address))
        };
        let address = (gateway..=u32::MAX).take(1 << 16).map(Ipv4Addr::from).find(is_free).map(IpAddr::V4)?;
        self.state.addresses.insert(uuid, vec![address]);
        Some(address)
    }
}
