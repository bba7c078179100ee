//! A hypervisor in memory, under the same rules as the real one.

mod adoption;
mod console;
mod definition;
mod domain;
mod inventory;
mod network;
mod restless;
mod state;
mod volume;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use vmm_core::host::{DomainState, Host, Statistics};
use vmm_core::model::{DeskId, VolumeName};
use vmm_core::{Error, Result};

pub use self::restless::Restless;
use self::state::{Content, State, Turn};

/// A hypervisor in memory. Clones share one host.
///
/// Its methods name a call of the trait by part and method, as they are called: `volumes.create`.
#[derive(Clone)]
pub struct FakeHypervisor {
    desk: DeskId,
    state: Arc<Mutex<State>>,
}

impl FakeHypervisor {
    /// An empty host with 64 processors and 256 GiB of memory, seen by a desk.
    pub fn new(desk: DeskId) -> Self {
        Self { desk, state: Arc::new(Mutex::new(State::new())) }
    }

    /// Returns this host as another desk sees it.
    pub fn for_desk(&self, desk: DeskId) -> Self {
        Self { desk, state: Arc::clone(&self.state) }
    }

    /// Changes what the host says it is.
    pub fn change_host(&self, change: impl FnOnce(&mut Host)) {
        change(&mut self.lock().host);
    }

    /// Fails the next call of this method.
    ///
    /// # Panics
    /// If there is no such method.
    pub fn fail_next(&self, method: &str, error: Error) {
        self.fail_nth(method, 1, error);
    }

    /// Fails the `nth` call of this method from now on, counted from 1.
    ///
    /// # Panics
    /// If there is no such method.
    pub fn fail_nth(&self, method: &str, nth: usize, error: Error) {
        self.lock().fail(method, nth, error);
    }

    /// Returns the number of times that a method was called.
    ///
    /// # Panics
    /// If there is no such method.
    pub fn calls(&self, method: &str) -> usize {
        self.lock().calls(method)
    }

    /// Returns the number of times that any method was called.
    pub fn all_calls(&self) -> usize {
        self.lock().all_calls()
    }

    /// A running domain that no desk made, with one disk.
    pub fn add_foreign(&self, name: impl AsRef<str>) -> Uuid {
        self.lock().add_foreign(name.as_ref())
    }

    /// Returns whether a domain is defined, of whatever owner.
    pub fn is_defined(&self, uuid: Uuid) -> bool {
        self.lock().domains.contains_key(&uuid)
    }

    /// Removes a domain behind the desk's back, running or not.
    pub fn remove_behind_back(&self, uuid: Uuid) {
        self.lock().domains.remove(&uuid);
    }

    /// Puts a domain in a state behind the desk's back.
    pub fn set_state(&self, uuid: Uuid, state: DomainState) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.state = state;
        }
    }

    /// Stops and starts a domain behind the desk's back.
    pub fn restart_behind_back(&self, uuid: Uuid) {
        let mut state = self.lock();
        let run = state.next_run();
        if let Some(domain) = state.domains.get_mut(&uuid) {
            (domain.state, domain.run) = (DomainState::Running, run);
        }
    }

    /// Sets the figures that a domain has while it runs.
    pub fn set_statistics(&self, uuid: Uuid, statistics: Statistics) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.statistics = statistics;
        }
    }

    /// Changes the figures that a domain has while it runs, as its load does.
    pub fn change_statistics(&self, uuid: Uuid, change: impl FnOnce(&mut Statistics)) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            change(&mut domain.statistics);
        }
    }

    /// Sets the addresses that a domain has while it runs, in place of the one it would get.
    pub fn set_addresses(&self, uuid: Uuid, addresses: Vec<IpAddr>) {
        self.lock().addresses.insert(uuid, addresses);
    }

    /// Returns whether the addresses of domains come from the network's DHCP server. They do unless told otherwise;
    /// else only the domains themselves tell them.
    pub fn lease_addresses(&self, lease: bool) {
        self.lock().leases = lease;
    }

    /// Returns whether a started domain gets an address. It does unless told otherwise.
    pub fn give_addresses(&self, give: bool) {
        self.lock().gives_addresses = give;
    }

    /// Returns whether guests do what they are asked to (shut down). They do unless told otherwise.
    pub fn guests_obey(&self, obey: bool) {
        self.lock().guests_obey = obey;
    }

    /// Returns whether a domain that an I/O error paused pauses again as soon as it is resumed. It does not unless told
    /// so.
    pub fn disk_is_full(&self, full: bool) {
        self.lock().disk_is_full = full;
    }

    /// Adds to what a guest wrote to its console.
    pub fn print_to_console(&self, uuid: Uuid, text: &str) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.console.extend_from_slice(text.as_bytes());
        }
    }

    /// Sets the text that every guest writes to its console when it is started.
    pub fn boot_text(&self, text: &str) {
        text.clone_into(&mut self.lock().boot_text);
    }

    /// Leaves a volume as an interrupted import does.
    pub fn add_unfinished_volume(&self, name: &VolumeName) {
        self.lock().add_unfinished(name);
    }

    /// Removes a volume behind the desk's back, whatever uses it.
    pub fn remove_volume_behind_back(&self, name: &VolumeName) {
        self.lock().volumes.remove(name);
    }

    /// Changes what a volume holds behind the desk's back, or only the moment of its last change.
    pub fn touch_volume_behind_back(&self, name: &VolumeName, content_too: bool) {
        self.lock().touch(name, content_too);
    }

    /// Makes an empty volume behind the desk's back.
    pub fn add_volume_behind_back(&self, name: &VolumeName, capacity: u64) {
        self.lock().put(name, capacity, Content::Disk(None), "somebody else's");
    }

    /// The content of a volume that was written.
    pub fn content(&self, name: &VolumeName) -> Option<Vec<u8>> {
        self.lock().content(name)
    }

    /// Counts a call and fails it if that was asked for.
    fn enter(&self, method: &'static str) -> Result<Turn<'_>> {
        self.lock().enter(method)?;
        Ok(Turn { desk: self.desk, state: self.lock() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
