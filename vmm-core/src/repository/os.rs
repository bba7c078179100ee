//! The catalog of operating systems in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{
    AuditEntry, Image, JobId, NewJob, NewOs, Os, OsChange, OsFilter, OsId, OsName, OsVersion, Revision, VolumeName,
};

/// The catalog.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait OsRepository: Send + Sync {
    /// Makes an entry and, if it has a `qcow2`, enqueues the job that imports it. A name and version that
    /// is taken is a conflict.
    async fn create(&self, os: NewOs, import: NewJob, audit: AuditEntry) -> Result<(Os, Option<JobId>)>;
    /// The entry with this id.
    async fn by_id(&self, id: OsId) -> Result<Option<Os>>;
    /// Every entry of this name; with a version at most one. In order of creation.
    async fn find<'a>(&self, name: &OsName, version: Option<&'a OsVersion>) -> Result<Vec<Os>>;
    /// Entries, in order of name and version.
    async fn list(&self, filter: &OsFilter) -> Result<Vec<Os>>;
    /// Records the imported image.
    async fn set_image(&self, id: OsId, image: Image) -> Result<()>;
    /// Enqueues the job that imports the image of an entry. One that is being imported is a conflict.
    async fn start_import(&self, id: OsId, import: NewJob, audit: AuditEntry) -> Result<(Os, JobId)>;
    /// Changes an entry.
    async fn update(&self, id: OsId, change: OsChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Os>;
    /// Removes an entry. One that a machine is made from is a conflict, and so is one that is being imported. Its
    /// image's volume is one of [`removed_images`](Self::removed_images) from then on.
    async fn delete(&self, id: OsId, expect: Option<Revision>, audit: AuditEntry) -> Result<()>;
    /// The volumes of entries that were removed, until they are forgotten.
    async fn removed_images(&self) -> Result<Vec<VolumeName>>;
    /// Forgets the volume of an entry that was removed; one that is not known is forgotten already.
    async fn forget_removed_image(&self, volume: &VolumeName) -> Result<()>;
}
