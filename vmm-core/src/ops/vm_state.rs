//! What state a machine is in by what the host says of its domain, and which operations a state allows.

use std::net::IpAddr;

use crate::error::{Error, Kind, Result};
use crate::hypervisor::{Domain, DomainState};
use crate::model::{Seen, StatusReason, Vm, VmState, VmStatus};
use crate::vmm::Desk;

/// The state of a machine by the state of its domain; `None` stands for a domain that the host does not have.
pub(crate) fn state_of(domain: Option<DomainState>) -> VmState {
    match domain {
        Some(DomainState::Running | DomainState::Stopping) => VmStatus::On.into(),
        Some(DomainState::Paused(reason)) => VmState::paused(reason),
        Some(DomainState::Saved) => VmStatus::Saved.into(),
        Some(DomainState::Off | DomainState::Crashed) => VmStatus::Off.into(),
        Some(DomainState::Unknown) => VmState::unknown(StatusReason::Unreadable),
        None => VmState::unknown(StatusReason::Missing),
    }
}

/// What a look at a domain says of its machine.
pub(crate) fn seen(domain: &Domain, ip: Option<IpAddr>) -> Seen {
    Seen { uuid: domain.uuid, state: state_of(Some(domain.state)), ip, run: domain.run }
}

/// Asks the host for the state of a machine at this moment.
///
/// # Errors
/// `Unavailable` if the host does not answer.
pub(crate) async fn state_now(desk: &Desk, vm: &Vm) -> Result<VmState> {
    Ok(state_of(desk.hypervisor().domain(vm.uuid).await?.map(|domain| domain.state)))
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
    let reason = format!("is {state}, and its disks are changed while it is off; {first}");
    Err(Error::conflict(Kind::Vm, &vm.name, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PauseReason;

    #[test]
    fn one_rule_says_what_state_a_machine_is_in_and_silence_is_never_off() {
        let status = |state| state_of(state).status;
        assert_eq!(status(Some(DomainState::Stopping)), VmStatus::On);
        assert_eq!(status(Some(DomainState::Crashed)), VmStatus::Off);
        assert_eq!(status(Some(DomainState::Saved)), VmStatus::Saved);
        assert_eq!(state_of(Some(DomainState::Unknown)), VmState::unknown(StatusReason::Unreadable));
        assert_eq!(state_of(None), VmState::unknown(StatusReason::Missing));
        for reason in PauseReason::ALL {
            assert_eq!(state_of(Some(DomainState::Paused(*reason))), VmState::paused(*reason));
        }
    }
}
