//! The fake host: its name, its resources and its capabilities.

use std::net::IpAddr;

use async_trait::async_trait;
use vmm_core::Result;
use vmm_core::host::{Host, HostInventory};

use super::FakeHypervisor;
use super::state::Turn;

#[async_trait]
impl HostInventory for FakeHypervisor {
    async fn describe(&self) -> Result<Host> {
        Ok(self.enter("host.describe")?.host())
    }
}

impl Turn<'_> {
    /// Returns the host as it is at this moment. Its addresses are counted if it was given ranges.
    pub(super) fn host(&self) -> Host {
        let mut host = self.state.host.clone();
        host.domain_names = self.state.domains.values().map(|domain| domain.name.clone()).collect();
        if let Some(pool) = &mut host.address_pool {
            pool.taken.extend(self.state.reservations.iter().map(|known| (known.mac, known.address)));
            for (uuid, addresses) in &self.state.addresses {
                let Some(domain) = self.state.domains.get(uuid).filter(|domain| !domain.state.is_off()) else {
                    continue;
                };
                let leased = addresses.iter().filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None });
                pool.taken.extend(leased.map(|address| (domain.spec.mac, address)));
            }
        }
        host
    }
}
