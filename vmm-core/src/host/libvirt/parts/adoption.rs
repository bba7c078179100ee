//! Domains that exist without vmm.

use async_trait::async_trait;
use uuid::Uuid;

use super::super::LibvirtHypervisor;
use super::super::adopt;
use crate::error::Result;
use crate::host::{ForeignDomain, HostAdoption};

#[async_trait]
impl HostAdoption for LibvirtHypervisor {
    async fn adoptable(&self) -> Result<Vec<ForeignDomain>> {
        self.call("listing domains that can be adopted", |session, context| {
            adopt::adoptable(session, context.config.desk)
        })
        .await
    }

    async fn adopt(&self, uuid: Uuid) -> Result<()> {
        self.call("adopting a domain", move |session, context| {
            adopt::adopt(session, context.config.desk, uuid)?;
            context.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn release(&self, uuid: Uuid) -> Result<()> {
        self.call("releasing a domain", move |session, context| {
            adopt::release(session, context.config.desk, uuid)?;
            context.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn reclaim(&self, uuid: Uuid) -> Result<()> {
        self.call("setting the tag of a domain again", move |session, context| {
            adopt::reclaim(session, context.config.desk, uuid)?;
            context.ownership.forget(uuid);
            Ok(())
        })
        .await
    }
}
