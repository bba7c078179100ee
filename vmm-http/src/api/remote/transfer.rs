//! Files to and from machines.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use vmm_core::model::VmName;
use vmm_core::{Actor, Error, Vmm};

use super::transfer_body::{
    Direction, FailedTransfer, FileTransferResult, FileTransferResults, Machines, Wanted, What, read,
};
use super::transfer_content::{Carried, FtBody, WantsContent, fetch};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::{Caller, Login};
use crate::wire::batch::{self, named};
use crate::wire::text::TextOf;

pub(crate) struct FtApi;

#[OpenApi(tag = "Tag::File")]
impl FtApi {
    /// Carry files between one's own file area and machines.
    ///
    /// With `direction=send` the file goes from the area into the directory on the machine, with `direction=receive` the
    /// other way; what is there is replaced. A file is there whole or not at all. With `tree` it is a directory with all
    /// that is below it, but for links, devices and the like; the area has it as a tar archive. Items are done in order;
    /// if one fails, `item` tells which, and those before it are done. Of an item with `vms`, `failed` tells the machines
    /// that it failed on.
    #[oai(path = "/vm/ft", method = "post", operation_id = "transferFiles")]
    async fn carry(
        &self,
        caller: Caller,
        /// Which way the files go.
        direction: Query<Direction>,
        /// The machine's name, unless the items have it.
        vm: Query<Option<TextOf<VmName>>>,
        wants: WantsContent,
        body: FtBody,
    ) -> Result<Carried, Failure> {
        let (login, direction) = (caller.0, direction.0);
        let in_query = named("vm", vm.0.map(VmName::new).transpose())?;
        let FtBody { items, content } = body;
        let mut items = batch::read("ft", items.ft, |item| read(in_query.as_ref(), direction, item))?;
        if content.is_some() || (wants.0 && direction == Direction::Receive) {
            // Content that stands for itself goes with one item.
            let (Some(Wanted { machines, file, what }), true) = (items.pop(), items.is_empty()) else {
                return Err(Error::invalid("ft", "must have one item where the content itself is sent").into());
            };
            let Machines::One(vm) = machines else {
                return Err(Error::invalid("ft[0].vms", "must be absent where the content itself is sent").into());
            };
            let Some(content) = content else { return fetch(login, vm, file, what).await };
            if direction == Direction::Receive {
                let reason = "must be send where the content comes in the same request";
                return Err(Error::invalid("direction", reason).into());
            }
            let Login { vmm, actor, .. } = &login;
            let sent = match what {
                What::File(transfer) => vmm
                    .send_content(actor, &vm, transfer, content)
                    .await
                    .map(|report| FileTransferResult::file(&vm, &file, report)),
                What::Tree(transfer) => vmm
                    .send_tree(actor, &vm, transfer, content)
                    .await
                    .map(|report| FileTransferResult::tree(&vm, &file, report)),
            };
            let result = sent.map_err(|error| Failure::in_item("ft", 0, error))?;
            return Ok(Carried::Results(Json(FileTransferResults { ft: vec![result], failed: Vec::new() })));
        }
        let mut results = FileTransferResults::default();
        for (index, item) in items.into_iter().enumerate() {
            let done = carry(&login.vmm, &login.actor, direction, item)
                .await
                .map_err(|error| Failure::in_item("ft", index, error))?;
            for (vm, file, result) in done {
                match result {
                    Ok(result) => results.ft.push(result),
                    Err(error) => results.failed.push(FailedTransfer::new(&vm, &file, index, error)),
                }
            }
        }
        Ok(Carried::Results(Json(results)))
    }
}

/// What became of an item on each of its machines.
pub(super) type Done = Vec<(VmName, String, vmm_core::Result<FileTransferResult>)>;

/// Carries an item.
pub(super) async fn carry(vmm: &Vmm, actor: &Actor, direction: Direction, item: Wanted) -> vmm_core::Result<Done> {
    let Wanted { machines, file, what } = item;
    match (machines, what) {
        (Machines::One(vm), What::File(transfer)) => {
            let report = match direction {
                Direction::Send => vmm.send_file(actor, &vm, transfer).await?,
                Direction::Receive => vmm.receive_file(actor, &vm, transfer).await?,
            };
            let result = FileTransferResult::file(&vm, &file, report);
            Ok(vec![(vm, file, Ok(result))])
        }
        (Machines::One(vm), What::Tree(transfer)) => {
            let report = match direction {
                Direction::Send => vmm.send_tree_file(actor, &vm, transfer).await?,
                Direction::Receive => vmm.receive_tree_file(actor, &vm, transfer).await?,
            };
            let result = FileTransferResult::tree(&vm, &file, report);
            Ok(vec![(vm, file, Ok(result))])
        }
        (Machines::Many(targets), What::File(transfer)) => {
            let sent = batch::in_vms(vmm.send_file_to(actor, &targets, transfer).await)?.into_iter();
            let result = |(vm, result): (VmName, vmm_core::Result<_>)| {
                let result = result.map(|report| FileTransferResult::file(&vm, &file, report));
                (vm, file.clone(), result)
            };
            Ok(sent.map(result).collect())
        }
        (Machines::Many(targets), What::Tree(transfer)) => {
            let sent = batch::in_vms(vmm.send_tree_file_to(actor, &targets, transfer).await)?.into_iter();
            let result = |(vm, result): (VmName, vmm_core::Result<_>)| {
                let result = result.map(|report| FileTransferResult::tree(&vm, &file, report));
                (vm, file.clone(), result)
            };
            Ok(sent.map(result).collect())
        }
    }
}
