//! Which operations the state of a machine allows.

use super::Desk;
use crate::error::{Error, Kind, Result};
use crate::host::{ForeignDomain, state_of};
use crate::model::{Vm, VmState, VmStatus};

/// Asks the host for the state of a machine at this moment.
///
/// # Errors
/// `Unavailable` if the host does not answer.
pub(crate) async fn state_now(desk: &Desk, vm: &Vm) -> Result<VmState> {
    Ok(state_of(desk.hypervisor().domains().by_id(vm.uuid).await?.map(|domain| domain.state)))
}

/// Refuses a machine on which nothing can be done now. The record may be behind: of a machine that is not on by it, the
/// host is asked. One whose host does not answer may well run, so that it is tried.
pub(crate) async fn check_on(desk: &Desk, vm: &Vm) -> Result<()> {
    vm.check_exists()?;
    if vm.status == VmStatus::On {
        return Ok(());
    }
    match state_now(desk, vm).await {
        Ok(state) if state.status != VmStatus::On => Err(vm.refusal(state)),
        _ => Ok(()),
    }
}

/// Refuses a machine whose definition and disks must not change now: one that runs, and one whose memory is kept and
/// would meet others when it goes on.
pub(crate) async fn check_off(desk: &Desk, vm: &Vm) -> Result<()> {
    vm.check_exists()?;
    let state = state_now(desk, vm).await?;
    let first = match state.status {
        VmStatus::Off => return Ok(()),
        VmStatus::Unknown | VmStatus::Request => return Err(vm.refusal(state)),
        VmStatus::On => "shut it down first",
        VmStatus::Paused => "resume it and shut it down first",
        VmStatus::Saved => "start it and shut it down, or discard the saved state first",
    };
    let reason = format!("is {state}, and its disks can be changed only while it is off; {first}");
    Err(Error::conflict(Kind::Vm, &vm.name, reason))
}

/// The domain of a machine that has lost its tag, if the host has it.
pub(crate) async fn untagged(desk: &Desk, vm: &Vm) -> Result<Option<ForeignDomain>> {
    let domains = desk.hypervisor().adoption().adoptable().await?;
    Ok(domains.into_iter().find(|domain| domain.uuid == vm.uuid && !domain.adopted))
}

/// Refuses a machine whose domain is there without vmm's tag: vmm would leave the domain as it is, and forget it.
pub(crate) async fn require_tagged(desk: &Desk, vm: &Vm) -> Result<()> {
    let Some(found) = untagged(desk, vm).await? else { return Ok(()) };
    let reason = format!(
        "its domain {} on the host has lost vmm's tag; an admin can restore it: POST /vm/reclaim?vm={}",
        found.name, vm.name
    );
    Err(Error::conflict(Kind::Vm, &vm.name, reason))
}
