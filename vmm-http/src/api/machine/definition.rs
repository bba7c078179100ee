//! Definitions of machines on their host.

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::DefinitionLook;
use vmm_core::model::{DefinitionDigest, Difference, VmName};

use super::vm_body::VmBody;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::body::Body;
use crate::wire::if_match::IfMatch;
use crate::wire::text::TextOf;

pub(crate) struct DefinitionApi;

/// A difference between a definition and the one that vmm last saw.
#[derive(Debug, Object)]
#[oai(rename = "DefinitionDifference", skip_serializing_if_is_none)]
struct DifferenceBody {
    /// The part that differs, like `memory`, `disk vda` or `interface 52:54:00:12:34:56`.
    name: String,
    /// The value that vmm last saw; absent if there was no such part.
    was: Option<String>,
    /// The value on the host; absent if the host has no such part.
    now: Option<String>,
    /// The difference as a sentence.
    text: String,
}

impl From<Difference> for DifferenceBody {
    fn from(difference: Difference) -> Self {
        let text = difference.to_string();
        let Difference { name, was, now } = difference;
        Self { name, was, now, text }
    }
}

/// The definition of a machine on its host.
#[derive(Debug, Object)]
#[oai(rename = "VmDefinition")]
struct VmDefinitionBody {
    /// The name of its domain on the host, which is another one after `virsh domrename`.
    domain: String,
    /// The digest of this definition, with which it can be accepted.
    digest: String,
    /// True if the definition is as vmm last saw it.
    matches: bool,
    /// The differences.
    differences: Vec<DifferenceBody>,
    /// The names of its snapshots.
    snapshots: Vec<String>,
}

impl From<DefinitionLook> for VmDefinitionBody {
    fn from(look: DefinitionLook) -> Self {
        Self {
            digest: look.seen.facts.digest().to_string(),
            domain: look.seen.name,
            matches: look.differences.is_empty(),
            differences: look.differences.into_iter().map(Into::into).collect(),
            snapshots: look.seen.snapshots,
        }
    }
}

/// A definition to accept.
#[derive(Debug, Object)]
#[oai(rename = "DefinitionAcceptance", deny_unknown_fields)]
struct AcceptanceBody {
    /// The digest of the definition to accept, from `GET /vm/definition`. No other definition is accepted.
    digest: TextOf<DefinitionDigest>,
}

#[OpenApi(tag = "Tag::Vm")]
impl DefinitionApi {
    /// Compare a machine's definition on its host with the one that vmm recorded.
    ///
    /// While something differs, vmm changes neither the machine's disks nor its definition.
    #[oai(path = "/vm/definition", method = "get", operation_id = "getVmDefinition")]
    async fn get(&self, caller: Caller, vm: Query<TextOf<VmName>>) -> Result<Json<VmDefinitionBody>, Failure> {
        let login = caller.0;
        let look = login.vmm.vm_definition(&login.actor, &named("vm", VmName::new(vm.0))?).await?;
        Ok(Json(look.into()))
    }

    /// Accept the changed definition of a machine. Admins only.
    ///
    /// The machine's record takes over processors, memory, hardware address, and the places of its disks.
    #[oai(path = "/vm/definition", method = "put", operation_id = "acceptVmDefinition")]
    async fn accept(
        &self,
        caller: Caller,
        vm: Query<TextOf<VmName>>,
        /// The `ETag` of the machine as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<AcceptanceBody>,
    ) -> Result<Json<VmBody>, Failure> {
        let login = caller.0;
        let name = named("vm", VmName::new(vm.0))?;
        let digest = body.0.digest.parse()?;
        Ok(Json(login.vmm.accept_definition(&login.actor, &name, digest, if_match.0).await?.into()))
    }
}
