//! The wire format of a transfer of files.

use std::time::Duration;

use poem_openapi::{Enum, Object};
use vmm_core::model::{DirectoryPath, FileName, LoginPassword, LoginUser, ScriptTarget, VmName};
use vmm_core::remote::tree::{Skipped, SkippedKind};
use vmm_core::remote::{DEFAULT_TRANSFER_DEADLINE, Place, Progress};
use vmm_core::{Cargo, Error, Machines, Transfer, TransferReport};

use super::ssh::login;
use crate::api::answer::milliseconds;
use crate::error::{Failure, ProblemDetails};
use crate::wire::batch::named;
use crate::wire::secret::Secret;
use crate::wire::target::targets;
use crate::wire::text::TextOf;

/// The direction in which files are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "TransferDirection", rename_all = "lowercase")]
pub(super) enum Direction {
    /// From the caller's file area to machines.
    Send,
    /// From machines to the caller's file area.
    Receive,
}

/// A file or directory to copy, with the login on the machine.
#[derive(Debug, Object)]
#[oai(rename = "FileTransfer", deny_unknown_fields)]
pub(super) struct FileTransfer {
    /// The machine's name, unless the query has it.
    vm: Option<TextOf<VmName>>,
    /// The machines to send to, instead of `vm`: names, or `@group`. A failure on one does not stop the others.
    #[oai(validator(min_items = 1, max_items = 500))]
    vms: Option<Vec<TextOf<ScriptTarget>>>,
    /// The file's name, on the machine and in the file area.
    file: TextOf<FileName>,
    /// True if `file` is a directory, which is copied with everything below it. In the file area it is the tar archive
    /// `<file>.tar`.
    #[oai(default)]
    tree: bool,
    /// True if the directory that is sent may replace one that is not empty, which is then removed with everything in
    /// it. A file, and an archive that is received, always replaces what exists.
    #[oai(default)]
    replace: bool,
    /// The directory on the machine: absolute, or below the user's home.
    directory: TextOf<DirectoryPath>,
    /// The user on the machine.
    user: TextOf<LoginUser>,
    password: Secret<LoginPassword>,
    /// The longest time of the copy in seconds, from connecting to its end; 600 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    timeout: Option<u32>,
}

/// Files to copy, one after the other.
#[derive(Debug, Object)]
#[oai(rename = "FileTransfers", deny_unknown_fields)]
pub(super) struct FileTransfers {
    #[oai(validator(min_items = 1, max_items = 100))]
    pub(super) ft: Vec<FileTransfer>,
}

/// An item as the core takes it.
pub(super) struct Wanted {
    pub(super) machines: Machines,
    pub(super) file: String,
    pub(super) transfer: Transfer,
}

/// Reads an item, whose machine stands in it or in the query.
pub(super) fn read(in_query: Option<&VmName>, direction: Direction, item: FileTransfer) -> vmm_core::Result<Wanted> {
    let FileTransfer { vm, vms, file, tree, replace, directory, user, password, timeout } = item;
    let in_item = named("vm", vm.map(VmName::new).transpose())?;
    let machines = match (in_query, in_item, vms) {
        (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
            return Err(Error::invalid("vms", "must be absent where one machine is named"));
        }
        (None, None, Some(_)) if direction == Direction::Receive => {
            return Err(Error::invalid("vms", "must be absent with direction=receive; name one machine in vm"));
        }
        (None, None, Some(names)) => Machines::Many(named("vms", targets(names))?),
        (Some(one), Some(other), None) if *one != other => {
            return Err(Error::invalid("vm", format!("is {other}, but the query has {one}; name one machine")));
        }
        (Some(vm), _, None) => Machines::One(vm.clone()),
        (None, Some(vm), None) => Machines::One(vm),
        (None, None, None) => return Err(Error::invalid("vm", "is missing; name the machine here or in the query")),
    };
    let (file, login) = (String::from(file), login(user, password)?);
    let deadline = timeout.map_or(DEFAULT_TRANSFER_DEADLINE, |seconds| Duration::from_secs(seconds.into()));
    let (place, progress) = (Place::new(String::from(directory), file.clone())?, Progress::new());
    let cargo = if tree { Cargo::Tree { replace } } else { Cargo::File };
    Ok(Wanted { machines, file, transfer: Transfer { cargo, place, login, deadline, progress } })
}

/// A file or directory that was copied.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferResult", skip_serializing_if_is_none)]
pub(super) struct FileTransferResult {
    /// The machine's name.
    vm: String,
    file: String,
    /// The size of the file, or of a directory's files together.
    bytes: u64,
    /// SHA-256 of its content in hexadecimal digits; of a directory's files, one after the other.
    sha256: String,
    duration_ms: u64,
    /// The content of the directory; absent for a file.
    tree: Option<TreeResult>,
}

/// The content of a directory that was copied.
#[derive(Debug, Object)]
#[oai(rename = "TreeResult")]
struct TreeResult {
    /// The number of regular files.
    files: u64,
    /// The number of directories.
    directories: u64,
    /// The number of files that were left out, like links and devices.
    skipped_count: u64,
    /// The first 100 files that were left out.
    skipped: Vec<SkippedResult>,
}

/// A file that was left out.
#[derive(Debug, Object)]
#[oai(rename = "Skipped")]
struct SkippedResult {
    /// Its path below the directory, with what is not UTF-8 replaced.
    path: String,
    what: SkippedWhat,
}

/// The kind of a file that was left out: a symbolic link, a hard link, or a device, pipe or socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "SkippedKind", rename_all = "snake_case")]
enum SkippedWhat {
    Symlink,
    HardLink,
    Special,
}

impl FileTransferResult {
    pub(super) fn new(vm: &VmName, file: &str, report: TransferReport) -> Self {
        let TransferReport { bytes, sha256, tree, duration } = report;
        let tree = tree.map(|tree| {
            let skipped = tree.skipped.into_iter().map(SkippedResult::from).collect();
            let (files, directories, skipped_count) = (tree.files, tree.directories, tree.skipped_count);
            TreeResult { files, directories, skipped_count, skipped }
        });
        Self { vm: vm.to_string(), file: file.to_owned(), bytes, sha256, duration_ms: milliseconds(duration), tree }
    }
}

impl From<Skipped> for SkippedResult {
    fn from(skipped: Skipped) -> Self {
        let what = match skipped.what {
            SkippedKind::SymbolicLink => SkippedWhat::Symlink,
            SkippedKind::HardLink => SkippedWhat::HardLink,
            _ => SkippedWhat::Special,
        };
        Self { path: skipped.path, what }
    }
}

/// A machine to which something could not be sent.
#[derive(Debug, Object)]
#[oai(rename = "FailedTransfer")]
pub(super) struct FailedTransfer {
    /// The machine's name.
    vm: String,
    file: String,
    problem: ProblemDetails,
}

impl FailedTransfer {
    pub(super) fn new(vm: &VmName, file: &str, index: usize, error: Error) -> Self {
        let problem = Failure::in_item("ft", index, error).details();
        Self { vm: vm.to_string(), file: file.to_owned(), problem }
    }
}

/// Files that were copied, in the order of the call.
#[derive(Debug, Default, Object)]
#[oai(rename = "FileTransferResults")]
pub(super) struct FileTransferResults {
    pub(super) ft: Vec<FileTransferResult>,
    /// The machines of `vms` on which the copy failed, in the order of the call.
    pub(super) failed: Vec<FailedTransfer>,
}
