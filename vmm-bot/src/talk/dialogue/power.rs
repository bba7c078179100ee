//! Switching a machine: the card's button, the question, the confirmation.

use serde::{Deserialize, Serialize};
use vmm_core::Power;
use vmm_core::model::{StatusReason, VmState, VmStatus};

/// A change of a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Switch {
    Start,
    Shutdown,
    Reboot,
    Stop,
    Resume,
    DiscardSaved,
}

impl Switch {
    /// Returns the switches that a machine in this state has a button for.
    pub(crate) fn offered(state: VmState) -> &'static [Self] {
        match state.status {
            VmStatus::Request => &[],
            VmStatus::Unknown if state.reason == Some(StatusReason::Missing) => &[],
            // Its host may answer again by the time that the button is pressed.
            VmStatus::Unknown => &[Self::Start, Self::Stop],
            VmStatus::Off => &[Self::Start],
            VmStatus::Saved => &[Self::Start, Self::DiscardSaved],
            VmStatus::Paused => &[Self::Resume, Self::Stop],
            VmStatus::On => &[Self::Shutdown, Self::Reboot, Self::Stop],
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Shutdown => "Shut down",
            Self::Reboot => "Reboot",
            Self::Stop => "Power off",
            Self::Resume => "Resume",
            Self::DiscardSaved => "Discard the saved state of",
        }
    }

    /// Returns the label of its button.
    pub(crate) fn button(self) -> &'static str {
        match self {
            Self::DiscardSaved => "Discard saved state",
            other => other.label(),
        }
    }

    /// Returns the consequence, for the question before the change.
    pub(crate) fn consequence(self) -> &'static str {
        match self {
            Self::Start => "The machine is switched on. If it is saved, it continues where it was saved.",
            Self::Shutdown => "The machine's system is asked to shut down.",
            Self::Reboot => "The machine's system is asked to reboot.",
            Self::Stop => "The machine's power is cut at once. What it has not written to disk is lost.",
            Self::Resume => "The machine continues where it was paused.",
            Self::DiscardSaved => "The saved memory is lost for good, and the machine is off.",
        }
    }

    /// Returns the words for the change that was made; `restored` says whether a saved machine continued where it was
    /// saved.
    pub(crate) fn done(self, restored: Option<bool>) -> &'static str {
        match self {
            Self::Start => match restored {
                None => "was switched on",
                Some(true) => "continues where it was saved",
                Some(false) => "was booted, since its host could not use the saved state",
            },
            Self::Shutdown => "was asked to shut down",
            Self::Reboot => "was asked to reboot",
            Self::Stop => "was powered off",
            Self::Resume => "was resumed",
            Self::DiscardSaved => "is off, and its saved state is gone",
        }
    }
}

impl From<Switch> for Power {
    fn from(switch: Switch) -> Self {
        match switch {
            Switch::Start => Self::Start,
            Switch::Shutdown => Self::Shutdown,
            Switch::Reboot => Self::Reboot,
            Switch::Stop => Self::Stop,
            Switch::Resume => Self::Resume,
            Switch::DiscardSaved => Self::DiscardSaved,
        }
    }
}
