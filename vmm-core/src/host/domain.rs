//! The life of a desk's domains.

use async_trait::async_trait;
use uuid::Uuid;

use super::Statistics;
use crate::error::Result;
use crate::model::PauseReason;

/// The life of a desk's domains.
///
/// # Contract
/// - A domain's state follows [`DomainState`]; a call that does not fit it is [`Conflict`](crate::Error::Conflict)
///   (start or resume of a running domain, stop of a stopped one, and discarding what is not there are `Ok`, since they
///   are repeats).
/// - A state that the host does not tell is [`Unknown`](DomainState::Unknown), never another one.
/// - A [`Saved`](DomainState::Saved) domain keeps its saved state until it is started, discarded or undefined.
/// - [`list`](Self::list) never has a foreign domain, and [`by_id`](Self::by_id) has none. Every other call that names
///   a foreign domain, or one that is missing, is [`NotFound`](crate::Error::NotFound).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HostDomains: Send + Sync {
    /// Starts a domain. A saved domain goes on where it was saved, and has no saved state from then on. The answer says
    /// how the domain began; for a domain that runs already it is [`Booted`](Start::Booted).
    async fn start(&self, uuid: Uuid) -> Result<Start>;

    /// Asks the guest to shut down; returns at once.
    async fn shutdown(&self, uuid: Uuid) -> Result<()>;

    /// Cuts the power. A saved domain has none, and stays saved.
    async fn stop(&self, uuid: Uuid) -> Result<()>;

    /// Lets a paused domain go on, and wakes one that sleeps. Whether it goes on for long is for a look to tell: what
    /// paused it may do so again.
    async fn resume(&self, uuid: Uuid) -> Result<()>;

    /// Removes the saved state of a domain, which is off then: what was in its memory is lost.
    async fn discard_saved(&self, uuid: Uuid) -> Result<()>;

    /// Asks the guest to reboot; returns at once.
    async fn reboot(&self, uuid: Uuid) -> Result<()>;

    /// Returns a domain of this desk, if it is defined.
    async fn by_id(&self, uuid: Uuid) -> Result<Option<Domain>>;

    /// Returns every domain of this desk with its statistics, in one bulk call to the host, in order of name.
    async fn list(&self) -> Result<Vec<Domain>>;
}

/// The way in which a domain began its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Its system booted, or ran already.
    Booted,
    /// It went on where it was saved.
    Restored,
}

/// A domain's life as the hypervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DomainState {
    /// Runs, or is idle while running.
    Running,
    /// Held with what is in its memory, for this reason.
    Paused(PauseReason),
    /// Was asked to stop and has not yet.
    Stopping,
    /// Shut off.
    Off,
    /// Does not run; its memory is in a file, from which it goes on when it is started.
    Saved,
    /// Its process ended by itself without a shutdown.
    Crashed,
    /// The host does not say.
    Unknown,
}

impl DomainState {
    /// Returns whether nothing of it runs or is kept to run on: it is off or has crashed.
    pub fn is_off(self) -> bool {
        matches!(self, Self::Off | Self::Crashed)
    }

    /// Returns whether it has a run at present: one that can be looked at, and that a pause does not end.
    pub fn has_run(self) -> bool {
        matches!(self, Self::Running | Self::Paused(_) | Self::Stopping)
    }
}

/// A domain of this desk, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    /// Its id.
    pub uuid: Uuid,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: DomainState,
    /// The number of its present run: another one after each start, the same for as long as it runs, also when the
    /// guest reboots. `None` if it does not run or the host does not count.
    pub run: Option<u32>,
    /// Its figures; zero where it is off, the backend has none, or, in a list, it was busy just then.
    pub statistics: Statistics,
}
