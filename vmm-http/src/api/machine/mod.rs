//! Machines, their disks and definitions, their power, load and host keys.

pub(super) mod adoption;
pub(super) mod definition;
pub(super) mod disk;
pub(super) mod host_key;
pub(super) mod monitor;
pub(super) mod reclaim;
pub(super) mod vm;
pub(super) mod vm_body;
