//! The life of the desk's domains.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::super::LibvirtHypervisor;
use super::super::connection::Session;
use super::super::{domain, stats};
use crate::error::Result;
use crate::host::{Domain, HostDomains, Start};

#[async_trait]
impl HostDomains for LibvirtHypervisor {
    async fn start(&self, uuid: Uuid) -> Result<Start> {
        self.domain_of_desk("starting a domain", uuid, |_, domain| domain::start(domain)).await
    }

    async fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("shutting a domain down", uuid, |_, domain| domain::shutdown(domain)).await
    }

    async fn stop(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("stopping a domain", uuid, |_, domain| domain::stop(domain)).await
    }

    async fn resume(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("resuming a domain", uuid, |_, domain| domain::resume(domain)).await
    }

    async fn discard_saved(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("discarding a saved state", uuid, |_, domain| domain::discard_saved(domain)).await
    }

    async fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("rebooting a domain", uuid, |_, domain| domain::reboot(domain)).await
    }

    async fn by_id(&self, uuid: Uuid) -> Result<Option<Domain>> {
        self.call("reading a domain", move |session, context| stats::one(session, context.config.desk, uuid)).await
    }

    async fn list(&self) -> Result<Vec<Domain>> {
        let context = Arc::clone(&self.context);
        let list = move |session: &Session| stats::domains(session, context.config.desk, &context.ownership);
        self.connector.look("listing domains", list).await
    }
}
