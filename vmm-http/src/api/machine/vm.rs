//! Machines.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{Description, GroupName, NamePrefix, OsId, RequestId, UserName, VmFilter, VmId, VmName};
use vmm_core::{AdoptionDraft, Power, Switched, VmUpdate};

use super::adoption::{AdoptableDomainsBody, AdoptedVmsBody, VmAdoptionsBody};
use super::disk::DiskBody;
use super::vm_body::{StatusReasonWord, VmBody, VmStatusWord, VmsBody};
use crate::api::answer::{Accepted, Tagged};
use crate::api::desk::job::StartedJob;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::if_match::IfMatch;
use crate::wire::patch_field::PatchField;
use crate::wire::secret::Secret;
use crate::wire::serialized::Serialized;
use crate::wire::text::TextOf;

pub(crate) struct VmApi;

/// A machine with its disks.
#[derive(Debug, Object)]
#[oai(rename = "VmWithDisks", skip_serializing_if_is_none)]
struct VmWithDisksBody {
    #[oai(flatten)]
    vm: VmBody,
    /// The system disk first.
    disk: Vec<DiskBody>,
}

/// A change of a machine's record. Absent fields and the machine itself stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "VmChange", deny_unknown_fields)]
struct VmChangeBody {
    name: TextOf<VmName>,
    /// Another responsible person.
    user: Option<TextOf<UserName>>,
    /// Another group; `null` takes it out of its group.
    group_name: PatchField<TextOf<GroupName>>,
    description: Option<TextOf<Description>>,
}

fn change(body: VmChangeBody) -> vmm_core::Result<(VmName, VmUpdate)> {
    let VmChangeBody { name, user, group_name, description } = body;
    let user = named("user", user.map(UserName::new).transpose())?;
    let group_name = group_name.change().map(|group| group.map(GroupName::new).transpose()).transpose()?;
    Ok((VmName::new(name)?, VmUpdate { user, group_name, description: description.map(String::from) }))
}

/// Records of machines to change.
#[derive(Debug, Object)]
#[oai(rename = "VmChanges", deny_unknown_fields)]
struct VmChangesBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    vm: Vec<VmChangeBody>,
}

/// The first login of a machine.
#[derive(Debug, Object)]
#[oai(rename = "VmLogin")]
struct VmLoginBody {
    user: String,
    /// The first password. It does not work if somebody has changed it on the machine.
    password: Secret,
}

/// A change of a machine's power.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "PowerAction", rename_all = "kebab-case")]
enum PowerAction {
    /// Switch it on. One that is saved goes on where it was saved.
    Start,
    /// Ask its system to shut down.
    Shutdown,
    /// Cut the power.
    Stop,
    /// Ask its system to reboot.
    Reboot,
    /// Let it go on after a pause.
    Resume,
    /// Remove its saved state: what was in its memory is lost, and it is off.
    DiscardSaved,
}

impl From<PowerAction> for Power {
    fn from(action: PowerAction) -> Self {
        match action {
            PowerAction::Start => Self::Start,
            PowerAction::Shutdown => Self::Shutdown,
            PowerAction::Stop => Self::Stop,
            PowerAction::Reboot => Self::Reboot,
            PowerAction::Resume => Self::Resume,
            PowerAction::DiscardSaved => Self::DiscardSaved,
        }
    }
}

/// A change of a machine's power to make.
#[derive(Debug, Object)]
#[oai(rename = "PowerOrder", deny_unknown_fields)]
struct PowerBody {
    action: PowerAction,
}

/// A machine right after its power was changed.
#[derive(Debug, Object)]
#[oai(rename = "SwitchedVm", skip_serializing_if_is_none)]
struct SwitchedBody {
    status: VmStatusWord,
    /// The reason why the machine is paused or unknown; absent otherwise.
    status_reason: Option<StatusReasonWord>,
    /// For a machine that was saved: true if it continued where it was saved, `false` if its host could not use the
    /// saved state and booted it. Absent for other machines.
    restored: Option<bool>,
}

impl From<Switched> for SwitchedBody {
    fn from(switched: Switched) -> Self {
        let (state, restored) = (switched.state, switched.restored);
        Self { status: state.status.into(), status_reason: state.reason.map(Into::into), restored }
    }
}

