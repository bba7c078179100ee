//! How machines are defined on their host.

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

/// One thing that differs from what vmm last saw.
#[derive(Debug, Object)]
#[oai(rename = "DefinitionDifference", skip_serializing_if_is_none)]
struct DifferenceBody {
    /// What it is: `memory`, `disk vda`, `interface 52:54:00:12:34:56`.
    name: String,
    /// What vmm last saw; left out if there was no such thing.
    was: Option<String>,
    /// What it is; left out if there is no such thing.
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

/// How a machine is defined on its host.
#[derive(Debug, Object)]
#[oai(rename = "VmDefinition")]
struct VmDefinitionBody {
    /// The name of its domain on the host, which is another one after `virsh domrename`.
    domain: String,
    /// Names this very definition, to accept it.
    digest: String,
    /// Whether it is as vmm last saw it.
    matches: bool,
    /// What differs.
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
    /// The digest of the definition that was looked at. To name it is to accept it; no other is.
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
        /// Only if the record is as it was read: the machine's `ETag`.
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
