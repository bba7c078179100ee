//! The traits of a host that runs domains, without anything of a particular hypervisor: one trait for each part.

mod absent;
mod adoption;
mod console;
mod definition;
mod domain;
mod inventory;
#[cfg(feature = "libvirt")]
pub mod libvirt;
#[cfg(any(test, feature = "mock"))]
mod mock;
mod network;
mod sample;
mod state;
mod statistics;
mod volume;

pub use absent::AbsentHypervisor;
pub use adoption::{ForeignDisk, ForeignDomain, HostAdoption};
pub use console::HostConsole;
pub use definition::{DefinedDisk, Definition, DomainSpec, HostDefinitions};
pub use domain::{Domain, DomainState, HostDomains, Start};
pub use inventory::{AddressPool, Capabilities, Host, HostInventory, Subnet};
#[cfg(any(test, feature = "mock"))]
pub use mock::MockHypervisor;
pub use network::{HostNetwork, Lease, Reservation};
pub use statistics::{DiskStatistics, InterfaceStatistics, Statistics};
pub use volume::{HostVolumes, NewVolume, Volume, VolumeDetail};
#[cfg(any(test, feature = "mock"))]
pub use {
    adoption::MockHostAdoption, console::MockHostConsole, definition::MockHostDefinitions, domain::MockHostDomains,
    inventory::MockHostInventory, network::MockHostNetwork, volume::MockHostVolumes,
};

pub(crate) use sample::sample;
pub(crate) use state::{seen, state_of};

/// A host that runs domains, by its parts. A type that implements every part is one.
///
/// # Contract
/// Each part has a contract of its own; these promises hold for all of them:
/// - Every call that makes or removes something is safe to repeat: making what is already there as described
///   answers as the first call did; removing what is missing is `Ok`.
/// - Making something whose name is taken by a thing of another description is [`Conflict`](crate::Error::Conflict).
/// - A domain without our tag of this desk is foreign: [`domains`](Self::domains) never lists it and no part but
///   [`adoption`](Self::adoption) changes it; calls that name one answer [`NotFound`](crate::Error::NotFound).
/// - A host that cannot be reached is [`Unavailable`](crate::Error::Unavailable), within 15 s; the next call tries
///   again.
pub trait Hypervisor: Send + Sync {
    /// The host: its name, its figures and its capabilities.
    fn host(&self) -> &dyn HostInventory;
    /// Volumes of the storage pool.
    fn volumes(&self) -> &dyn HostVolumes;
    /// Addresses that the network gives to machines.
    fn network(&self) -> &dyn HostNetwork;
    /// The life of the desk's domains.
    fn domains(&self) -> &dyn HostDomains;
    /// Returns the definitions of the desk's domains.
    fn definitions(&self) -> &dyn HostDefinitions;
    /// Domains that exist without vmm.
    fn adoption(&self) -> &dyn HostAdoption;
    /// The consoles of guests.
    fn console(&self) -> &dyn HostConsole;
}

impl<T> Hypervisor for T
where
    T: HostInventory + HostVolumes + HostNetwork + HostDomains + HostDefinitions + HostAdoption + HostConsole,
{
    fn host(&self) -> &dyn HostInventory {
        self
    }
    fn volumes(&self) -> &dyn HostVolumes {
        self
    }
    fn network(&self) -> &dyn HostNetwork {
        self
    }
    fn domains(&self) -> &dyn HostDomains {
        self
    }
    fn definitions(&self) -> &dyn HostDefinitions {
        self
    }
    fn adoption(&self) -> &dyn HostAdoption {
        self
    }
    fn console(&self) -> &dyn HostConsole {
        self
    }
}
