//! The addresses that the network gives to machines.

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::super::LibvirtHypervisor;
use super::super::{addresses, network};
use crate::error::Result;
use crate::host::{HostNetwork, Lease, Reservation};
use crate::model::MacAddress;

#[async_trait]
impl HostNetwork for LibvirtHypervisor {
    async fn reserve(&self, reservation: &Reservation) -> Result<()> {
        let reservation = reservation.clone();
        self.call("reserving an address", move |session, context| {
            network::reserve(session, &network::network(session, &context.config.network)?, &reservation)
        })
        .await
    }

    async fn release(&self, mac: MacAddress) -> Result<()> {
        self.call("releasing an address", move |session, context| {
            network::release(session, &network::network(session, &context.config.network)?, mac)
        })
        .await
    }

    async fn reservations(&self) -> Result<Vec<Reservation>> {
        self.call("listing reservations", |session, context| {
            network::reservations(&network::network(session, &context.config.network)?)
        })
        .await
    }

    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        self.domain_of_desk("reading addresses", uuid, addresses::addresses).await
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        self.call("reading leases", |session, context| {
            network::leases(&network::network(session, &context.config.network)?)
        })
        .await
    }
}
