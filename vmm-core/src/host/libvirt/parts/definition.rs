//! The definitions of the desk's domains.

use async_trait::async_trait;
use uuid::Uuid;

use super::super::LibvirtHypervisor;
use super::super::{attach, definition, domain};
use crate::error::{Error, Result};
use crate::host::{Definition, DomainSpec, HostDefinitions};
use crate::model::{DefinitionDigest, VolumeName};

#[async_trait]
impl HostDefinitions for LibvirtHypervisor {
    async fn define(&self, spec: &DomainSpec) -> Result<()> {
        if spec.desk != self.context.config.desk {
            return Err(Error::invalid("desk", "the domain is of another desk than this backend"));
        }
        let spec = spec.clone();
        self.call("defining a domain", move |session, context| {
            domain::define(session, &context.config, &spec, context.accelerated(session)?)?;
            context.ownership.forget(spec.uuid);
            Ok(())
        })
        .await
    }

    async fn by_id(&self, uuid: Uuid) -> Result<Option<Definition>> {
        self.call("reading a definition", move |session, context| definition::of(session, &context.config, uuid)).await
    }

    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition> {
        let volume = volume.clone();
        self.call("attaching a disk", move |session, context| {
            attach::attach(session, &context.config, uuid, &volume, rest)
        })
        .await
    }

    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        let volume = volume.clone();
        self.call("detaching a disk", move |session, context| {
            attach::detach(session, &context.config, uuid, &volume, rest)
        })
        .await
    }

    async fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.call("undefining a domain", move |session, context| {
            domain::undefine(session, &context.config, uuid)?;
            context.ownership.forget(uuid);
            Ok(())
        })
        .await
    }
}
