//! The volumes of a host's storage pool.

use async_trait::async_trait;

use crate::error::Result;
use crate::image::InspectedImage;
use crate::model::VolumeName;

/// The volumes of a host's storage pool.
///
/// # Contract
/// - A call that makes or removes a volume is safe to repeat.
/// - Creating or importing a volume whose name is taken by a volume of another description is
///   [`Conflict`](crate::Error::Conflict).
/// - A call that names a volume that is missing is [`NotFound`](crate::Error::NotFound), but for
///   [`delete`](Self::delete) and [`inspect`](Self::inspect).
/// - What the [`Capabilities`](super::Capabilities) of the host do not have is
///   [`Unsupported`](crate::Error::Unsupported).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostVolumes: Send + Sync {
    /// Copies an image into the pool as `name`. What is stored are the bytes that were inspected: if the file was
    /// changed since, the volume is removed again, and the call is [`Invalid`](crate::Error::Invalid). A finished
    /// volume of that name and of that virtual size is kept as it is; an unfinished one is replaced.
    async fn import(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume>;

    /// Creates an empty volume, or an overlay on another volume of the pool.
    async fn create(&self, volume: &NewVolume) -> Result<Volume>;

    /// Makes a volume larger, for a domain that does not run. A volume of this size is left as it is; a larger one is a
    /// conflict, since what it holds could be lost.
    async fn resize(&self, name: &VolumeName, capacity: u64) -> Result<Volume>;

    /// Writes a small raw volume with these bytes, replacing what has that name.
    async fn write(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume>;

    /// Removes a volume. A volume that another volume of the pool stands on, or that a domain on the host uses,
    /// whosever it is, is a conflict that names the user.
    async fn delete(&self, name: &VolumeName) -> Result<()>;

    /// Returns the volumes of the pool, in order of name.
    async fn list(&self) -> Result<Vec<Volume>>;

    /// Returns those of these volumes that are there, also if they came by other hands, as they are at this moment. The
    /// call is cheap: it does not read their content.
    async fn inspect(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>>;

    /// Returns the SHA-256 of a volume's whole file, in lower-case hexadecimal digits. Takes as long as reading the
    /// file.
    async fn checksum(&self, name: &VolumeName) -> Result<String>;
}

/// A file or block device in the storage pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the pool.
    pub name: VolumeName,
    /// Its path on the host.
    pub path: String,
    /// The size that the guest sees, in bytes.
    pub capacity: u64,
}

/// A volume that was looked at closely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeDetail {
    /// The volume.
    pub volume: Volume,
    /// True if it is qcow2.
    pub qcow2: bool,
    /// The path of the file that it is an overlay on.
    pub backing: Option<String>,
    /// A stamp of the file that differs after each change of its content: its size and the moment of the last change.
    /// To be compared, not to be read.
    pub stamp: String,
}

/// A volume to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name in the pool.
    pub name: VolumeName,
    /// The size that the guest sees, in bytes. For an overlay at least the size of the volume below.
    pub capacity: u64,
    /// The qcow2 volume of the same pool that this one is an overlay on.
    pub backing: Option<VolumeName>,
}
