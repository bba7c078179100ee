//! The consoles of guests.

use async_trait::async_trait;
use uuid::Uuid;

use super::super::LibvirtHypervisor;
use super::super::{console, content, owner, storage};
use crate::error::Result;
use crate::host::HostConsole;

#[async_trait]
impl HostConsole for LibvirtHypervisor {
    async fn tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        self.call("reading a console", move |session, context| {
            owner::require(session, context.config.desk, uuid)?;
            let pool = storage::pool(session, &context.config.pool)?;
            content::supported(session)?;
            console::tail(session, &pool, &console::name(uuid), limit)
        })
        .await
    }
}
