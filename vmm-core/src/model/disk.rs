//! Disks of machines.

use super::{VmId, VolumeName, row_id, words};

row_id!(
    /// Names a disk.
    DiskId
);

words!(
    /// What a disk is for.
    DiskRole, "role" {
        /// The overlay on the catalog's image.
        System = "system",
        /// An empty disk.
        Data = "data",
    }
);

/// A disk of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its row.
    pub id: DiskId,
    /// Whose.
    pub vm: VmId,
    /// What it is for.
    pub role: DiskRole,
    /// Its volume in the pool.
    pub volume: VolumeName,
    /// Size in GiB.
    pub disk_size: u32,
    /// Path on the host; `None` until it exists.
    pub disk_path: Option<String>,
}
