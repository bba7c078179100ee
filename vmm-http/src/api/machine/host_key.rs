//! Host keys of machines.

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::VmHostKey;
use vmm_core::model::{HostKey, VmName};

use super::vm_body::VmBody;
use crate::api::tag::Tag;
use crate::error::{Failure, ProblemDetails};
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::body::Body;
use crate::wire::if_match::IfMatch;
use crate::wire::text::TextOf;

pub(crate) struct HostKeyApi;

/// The key with which an SSH server proves its identity.
#[derive(Debug, Object)]
#[oai(rename = "HostKey")]
struct HostKeyBody {
    /// As in `/etc/ssh/ssh_host_ed25519_key.pub`.
    key: String,
    /// As `ssh-keygen -lf` shows it.
    fingerprint: String,
}

impl From<HostKey> for HostKeyBody {
    fn from(key: HostKey) -> Self {
        Self { key: key.to_string(), fingerprint: key.fingerprint() }
    }
}

/// The host key that vmm accepts for a machine, and the one that the machine presents.
#[derive(Debug, Object)]
#[oai(rename = "VmHostKey", skip_serializing_if_is_none)]
struct VmHostKeyBody {
    /// The only key that vmm accepts.
    recorded: HostKeyBody,
    /// The key that the machine's SSH server presents at this moment. Nothing proves that it is the machine's.
    shown: Option<HostKeyBody>,
    /// True if both keys are equal.
    matches: bool,
    /// The reason why the machine presents no key.
    error: Option<ProblemDetails>,
}

impl From<VmHostKey> for VmHostKeyBody {
    fn from(VmHostKey { recorded, shown }: VmHostKey) -> Self {
        let matches = shown.as_ref().is_ok_and(|shown| *shown == recorded);
        let (shown, error) = match shown {
            Ok(key) => (Some(key.into()), None),
            Err(error) => (None, Some(Failure::from(error).into())),
        };
        Self { recorded: recorded.into(), shown, matches, error }
    }
}

/// A host key to accept.
#[derive(Debug, Object)]
#[oai(rename = "HostKeyAcceptance", deny_unknown_fields)]
struct AcceptanceBody {
    /// The machine's SSH host key to accept, as in `/etc/ssh/ssh_host_ed25519_key.pub`. vmm accepts no other key.
    #[oai(validator(min_length = 1, max_length = 16384))]
    host_key: String,
}

#[OpenApi(tag = "Tag::Vm")]
impl HostKeyApi {
    /// Get the recorded host key of a machine, and the key that it presents at this moment.
    ///
    /// vmm does not log in for this. Before you accept a new key, compare its fingerprint with the output of
    /// `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine's own console.
    #[oai(path = "/vm/host-key", method = "get", operation_id = "getVmHostKey")]
    async fn get(&self, caller: Caller, vm: Query<TextOf<VmName>>) -> Result<Json<VmHostKeyBody>, Failure> {
        let login = caller.0;
        let key = login.vmm.vm_host_key(&login.actor, &named("vm", VmName::new(vm.0))?).await?;
        Ok(Json(key.into()))
    }

    /// Accept another host key for a machine, for example after it was reinstalled. Admins only.
    ///
    /// From then on vmm accepts this key alone.
    #[oai(path = "/vm/host-key", method = "put", operation_id = "acceptVmHostKey")]
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
        let key = body.0.host_key.trim().parse()?;
        Ok(Json(login.vmm.accept_host_key(&login.actor, &name, key, if_match.0).await?.into()))
    }
}
