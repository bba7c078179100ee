//! Files to and from machines.

use std::time::Duration;

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::model::VmName;
use vmm_core::remote::{Credential, DEFAULT_TRANSFER_DEADLINE, Login, Place, Progress};
use vmm_core::{Error, Transfer, TransferReport};

use super::Tag;
use super::vm_ft_content::{Carried, FtBody, WantsContent, fetch};
use crate::auth::Caller;
use crate::batch::{self, named};
use crate::error::Failure;
use crate::secret::Secret;

pub(crate) struct FtApi;

/// Which way files go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "TransferDirection", rename_all = "lowercase")]
enum Direction {
    /// From the caller's file area to machines.
    Send,
    /// From machines to the caller's file area.
    Receive,
}

/// A file to carry, and the login on the machine to carry it with.
#[derive(Debug, Object)]
#[oai(rename = "FileTransfer", deny_unknown_fields)]
pub(super) struct FileTransfer {
    /// The machine's name, unless the query has it.
    #[oai(validator(max_length = 63))]
    vm: Option<String>,
    /// The file's name, on the machine and in the file area.
    #[oai(validator(min_length = 1, max_length = 255))]
    file: String,
    /// The directory on the machine: absolute, or below the user's home.
    #[oai(validator(min_length = 1, max_length = 4096))]
    directory: String,
    /// The user on the machine.
    #[oai(validator(min_length = 1, max_length = 256))]
    user: String,
    password: Secret,
    /// Seconds from connecting to its end; 600 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    timeout: Option<u32>,
}

/// Files to carry, one after the other.
#[derive(Debug, Object)]
#[oai(rename = "FileTransfers", deny_unknown_fields)]
pub(super) struct FileTransfers {
    #[oai(validator(min_items = 1, max_items = 100))]
    pub(super) ft: Vec<FileTransfer>,
}

/// A file that was carried.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferResult")]
pub(super) struct FileTransferResult {
    /// The machine's name.
    vm: String,
    file: String,
    bytes: u64,
    /// SHA-256 of its content in hexadecimal digits.
    sha256: String,
    duration_ms: u64,
}

impl FileTransferResult {
    fn new((vm, file): (VmName, String), report: TransferReport) -> Self {
        let TransferReport { bytes, sha256, duration } = report;
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self { vm: vm.to_string(), file, bytes, sha256, duration_ms }
    }
}

/// Files that were carried, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "FileTransferResults")]
pub(super) struct FileTransferResults {
    ft: Vec<FileTransferResult>,
}

/// Reads an item, whose machine stands in it or in the query.
fn read(in_query: Option<&VmName>, item: FileTransfer) -> vmm_core::Result<(VmName, Transfer)> {
    let FileTransfer { vm, file, directory, user, password, timeout } = item;
    let in_item = named("vm", vm.map(VmName::new).transpose())?;
    let vm = match (in_query, in_item) {
        (Some(one), Some(other)) if *one != other => {
            return Err(Error::invalid("vm", format!("is {other}, but the query has {one}; name one machine")));
        }
        (Some(vm), _) => vm.clone(),
        (None, Some(vm)) => vm,
        (None, None) => return Err(Error::invalid("vm", "is missing; name the machine here or in the query")),
    };
    if user.chars().any(char::is_control) {
        return Err(Error::invalid("user", "holds a control character"));
    }
    let deadline = timeout.map_or(DEFAULT_TRANSFER_DEADLINE, |seconds| Duration::from_secs(seconds.into()));
    let login = Login { user, credential: Credential::Password(password.0) };
    Ok((vm, Transfer { place: Place::new(directory, file)?, login, deadline, progress: Progress::new() }))
}

#[OpenApi(tag = "Tag::File")]
impl FtApi {
    /// Carry files between one's own file area and machines.
    ///
    /// With `direction=send` the file goes from the area into the directory on the machine, with `direction=receive` the
    /// other way; what is there is replaced. A file is there whole or not at all. Items are done in order; if one fails,
    /// `item` tells which, and those before it are done.
    #[oai(path = "/vm/ft", method = "post", operation_id = "transferFiles")]
    async fn carry(
        &self,
        caller: Caller,
        /// Which way the files go.
        direction: Query<Direction>,
        /// The machine's name, unless the items have it.
        vm: Query<Option<String>>,
        wants: WantsContent,
        body: FtBody,
    ) -> Result<Carried, Failure> {
        let login = caller.0;
        let in_query = named("vm", vm.0.map(VmName::new).transpose())?;
        let FtBody { items, content } = body;
        let mut items = batch::read("ft", items.ft, |item| read(in_query.as_ref(), item))?;
        if content.is_some() || (wants.0 && direction.0 == Direction::Receive) {
            // Content that stands for itself goes with one item.
            let (Some((vm, transfer)), true) = (items.pop(), items.is_empty()) else {
                return Err(Error::invalid("ft", "must have one item where the content itself is sent").into());
            };
            return match (content, direction.0) {
                (Some(_), Direction::Receive) => {
                    Err(Error::invalid("direction", "must be send where the content comes in the same request").into())
                }
                (None, _) => fetch(login, vm, transfer).await,
                (Some(content), Direction::Send) => {
                    let name = (vm, transfer.place.file().to_owned());
                    let sent = login.vmm.send_content(&login.actor, &name.0, transfer, content).await;
                    let report = sent.map_err(|error| Failure::in_item("ft", 0, error))?;
                    Ok(results(vec![FileTransferResult::new(name, report)]))
                }
            };
        }
        let (vmm, actor) = (&login.vmm, &login.actor);
        let carry = |(vm, transfer): (VmName, Transfer)| async move {
            let name = (vm, transfer.place.file().to_owned());
            let report = match direction.0 {
                Direction::Send => vmm.send_file(actor, &name.0, transfer).await?,
                Direction::Receive => vmm.receive_file(actor, &name.0, transfer).await?,
            };
            Ok(FileTransferResult::new(name, report))
        };
        Ok(results(batch::in_order("ft", items, carry).await?))
    }
}

fn results(ft: Vec<FileTransferResult>) -> Carried {
    Carried::Results(Json(FileTransferResults { ft }))
}