#[OpenApi(tag = "Tag::Vm")]
#[allow(clippy::too_many_arguments, reason = "an argument for each parameter of the operation")]
impl VmApi {
    /// List machines in order of id, with their present status.
    #[oai(path = "/db/vm", method = "get", operation_id = "listVms")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those of this responsible person.
        user: Query<Option<TextOf<UserName>>>,
        /// Only those of this group.
        group_name: Query<Option<TextOf<GroupName>>>,
        /// Only those with this status.
        status: Query<Option<VmStatusWord>>,
        /// Only those of this request.
        request: Query<Option<TextOf<RequestId>>>,
        /// Only those made from the catalog entry with this id.
        os: Query<Option<i64>>,
        /// Only those whose names begin so.
        #[oai(validator(max_length = 128))]
        name_prefix: Query<Option<String>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Serialized<VmsBody>, Failure> {
        let login = caller.0;
        let filter = VmFilter {
            user: named("user", user.0.map(UserName::new).transpose())?,
            group_name: group_name.0.map(GroupName::new).transpose()?,
            status: status.0.map(Into::into),
            request: named("request", request.0.map(RequestId::new).transpose())?,
            os: os.0.map(OsId),
            name_prefix: name_prefix.0.map(NamePrefix::new).transpose()?,
            after: cursor::read("vm", after.0, cursor::id)?.map(VmId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.vms(&login.actor, &filter).await?;
        let next = page.next.map(|key| cursor::write("vm", key));
        Ok(Serialized(VmsBody { vm: page.into_iter().map(VmBody::from).collect(), next }))
    }

    /// List the domains of the host that belong to no desk and can be adopted. Admins only.
    #[oai(path = "/db/vm/adoptable", method = "get", operation_id = "listAdoptableDomains")]
    async fn adoptable(&self, caller: Caller) -> Result<Json<AdoptableDomainsBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.adoptable(&login.actor).await?.into()))
    }

    /// Adopt machines that exist on the host. Admins only.
    ///
    /// A job writes this desk's tag into the metadata of each domain, also while it runs, and changes nothing else of
    /// it. Then the machine works like any other, but its definition and its disks stay their owner's. Until the job is
    /// done the machine's status is `request`.
    #[oai(path = "/db/vm", method = "post", operation_id = "adoptVms")]
    async fn adopt(&self, caller: Caller, body: Body<VmAdoptionsBody>) -> Result<Json<AdoptedVmsBody>, Failure> {
        let login = caller.0;
        let drafts = batch::read("vm", body.0.vm, AdoptionDraft::try_from)?;
        let adopt = |draft| login.vmm.adopt_vm(&login.actor, draft);
        Ok(Json(batch::in_order("vm", drafts, adopt).await?.into()))
    }

    /// Get a machine with its disks.
    #[oai(path = "/db/vm/:name", method = "get", operation_id = "getVm")]
    async fn get(&self, caller: Caller, name: Path<TextOf<VmName>>) -> Result<Tagged<VmWithDisksBody>, Failure> {
        let login = caller.0;
        let (vm, disks) = login.vmm.vm(&login.actor, &VmName::new(name.0)?).await?;
        let revision = vm.revision;
        let disk = disks.into_iter().map(|disk| DiskBody::new(disk, None)).collect();
        Ok(Tagged::new(VmWithDisksBody { vm: vm.into(), disk }, revision))
    }

    /// Change the records of machines, not the machines; absent fields stay as they are. Admins only.
    #[oai(path = "/db/vm", method = "put", operation_id = "updateVms")]
    async fn update(
        &self,
        caller: Caller,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: Body<VmChangesBody>,
    ) -> Result<Json<VmsBody>, Failure> {
        let login = &caller.0;
        let expect = if_match.of_batch(body.0.vm.len())?;
        let changes = batch::read("vm", body.0.vm, change)?;
        let vms = batch::in_order("vm", changes, |(name, update)| async move {
            login.vmm.update_vm(&login.actor, &name, update, expect).await
        });
        Ok(Json(VmsBody { vm: vms.await?.into_iter().map(VmBody::from).collect(), next: None }))
    }

    /// Delete a machine and its disks. Admins only.
    ///
    /// An adopted machine is released instead: its domain and its disks stay as they are.
    #[oai(path = "/db/vm", method = "delete", operation_id = "deleteVm")]
    async fn delete(
        &self,
        caller: Caller,
        name: Query<TextOf<VmName>>,
        /// The `ETag` of the record as it was read. If the record has changed since, the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Accepted<StartedJob>, Failure> {
        let login = caller.0;
        let job = login.vmm.delete_vm(&login.actor, &VmName::new(name.0)?, if_match.0).await?;
        Ok(Accepted::Accepted(Json(job.into())))
    }

    /// Get the first user and password of a machine. The machine's responsible person and admins only.
    ///
    /// vmm has none for an adopted machine.
    #[oai(path = "/vm/login", method = "get", operation_id = "getVmLogin")]
    async fn login(&self, caller: Caller, vm: Query<TextOf<VmName>>) -> Result<Json<VmLoginBody>, Failure> {
        let login = caller.0;
        let made_with = login.vmm.vm_login(&login.actor, &named("vm", VmName::new(vm.0))?).await?;
        Ok(Json(VmLoginBody { user: made_with.user.to_string(), password: made_with.password.into() }))
    }

    /// Start, stop, reboot or resume a machine, or discard its saved state. Responsible persons and admins only.
    ///
    /// The answer comes when the host has accepted the order; the guest may need time to follow. A saved machine that
    /// is started continues where it was saved. A machine that pauses again as soon as it is resumed answers 409.
    #[oai(path = "/vm/power", method = "post", operation_id = "powerVm")]
    async fn power(
        &self,
        caller: Caller,
        vm: Query<TextOf<VmName>>,
        body: Body<PowerBody>,
    ) -> Result<Json<SwitchedBody>, Failure> {
        let login = caller.0;
        let switched = login.vmm.power(&login.actor, &named("vm", VmName::new(vm.0))?, body.0.action.into()).await?;
        Ok(Json(switched.into()))
    }
}
