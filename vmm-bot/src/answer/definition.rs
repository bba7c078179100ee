//! How machines are defined on their host.

use vmm_core::Result;
use vmm_core::model::VmName;

use crate::parts::{Answer, Asked, Parts};
use crate::render::definition as render;

/// Answers how a machine's definition differs from the one that vmm last saw, with a button to accept it.
pub(super) async fn look(parts: &Parts, asked: &Asked, name: &VmName) -> Result<Answer> {
    let look = parts.vmm.vm_definition(&asked.actor, name).await?;
    Ok(render::look(name, &look).into())
}

/// Accepts the definition that was looked at.
pub(super) async fn accept(parts: &Parts, asked: &Asked, vm: &str, digest: &str) -> Result<Answer> {
    let vm = parts.vmm.accept_definition(&asked.actor, &VmName::new(vm)?, digest.parse()?, None).await?;
    Ok(render::accepted(&vm.name).into())
}

/// Sets vmm's tag again on a domain that has lost it.
pub(super) async fn reclaim(parts: &Parts, asked: &Asked, name: &VmName) -> Result<Answer> {
    parts.vmm.reclaim_vm(&asked.actor, name).await?;
    Ok(render::reclaimed(name).into())
}
