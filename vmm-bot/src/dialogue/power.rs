//! Switching a machine: the card's button, the question, the confirmation.

use serde::{Deserialize, Serialize};
use vmm_core::Power;
use vmm_core::model::VmStatus;

/// What to do with a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Switch {
    Start,
    Shutdown,
    Reboot,
    Stop,
}

impl Switch {
    /// What makes sense for a machine of this status.
    pub(crate) fn offered(status: VmStatus) -> &'static [Self] {
        match status {
            VmStatus::Request => &[],
            VmStatus::Off => &[Self::Start],
            VmStatus::On => &[Self::Shutdown, Self::Reboot, Self::Stop],
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Shutdown => "Shut down",
            Self::Reboot => "Reboot",
            Self::Stop => "Power off",
        }
    }

    /// What will happen, for the question.
    pub(crate) fn consequence(self) -> &'static str {
        match self {
            Self::Start => "It is switched on.",
            Self::Shutdown => "Its system is asked to shut down.",
            Self::Reboot => "Its system is asked to reboot.",
            Self::Stop => "Its power is cut at once; what is not on disk is lost.",
        }
    }

    /// What was done.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Start => "was switched on",
            Self::Shutdown => "was asked to shut down",
            Self::Reboot => "was asked to reboot",
            Self::Stop => "was powered off",
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
        }
    }
}
