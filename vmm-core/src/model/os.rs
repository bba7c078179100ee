//! The catalog that machines are made from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};

use super::{FileName, LoginName, OsName, OsVersion, Revision, Timestamp, UserName, VolumeName, row_id};

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
    /// Path of an installer image on the host. `None` if it has none, and for everybody but admins.
    pub iso: Option<String>,
    /// Where the cloud image that it was imported from was, as an [`ImageSource`] says it. `None` if it has no image,
    /// and for everybody but admins.
    pub qcow2: Option<String>,
    /// For people.
    pub description: String,
    /// The user that cloud-init makes in each machine.
    pub login: LoginName,
    /// The imported image; `None` until the import is done.
    pub image: Option<Image>,
    /// The problem of the image in the pool at the last look: it is missing, or was changed. `None` in a record.
    pub problem: Option<String>,
    /// The number of times that people changed it.
    pub revision: Revision,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where the image of a catalog entry comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// A file on this machine, in one of the directories of [`Settings::image_dirs`](crate::Settings::image_dirs).
    Path(PathBuf),
    /// A file of a file area.
    File {
        /// Whose area; `None` is that of the account that names the file.
        owner: Option<UserName>,
        /// The file's name.
        name: FileName,
    },
}

/// A path, `file:NAME` or `file:OWNER/NAME`.
impl FromStr for ImageSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some(file) = text.strip_prefix("file:") else { return Ok(Self::Path(text.into())) };
        let read = || {
            let Some((owner, name)) = file.split_once('/') else { return Ok((None, FileName::new(file)?)) };
            Ok::<_, Error>((Some(UserName::new(owner)?), FileName::new(name)?))
        };
        let (owner, name) = read().map_err(|_| {
            Error::invalid("qcow2", "file: is followed by the name of one of your files, like file:debian-12.qcow2")
        })?;
        Ok(Self::File { owner, name })
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::File { owner: Some(owner), name } => write!(f, "file:{owner}/{name}"),
            Self::File { owner: None, name } => write!(f, "file:{name}"),
        }
    }
}

/// A change of a catalog entry. What is `None` stays. Machines that are made already stay as they are.
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
    /// The size that a guest sees, in bytes.
    pub virtual_size: u64,
    /// The stamp of the volume's last change when it was imported, to be compared.
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
    /// Where a cloud image is, in qcow2 without a backing or data file, as an [`ImageSource`] says it.
    pub qcow2: Option<String>,
    /// For people.
    pub description: String,
    /// The user that cloud-init makes in each machine.
    pub login: LoginName,
}
