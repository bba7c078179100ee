//! The host: its name, its figures and its capabilities.

use async_trait::async_trait;

use super::super::LibvirtHypervisor;
use super::super::host;
use crate::error::Result;
use crate::host::{Host, HostInventory};

#[async_trait]
impl HostInventory for LibvirtHypervisor {
    async fn describe(&self) -> Result<Host> {
        self.call("reading what the host is", |session, context| {
            host::host(session, &context.config, context.accelerated(session)?)
        })
        .await
    }
}
