//! How a domain is defined, as a backend reads it.

use crate::model::{Facts, MacAddress};

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
    /// Whether it has a saved state, which it would resume from.
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
    /// What the guest may call it: `vda`, …
    pub target: String,
    /// Its file on the host; `None` if it has none, or is not a file.
    pub path: Option<String>,
    /// Whether the guest can only read it.
    pub read_only: bool,
    /// The files that it stands on, the next one first.
    pub below: Vec<String>,
}
