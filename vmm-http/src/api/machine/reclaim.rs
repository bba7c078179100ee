//! Machines whose domain has lost vmm's tag.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use vmm_core::model::VmName;

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::text::TextOf;

pub(crate) struct ReclaimApi;

#[OpenApi(tag = "Tag::Vm")]
impl ReclaimApi {
    /// Restore vmm's tag on the domain of a machine. Admins only.
    ///
    /// The domain must have the machine's id, its hardware address and one of its disks; nothing else of it changes.
    #[oai(path = "/vm/reclaim", method = "post", operation_id = "reclaimVm")]
    async fn reclaim(&self, caller: Caller, vm: Query<TextOf<VmName>>) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.reclaim_vm(&login.actor, &named("vm", VmName::new(vm.0))?).await?;
        Ok(Done::Done)
    }
}
