//! The catalog that machines are made from.

use super::{LoginName, OsName, OsVersion, Revision, Timestamp, VolumeName, row_id};

row_id!(
    /// Names a catalog entry.
    OsId
);

/// A catalog entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Os {
    /// Its row.
    pub id: OsId,
    /// Its name, like `debian`.
    pub name: OsName,
    /// Its version, like `12`. Name and version together are unique.
    pub version: OsVersion,
    /// Path of an installer image on the host.
    pub iso: Option<String>,
    /// Path of the cloud image that it was imported from.
    pub qcow2: Option<String>,
    /// For people.
    pub description: String,
    /// The user that cloud-init makes in each machine.
    pub login: LoginName,
    /// The imported image; `None` until the import is done.
    pub image: Option<Image>,
    /// What is wrong with the image in the pool, as was just seen: it is missing, or was changed. `None` in a record.
    pub problem: Option<String>,
    /// How often people changed it.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What to change of a catalog entry. What is `None` stays. Machines that are made already stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsChange {
    /// Another description.
    pub description: Option<String>,
    /// The user that cloud-init makes in each machine from now on.
    pub login: Option<LoginName>,
}

/// Which catalog entries to list, in order of name and version. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsFilter {
    /// Only those of this name.
    pub name: Option<OsName>,
    /// Only those behind this one.
    pub after: Option<(OsName, OsVersion)>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// An image in the pool, read-only, below the system disks of machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The volume, which belongs to this entry alone.
    pub volume: VolumeName,
    /// SHA-256 of the file that was imported, in lower-case hexadecimal.
    pub sha256: String,
    /// What a guest sees, in bytes.
    pub virtual_size: u64,
    /// What the host said of the volume's last change when it was imported, to be compared.
    pub stamp: Option<String>,
}

/// A catalog entry to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOs {
    /// Its name.
    pub name: OsName,
    /// Its version.
    pub version: OsVersion,
    /// Path of an installer image on the host.
    pub iso: Option<String>,
    /// Path of a cloud image on this machine, in qcow2 without a backing or data file.
    pub qcow2: Option<String>,
    /// For people.
    pub description: String,
    /// The user that cloud-init makes in each machine.
    pub login: LoginName,
}
