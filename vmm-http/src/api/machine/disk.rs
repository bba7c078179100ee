//! Disks of machines.

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::{Disk, DiskFilter, DiskId, DiskRole, JobId, VmName};

use crate::api::answer::Accepted;
use crate::api::desk::job::StartedJob;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::{self, named};
use crate::wire::body::Body;
use crate::wire::cursor;
use crate::wire::text::TextOf;

pub(crate) struct DiskApi;

/// A data disk to add.
#[derive(Debug, Object)]
#[oai(rename = "NewDisk", deny_unknown_fields)]
struct NewDiskBody {
    /// Name of the machine, which must be off.
    vm: TextOf<VmName>,
    /// Size in GiB.
    #[oai(validator(minimum(value = "1"), maximum(value = "65536")))]
    disk_size: u32,
}

/// Data disks to add.
#[derive(Debug, Object)]
#[oai(rename = "NewDisks", deny_unknown_fields)]
struct NewDisksBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    disk: Vec<NewDiskBody>,
}

/// A disk to make larger.
#[derive(Debug, Object)]
#[oai(rename = "DiskGrowth", deny_unknown_fields)]
struct DiskGrowthBody {
    id: i64,
    /// The size in GiB, larger than the present one.
    #[oai(validator(minimum(value = "1"), maximum(value = "65536")))]
    disk_size: u32,
}

/// Disks to make larger.
#[derive(Debug, Object)]
#[oai(rename = "DiskGrowths", deny_unknown_fields)]
struct DiskGrowthsBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    disk: Vec<DiskGrowthBody>,
}

/// The role of a disk.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "DiskRole", rename_all = "lowercase")]
pub(crate) enum DiskRoleWord {
    System,
    Data,
}

impl From<DiskRole> for DiskRoleWord {
    fn from(role: DiskRole) -> Self {
        match role {
            DiskRole::System => Self::System,
            DiskRole::Data => Self::Data,
        }
    }
}

/// A disk of a machine.
#[derive(Debug, Object)]
#[oai(rename = "Disk", skip_serializing_if_is_none)]
pub(super) struct DiskBody {
    id: i64,
    vm_id: i64,
    /// The machine's name.
    vm: String,
    role: DiskRoleWord,
    /// The name of its volume in the pool; absent if the machine was adopted.
    volume: Option<String>,
    /// Size in GiB.
    disk_size: u32,
    /// The size in GiB to which a job is growing the disk.
    grow_to: Option<u32>,
    /// The path on the host; absent until the disk exists.
    disk_path: Option<String>,
    /// The id of the job that works on the disk, in the answer to the call that began it.
    job: Option<i64>,
}

impl DiskBody {
    pub(super) fn new(disk: Disk, job: Option<JobId>) -> Self {
        Self {
            id: disk.id.0,
            vm_id: disk.vm.0,
            vm: disk.vm_name.to_string(),
            role: disk.role.into(),
            volume: disk.volume.map(|volume| volume.to_string()),
            disk_size: disk.disk_size,
            grow_to: disk.grow_to,
            disk_path: disk.disk_path,
            job: job.map(|job| job.0),
        }
    }
}

/// Disks.
#[derive(Debug, Object)]
#[oai(rename = "Disks", skip_serializing_if_is_none)]
struct DisksBody {
    disk: Vec<DiskBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

impl DisksBody {
    fn begun(disks: Vec<(Disk, JobId)>) -> Self {
        Self { disk: disks.into_iter().map(|(disk, job)| DiskBody::new(disk, Some(job))).collect(), next: None }
    }
}

#[OpenApi(tag = "Tag::Disk")]
impl DiskApi {
    /// List disks in order of id.
    #[oai(path = "/db/disk", method = "get", operation_id = "listDisks")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those of this machine.
        vm: Query<Option<TextOf<VmName>>>,
        /// The `next` of a page, to get the page after it.
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<DisksBody>, Failure> {
        let login = caller.0;
        let filter = DiskFilter {
            vm: named("vm", vm.0.map(VmName::new).transpose())?,
            after: cursor::read("disk", after.0, cursor::id)?.map(DiskId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
        };
        let page = login.vmm.disks(&login.actor, &filter).await?;
        let next = page.next.map(|id| cursor::write("disk", id));
        Ok(Json(DisksBody { disk: page.into_iter().map(|disk| DiskBody::new(disk, None)).collect(), next }))
    }

    /// Get a disk.
    #[oai(path = "/db/disk/:id", method = "get", operation_id = "getDisk")]
    async fn get(&self, caller: Caller, id: Path<i64>) -> Result<Json<DiskBody>, Failure> {
        let login = caller.0;
        Ok(Json(DiskBody::new(login.vmm.disk(&login.actor, DiskId(id.0)).await?, None)))
    }

    /// Add empty data disks to machines that are off. The machines' responsible persons and admins only.
    ///
    /// A job makes and attaches each disk. While it works, the machine can be neither started, stopped nor deleted.
    /// Items are done in order; a second disk for a machine has to wait until the job of the first is done.
    #[oai(path = "/db/disk", method = "post", operation_id = "addDisks")]
    async fn add(&self, caller: Caller, body: Body<NewDisksBody>) -> Result<Json<DisksBody>, Failure> {
        let login = &caller.0;
        let read = |disk: NewDiskBody| Ok((named("vm", VmName::new(disk.vm))?, disk.disk_size));
        let disks = batch::read("disk", body.0.disk, read)?;
        let add = |(vm, size)| async move { login.vmm.add_disk(&login.actor, &vm, size).await };
        Ok(Json(DisksBody::begun(batch::in_order("disk", disks, add).await?)))
    }

    /// Grow disks of machines that are off; disks never shrink. The machines' responsible persons and admins only.
    ///
    /// A job grows each disk. A machine that runs answers 409. The machine's own system has to use the new room, which
    /// cloud images do by themselves when they boot.
    #[oai(path = "/db/disk", method = "put", operation_id = "growDisks")]
    async fn grow(&self, caller: Caller, body: Body<DiskGrowthsBody>) -> Result<Json<DisksBody>, Failure> {
        let login = &caller.0;
        let grow = |disk: DiskGrowthBody| login.vmm.grow_disk(&login.actor, DiskId(disk.id), disk.disk_size);
        Ok(Json(DisksBody::begun(batch::in_order("disk", body.0.disk, grow).await?)))
    }

    /// Delete a data disk of a machine that is off, with its content. Admins only.
    #[oai(path = "/db/disk", method = "delete", operation_id = "deleteDisk")]
    async fn delete(&self, caller: Caller, id: Query<i64>) -> Result<Accepted<StartedJob>, Failure> {
        let login = caller.0;
        Ok(Accepted::Accepted(Json(login.vmm.delete_disk(&login.actor, DiskId(id.0)).await?.into())))
    }
}
