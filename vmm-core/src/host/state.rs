//! The state of a machine by what the host says of its domain.

use std::net::IpAddr;

use super::{Domain, DomainState};
use crate::model::{Observation, StatusReason, VmState, VmStatus};

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

/// Returns the state, address and run of a machine, from its domain.
pub(crate) fn seen(domain: &Domain, ip: Option<IpAddr>) -> Observation {
    Observation { uuid: domain.uuid, state: state_of(Some(domain.state)), ip, run: domain.run }
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
