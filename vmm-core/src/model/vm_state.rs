//! The state of a machine. Every front end and every operation shows what is decided here.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::error::{Error, Result};
use crate::text::quoted;

use super::words;

words!(
    /// A machine's place in its life.
    VmStatus, "status" {
        /// Asked for; it does not exist yet.
        Request = "request",
        /// It runs.
        On = "on",
        /// It is shut off.
        Off = "off",
        /// It does not run; its memory is kept on the host's disk, and it goes on from there when it is started.
        Saved = "saved",
        /// It is held with all that is in its memory.
        Paused = "paused",
        /// Nobody can say: the host does not answer, or does not have it.
        Unknown = "unknown",
    }
);

words!(
    /// Why a domain is paused.
    PauseReason, "pause reason" {
        /// Somebody paused it.
        User = "user",
        /// A disk of it could not be read or written, as when the host's pool is full.
        IoError = "io-error",
        /// It is being moved to another host.
        Migration = "migration",
        /// Its memory is being written to a file.
        Saving = "saving",
        /// A snapshot of it is being taken.
        Snapshot = "snapshot",
        /// Its system crashed.
        Crashed = "crashed",
        /// Its watchdog fired.
        Watchdog = "watchdog",
        /// Its system put itself to sleep.
        Sleeping = "sleeping",
        /// The host names no reason, or one that vmm does not know.
        Other = "other",
    }
);

impl PauseReason {
    /// Returns an explanation of the reason, and the next step.
    fn explained(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("somebody paused it", "resume it first"),
            Self::IoError => (
                "a disk of it could not be read or written",
                "see whether the host's pool is full, make room, then resume it",
            ),
            // libvirt tells so, too, of one that was saved while it was paused.
            Self::Migration => (
                "it is being moved to another host, or was saved while it was paused",
                "wait until that is done, or resume it",
            ),
            Self::Saving => ("its memory is being written to a file", "wait until that is done"),
            Self::Snapshot => ("a snapshot of it is being taken", "wait until that is done"),
            Self::Crashed => ("its system crashed", "look at its console, then power it off"),
            Self::Watchdog => ("its watchdog fired", "look at its console, then resume it or power it off"),
            Self::Sleeping => ("its system sleeps", "resume it, which wakes it"),
            Self::Other => ("its host does not say why", "resume it first"),
        }
    }
}

/// Why a machine is paused, or why its state is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusReason {
    /// It is paused, for this reason.
    Paused(PauseReason),
    /// The host has no domain with its id and the desk's tag.
    Missing,
    /// The host does not answer.
    Unreachable,
    /// The host answers, but does not say how the domain is.
    Unreadable,
}

impl StatusReason {
    /// The reasons for an unknown state.
    const UNKNOWN: [Self; 3] = [Self::Missing, Self::Unreachable, Self::Unreadable];

    /// Every reason, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        PauseReason::ALL.iter().copied().map(Self::Paused).chain(Self::UNKNOWN)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused(reason) => reason.as_str(),
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns an explanation of the reason, and the next step.
    fn explained(self) -> (&'static str, &'static str) {
        match self {
            Self::Paused(reason) => reason.explained(),
            Self::Missing => (
                "its host has no domain with its id and vmm's tag",
                "an admin must look at the host; if its domain is there, POST /vm/reclaim restores the tag",
            ),
            Self::Unreachable => ("its host does not answer", "try again when it does"),
            Self::Unreadable => ("its host does not say in which state it is", "an admin must look at the host"),
        }
    }
}

impl fmt::Display for StatusReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for StatusReason {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let known = Self::all().find(|reason| reason.as_str() == word);
        known.ok_or_else(|| Error::invalid("status_reason", format!("{} is not a reason of a status", quoted(word))))
    }
}

/// A machine's status, and the reason for it where one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VmState {
    /// The status.
    pub status: VmStatus,
    /// Why it is paused or unknown; `None` for every other status.
    pub reason: Option<StatusReason>,
}

impl VmState {
    /// Paused, for this reason.
    pub const fn paused(reason: PauseReason) -> Self {
        Self { status: VmStatus::Paused, reason: Some(StatusReason::Paused(reason)) }
    }

    /// Unknown, for this reason.
    pub const fn unknown(reason: StatusReason) -> Self {
        Self { status: VmStatus::Unknown, reason: Some(reason) }
    }

    /// Says what to do before the machine can be worked on, as in `web-1 is off; start it first`. Says `is on` of a
    /// machine that runs.
    pub fn advice(self) -> String {
        let advice = match (self.status, self.reason) {
            (_, Some(reason)) => reason.explained().1,
            (VmStatus::Off, None) => "start it first",
            (VmStatus::Saved, None) => "start it (it continues where it was saved), or discard the saved state",
            (VmStatus::Request, None) => "its request shows the progress",
            (VmStatus::On | VmStatus::Paused | VmStatus::Unknown, None) => return format!("is {self}"),
        };
        format!("is {self}; {advice}")
    }
}

impl From<VmStatus> for VmState {
    fn from(status: VmStatus) -> Self {
        Self { status, reason: None }
    }
}

/// The status, with what happened in brackets where there is a reason.
impl fmt::Display for VmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Some(reason) => write!(f, "{} ({})", self.status, reason.explained().0),
            None if self.status == VmStatus::Request => f.write_str("not made yet"),
            None => self.status.fmt(f),
        }
    }
}

/// The states of all machines on the host at one moment, by the hypervisor's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedStates {
    states: HashMap<Uuid, VmState>,
    rest: StatusReason,
}

impl ObservedStates {
    /// Builds the states from a host's answer. A machine that is not in the answer is missing on the host.
    pub fn new(states: impl IntoIterator<Item = (Uuid, VmState)>) -> Self {
        Self { states: states.into_iter().collect(), rest: StatusReason::Missing }
    }

    /// Builds the states of a host that does not answer: nothing.
    pub fn unreachable() -> Self {
        Self { states: HashMap::new(), rest: StatusReason::Unreachable }
    }

    /// Returns whether the host answered.
    pub fn answered(&self) -> bool {
        self.rest != StatusReason::Unreachable
    }

    /// The state of the machine with this id.
    pub fn of(&self, uuid: &Uuid) -> VmState {
        self.states.get(uuid).copied().unwrap_or(VmState::unknown(self.rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_that_is_read_back() {
        let words: Vec<_> = StatusReason::all().map(StatusReason::as_str).collect();
        let unique: std::collections::HashSet<_> = words.iter().collect();
        assert_eq!(unique.len(), words.len());
        assert!(StatusReason::all().all(|reason| reason.as_str().parse::<StatusReason>().is_ok_and(|r| r == reason)));
        assert!("tired".parse::<StatusReason>().is_err());
    }

    #[test]
    fn a_machine_that_the_host_does_not_tell_of_is_unknown_and_never_off() {
        let uuid = Uuid::from_u128(1);
        let missing = ObservedStates::new([]).of(&uuid);
        let silent = ObservedStates::unreachable().of(&uuid);
        assert_eq!((missing.status, silent.status), (VmStatus::Unknown, VmStatus::Unknown));
        assert_eq!(missing.to_string(), "unknown (its host has no domain with its id and vmm's tag)");
        assert_eq!(silent.advice(), "is unknown (its host does not answer); try again when it does");
    }
}
