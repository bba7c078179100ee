//! A hypervisor of mocks, one for each part.

use super::{
    HostAdoption, HostConsole, HostDefinitions, HostDomains, HostInventory, HostNetwork, HostVolumes, Hypervisor,
    MockHostAdoption, MockHostConsole, MockHostDefinitions, MockHostDomains, MockHostInventory, MockHostNetwork,
    MockHostVolumes,
};

/// A hypervisor whose parts are mocks. Set what each part expects before the hypervisor is used.
#[derive(Debug, Default)]
pub struct MockHypervisor {
    /// The host: its name, its figures and its capabilities.
    pub host: MockHostInventory,
    /// Volumes of the storage pool.
    pub volumes: MockHostVolumes,
    /// Addresses that the network gives to machines.
    pub network: MockHostNetwork,
    /// The life of the desk's domains.
    pub domains: MockHostDomains,
    /// Returns the definitions of the desk's domains.
    pub definitions: MockHostDefinitions,
    /// Domains that exist without vmm.
    pub adoption: MockHostAdoption,
    /// The consoles of guests.
    pub console: MockHostConsole,
}

impl Hypervisor for MockHypervisor {
    fn host(&self) -> &dyn HostInventory {
        &self.host
    }
    fn volumes(&self) -> &dyn HostVolumes {
        &self.volumes
    }
    fn network(&self) -> &dyn HostNetwork {
        &self.network
    }
    fn domains(&self) -> &dyn HostDomains {
        &self.domains
    }
    fn definitions(&self) -> &dyn HostDefinitions {
        &self.definitions
    }
    fn adoption(&self) -> &dyn HostAdoption {
        &self.adoption
    }
    fn console(&self) -> &dyn HostConsole {
        &self.console
    }
}
