//! Where libvirt is and what of it the desk uses. Plain data.

use crate::config::VirtType;
use crate::model::DeskId;

/// The settings of [`LibvirtHypervisor`](super::LibvirtHypervisor).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LibvirtConfig {
    /// libvirt's address of the host, like `qemu:///system` or `qemu+ssh://root@host/system`.
    pub uri: String,
    /// The desk; its domains bear this tag and all others are foreign.
    pub desk: DeskId,
    /// The storage pool of images, disks and console logs: one that holds files (`dir`, `fs`, `netfs`).
    pub pool: String,
    /// The network that machines are attached to.
    pub network: String,
    /// The way in which guests are run.
    pub virt_type: VirtType,
    /// True if guests write what they print to a log beside their disks.
    pub console_log: bool,
    /// True if vmm runs libvirt's event loop on a thread of its own, which it needs to notice a frozen libvirtd. There
    /// is one loop in a process: say `false` if the embedding program runs it.
    pub event_loop: bool,
}

impl LibvirtConfig {
    /// The host's own libvirt, with pool `default` and network `default`.
    pub fn new(desk: DeskId) -> Self {
        Self {
            uri: "qemu:///system".to_owned(),
            desk,
            pool: "default".to_owned(),
            network: "default".to_owned(),
            virt_type: VirtType::default(),
            console_log: true,
            event_loop: true,
        }
    }
}
