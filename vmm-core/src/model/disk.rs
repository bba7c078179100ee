//! Disks of machines.

use super::{VmId, VmName, VolumeName, row_id, words};

/// The most disks of a machine: the letters from `vda` to `vdy`; the seed takes the last.
pub(crate) const MAX_DISKS: usize = 25;
/// The largest disk in GiB: 64 TiB.
pub(crate) const MAX_DISK_SIZE: u32 = 64 << 10;

row_id!(
    /// Names a disk.
    DiskId
);

words!(
    /// The purpose of a disk.
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
    /// That machine's name.
    pub vm_name: VmName,
    /// The disk's purpose.
    pub role: DiskRole,
    /// Its volume in the pool; `None` for a disk of an adopted machine, which is not vmm's.
    pub volume: Option<VolumeName>,
    /// Size in GiB.
    pub disk_size: u32,
    /// The size in GiB that a job is growing it to.
    pub grow_to: Option<u32>,
    /// Path on the host; `None` until it exists.
    pub disk_path: Option<String>,
}

/// A data disk to add to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDisk {
    /// Whose.
    pub vm: VmId,
    /// The volume to make.
    pub volume: VolumeName,
    /// Size in GiB.
    pub disk_size: u32,
}

/// Which disks to list, in order of id. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskFilter {
    /// Only those of the machine of this name.
    pub vm: Option<VmName>,
    /// Only those behind this one.
    pub after: Option<DiskId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}
