//! The consoles of the fake guests.

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::Result;
use vmm_core::host::HostConsole;

use super::FakeHypervisor;
use super::state::Turn;

#[async_trait]
impl HostConsole for FakeHypervisor {
    async fn tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        self.enter("console.tail")?.console_tail(uuid, limit)
    }
}

impl Turn<'_> {
    pub(super) fn console_tail(&mut self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        let console = &self.domain_of_desk(uuid)?.console;
        Ok(console[console.len().saturating_sub(limit)..].to_vec())
    }
}
