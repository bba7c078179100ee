//! The definitions of machines on their host.

use vmm_core::Result;
use vmm_core::model::VmName;

use crate::talk::context::Context;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::definition as render;

/// Answers how a machine's definition differs from the one that vmm last saw, with a button to accept it.
pub(super) async fn look(context: &Context, asked: &Asked, name: &VmName) -> Result<Answer> {
    let look = context.vmm.vm_definition(&asked.actor, name).await?;
    Ok(render::look(name, &look).into())
}

/// Accepts the definition that was looked at.
pub(super) async fn accept(context: &Context, asked: &Asked, vm: &str, digest: &str) -> Result<Answer> {
    let vm = context.vmm.accept_definition(&asked.actor, &VmName::new(vm)?, digest.parse()?, None).await?;
    Ok(render::accepted(&vm.name).into())
}

/// Sets vmm's tag again on a domain that has lost it.
pub(super) async fn reclaim(context: &Context, asked: &Asked, name: &VmName) -> Result<Answer> {
    context.vmm.reclaim_vm(&asked.actor, name).await?;
    Ok(render::reclaimed(name).into())
}
