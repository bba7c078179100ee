//! Machines, page by page and one by one.

use vmm_core::Result;
use vmm_core::model::{VmFilter, VmId, VmName};

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::vm as render;

/// The largest number of machines in a message.
const PAGE: u32 = 10;

/// Lists the machines behind this row.
pub(super) async fn list(
    context: &Context,
    asked: &Asked,
    after: Option<i64>,
    trail: Vec<Option<i64>>,
) -> Result<Answer> {
    let filter = VmFilter { after: after.map(VmId), limit: Some(PAGE), ..VmFilter::default() };
    let page = context.vmm.vms(&asked.actor, &filter).await?;
    Ok(render::list(&page, after, trail).into())
}

/// Shows a machine, with the buttons that may be pressed in this chat.
pub(super) async fn card(context: &Context, asked: &Asked, name: &VmName) -> Result<Answer> {
    let (vm, disks) = context.vmm.vm(&asked.actor, name).await?;
    Ok(render::card(&vm, &disks, context.kind(asked.from).await?.trusted()).into())
}
