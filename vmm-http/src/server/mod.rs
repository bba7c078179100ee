//! Connections, and what a server is told about them.

pub(crate) mod connection;
pub(crate) mod limits;
pub(crate) mod peer;
pub(crate) mod tls;
