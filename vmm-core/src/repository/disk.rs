//! Disks of machines in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, Disk, DiskFilter, DiskId, JobId, NewDisk, NewJob, VmId};

/// Disks of machines.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait DiskRepository: Send + Sync {
    /// The disks of a machine, the system disk first.
    async fn of_vm(&self, vm: VmId) -> Result<Vec<Disk>>;
    /// The disk with this id.
    async fn by_id(&self, id: DiskId) -> Result<Option<Disk>>;
    /// Disks in order of id.
    async fn list(&self, filter: &DiskFilter) -> Result<Vec<Disk>>;
    /// Adds a data disk and enqueues the job that makes it. A machine that does not exist yet, that a job
    /// works on, or that has as many disks as can be is a conflict, and so is a volume that is taken.
    async fn add(&self, disk: NewDisk, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)>;
    /// Enqueues the job that makes a disk larger, to this size in GiB. One that is not larger is invalid; a machine
    /// that a job works on is a conflict.
    async fn grow(&self, id: DiskId, size: u32, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)>;
    /// Enqueues the removal of a disk. A system disk, and a machine that a job works on, is a conflict.
    async fn start_delete(&self, id: DiskId, job: NewJob, audit: AuditEntry) -> Result<JobId>;
    /// Records which size in GiB a disk has, and that it is not growing.
    async fn set_size(&self, id: DiskId, size: u32) -> Result<()>;
    /// Records where a disk is, or that it is not any more.
    async fn set_path(&self, id: DiskId, path: Option<String>) -> Result<()>;
}
