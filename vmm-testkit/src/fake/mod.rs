//! Stand-ins that obey the same rules as the real thing.

pub mod hypervisor;
pub mod remote;
pub mod restless;
pub mod ssh_guest;
pub mod telegram;
