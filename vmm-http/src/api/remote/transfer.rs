//! Files to and from machines.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use vmm_core::model::VmName;
use vmm_core::{Actor, Error, Machines, ReceiveTo, SendFrom, TransferReports, Vmm};

use super::transfer_body::{Direction, FailedTransfer, FileTransferResult, FileTransferResults, Wanted, read};
use super::transfer_content::{Carried, FtBody, WantsContent, fetch};
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::{Caller, Login};
use crate::wire::batch::{self, named};
use crate::wire::text::TextOf;

pub(crate) struct FtApi;

#[OpenApi(tag = "Tag::File")]
impl FtApi {
    /// Copy files between one's own file area and machines.
    ///
    /// With `direction=send` the file goes from the area to the directory on the machine, with `direction=receive` it
    /// comes back; an existing file is replaced. A file arrives whole or not at all. With `tree` it is a directory with
    /// everything below it, except links, devices and other special files; the area has it as a tar archive. Items are
    /// done in order; if one fails, `item` is its number, and the items before it are done. For an item with `vms`,
    /// `failed` lists the machines on which it failed.
    #[oai(path = "/vm/ft", method = "post", operation_id = "transferFiles")]
    async fn carry(
        &self,
        caller: Caller,
        /// The direction of the copy: `send` to the machine, or `receive` from it.
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
            let (Some(Wanted { machines, file, transfer }), true) = (items.pop(), items.is_empty()) else {
                return Err(Error::invalid("ft", "must have one item where the content itself is sent").into());
            };
            let Machines::One(vm) = machines else {
                return Err(Error::invalid("ft[0].vms", "must be absent where the content itself is sent").into());
            };
            let Some(content) = content else { return fetch(login, vm, file, transfer).await };
            if direction == Direction::Receive {
                let reason = "must be send where the content comes in the same request";
                return Err(Error::invalid("direction", reason).into());
            }
            let Login { vmm, actor, .. } = &login;
            let direction = vmm_core::Direction::Send(SendFrom::Content(content));
            let carried = vmm.carry(actor, &vm, transfer, direction).await;
            let report = carried.and_then(TransferReports::one).map_err(|error| Failure::in_item("ft", 0, error))?;
            let result = FileTransferResult::new(&vm, &file, report);
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

/// The result of an item on each of its machines.
pub(super) type Done = Vec<(VmName, String, vmm_core::Result<FileTransferResult>)>;

/// Carries an item.
pub(super) async fn carry(vmm: &Vmm, actor: &Actor, direction: Direction, item: Wanted) -> vmm_core::Result<Done> {
    let Wanted { machines, file, transfer } = item;
    let direction = match direction {
        Direction::Send => vmm_core::Direction::Send(SendFrom::FileArea),
        Direction::Receive => vmm_core::Direction::Receive(ReceiveTo::FileArea),
    };
    let many = matches!(machines, Machines::Many(_));
    let carried = vmm.carry(actor, machines, transfer, direction).await;
    let TransferReports(reports) = if many { batch::in_vms(carried)? } else { carried? };
    let result = |(vm, report): (VmName, vmm_core::Result<_>)| {
        let result = report.map(|report| FileTransferResult::new(&vm, &file, report));
        (vm, file.clone(), result)
    };
    Ok(reports.into_iter().map(result).collect())
}
