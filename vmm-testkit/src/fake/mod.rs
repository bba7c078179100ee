//! Stand-ins that obey the same rules as the real thing.

pub mod authenticator;
pub mod host;
pub mod remote;
pub mod ssh_guest;
pub mod telegram;
