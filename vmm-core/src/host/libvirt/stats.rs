//! Statistics and states, read in bulk.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::sys;

use super::connection::{Driver, Session};
use super::error::{Failure, Result};
use super::ffi::{self, Record, Value};
use super::owner;
use crate::host::{DiskStatistics, Domain, DomainState, InterfaceStatistics, Statistics};
use crate::model::{DeskId, PauseReason};

const GROUPS: u32 = sys::VIR_DOMAIN_STATS_STATE
    | sys::VIR_DOMAIN_STATS_CPU_TOTAL
    | sys::VIR_DOMAIN_STATS_BALLOON
    | sys::VIR_DOMAIN_STATS_VCPU
    | sys::VIR_DOMAIN_STATS_INTERFACE
    | sys::VIR_DOMAIN_STATS_BLOCK;

/// The time that a domain is taken for foreign before its tag is looked for again, since another process may adopt it.
const FOREIGN: Duration = Duration::from_secs(10);

/// The time that a domain is taken for the desk's before its tag is looked for again, since somebody may take it off.
const OWN: Duration = Duration::from_secs(30);

/// Which domains of the host are the desk's, so that listing them costs no call for each. A tag is read when its domain
/// is first seen, and again after a while; calls that change a domain read it again.
#[derive(Debug, Default)]
pub(super) struct Ownership(Mutex<HashMap<Uuid, Known>>);

#[derive(Clone, Copy, Debug)]
enum Known {
    OwnAt(Instant),
    ForeignAt(Instant),
}

impl Ownership {
    fn select(&self, session: &Session, desk: DeskId, records: &mut Vec<Record>) -> Result<()> {
        let mut known = self.lock().clone();
        let present: HashSet<Uuid> = records.iter().map(|record| record.uuid).collect();
        known.retain(|uuid, known| match known {
            Known::OwnAt(seen) => present.contains(uuid) && seen.elapsed() < OWN,
            Known::ForeignAt(seen) => present.contains(uuid) && seen.elapsed() < FOREIGN,
        });
        for uuid in present {
            if let Entry::Vacant(entry) = known.entry(uuid) {
                let own = owner::owned(session, desk, uuid)?.is_some();
                entry.insert(if own { Known::OwnAt(Instant::now()) } else { Known::ForeignAt(Instant::now()) });
            }
        }
        records.retain(|record| matches!(known.get(&record.uuid), Some(Known::OwnAt(_))));
        *self.lock() = known;
        Ok(())
    }

    /// Reads the tag again next time.
    pub(super) fn forget(&self, uuid: Uuid) {
        self.lock().remove(&uuid);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every domain of the desk. However many there are, it takes one call for their statistics, and two short ones for
/// which of them are saved: one before and one after, since a domain may be saved or restored in between.
pub(super) fn domains(session: &Session, desk: DeskId, ownership: &Ownership) -> Result<Vec<Domain>> {
    let mut saved = saved(session)?;
    let mut records = ffi::all_domain_stats(&session.connect, GROUPS, flags(session.driver))?;
    ownership.select(session, desk, &mut records)?;
    let mut domains: Vec<_> = records.into_iter().map(domain).collect();
    if domains.iter().any(|domain| domain.state.is_off() && !saved.contains(&domain.uuid)) {
        saved.extend(self::saved(session)?);
    }
    for domain in &mut domains {
        if domain.state.is_off() && saved.contains(&domain.uuid) {
            domain.state = DomainState::Saved;
        }
    }
    domains.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(domains)
}

/// The ids of the domains of the host that have a saved state.
fn saved(session: &Session) -> Result<HashSet<Uuid>> {
    let domains = session.connect.list_all_domains(sys::VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)?;
    Ok(domains.iter().map(virt::domain::Domain::uuid).collect::<Result<_, _>>()?)
}

/// Returns whether a domain has a saved state.
pub(super) fn is_saved(domain: &virt::domain::Domain) -> Result<bool> {
    match domain.has_managed_save(0).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_SUPPORT) || failure.is(sys::VIR_ERR_NO_DOMAIN) => Ok(false),
        saved => saved,
    }
}

/// One domain of the desk.
pub(super) fn one(session: &Session, desk: DeskId, uuid: Uuid) -> Result<Option<Domain>> {
    let Some((found, _)) = owner::owned(session, desk, uuid)? else {
        return Ok(None);
    };
    look(&found, GROUPS)
}

/// A domain's state, and its figures of these groups. `None` if it is gone.
pub(super) fn look(found: &virt::domain::Domain, groups: u32) -> Result<Option<Domain>> {
    // Waits where the list does not: while it answers somebody else, which takes milliseconds, a domain gives no
    // figures.
    let record = match ffi::domain_stats(found, groups, 0).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => return Ok(None),
        record => record?,
    };
    let Some(mut domain) = record.map(domain) else { return Ok(None) };
    if domain.state.is_off() && is_saved(found)? {
        domain.state = DomainState::Saved;
    }
    Ok(Some(domain))
}

/// A domain that is busy with something else must not hold up the list.
fn flags(driver: Driver) -> u32 {
    match driver {
        Driver::Qemu => sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
        Driver::Test => 0,
    }
}

/// The state of a domain by libvirt's numbers of state and reason. What libvirt does not tell, or vmm does not know, is
/// unknown.
fn state(state: u64, reason: u64) -> DomainState {
    match (u32::try_from(state).unwrap_or(u32::MAX), u32::try_from(reason).unwrap_or(u32::MAX)) {
        (sys::VIR_DOMAIN_RUNNING | sys::VIR_DOMAIN_BLOCKED, _) => DomainState::Running,
        // It is held for as long as its devices are being set up.
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_STARTING_UP) => DomainState::Running,
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_SHUTTING_DOWN) => DomainState::Stopping,
        (sys::VIR_DOMAIN_PAUSED, reason) => DomainState::Paused(pause_reason(reason)),
        (sys::VIR_DOMAIN_PMSUSPENDED, _) => DomainState::Paused(PauseReason::Sleeping),
        (sys::VIR_DOMAIN_SHUTDOWN, _) => DomainState::Stopping,
        (sys::VIR_DOMAIN_CRASHED, _) | (sys::VIR_DOMAIN_SHUTOFF, sys::VIR_DOMAIN_SHUTOFF_CRASHED) => {
            DomainState::Crashed
        }
        (sys::VIR_DOMAIN_SHUTOFF, _) => DomainState::Off,
        _ => DomainState::Unknown,
    }
}

fn pause_reason(reason: u32) -> PauseReason {
    match reason {
        sys::VIR_DOMAIN_PAUSED_USER => PauseReason::User,
        sys::VIR_DOMAIN_PAUSED_IOERROR => PauseReason::IoError,
        sys::VIR_DOMAIN_PAUSED_MIGRATION | sys::VIR_DOMAIN_PAUSED_POSTCOPY => PauseReason::Migration,
        sys::VIR_DOMAIN_PAUSED_SAVE | sys::VIR_DOMAIN_PAUSED_DUMP => PauseReason::Saving,
        sys::VIR_DOMAIN_PAUSED_SNAPSHOT => PauseReason::Snapshot,
        sys::VIR_DOMAIN_PAUSED_CRASHED => PauseReason::Crashed,
        sys::VIR_DOMAIN_PAUSED_WATCHDOG => PauseReason::Watchdog,
        _ => PauseReason::Other,
    }
}

/// Returns whether the present run of a domain began by booting.
pub(super) fn runs_since_boot(record: &Record) -> bool {
    let mut reading = Reading::default();
    for (key, value) in &record.fields {
        reading.take(key, value);
    }
    (reading.state, reading.reason) == (sys::VIR_DOMAIN_RUNNING.into(), sys::VIR_DOMAIN_RUNNING_BOOTED.into())
}

pub(super) fn domain(record: Record) -> Domain {
    let Record { uuid, name, run, fields } = record;
    let mut reading = Reading::default();
    for (key, value) in &fields {
        reading.take(key, value);
    }
    let state = state(reading.state, reading.reason);
    let statistics = if state.has_run() { reading.finish() } else { Statistics::default() };
    Domain { uuid, name, state, run, statistics }
}

#[derive(Default)]
struct Reading {
    state: u64,
    reason: u64,
    statistics: Statistics,
    disks: BTreeMap<u32, DiskStatistics>,
    interfaces: BTreeMap<u32, InterfaceStatistics>,
}

impl Reading {
    fn take(&mut self, key: &str, value: &Value) {
        match value {
            Value::Number(number) => self.take_number(key, *number),
            Value::Text(text) => match indexed(key) {
                Some(("block", index, "name")) => self.disks.entry(index).or_default().name.clone_from(text),
                Some(("net", index, "name")) => self.interfaces.entry(index).or_default().name.clone_from(text),
                _ => {}
            },
        }
    }

    fn take_number(&mut self, key: &str, number: u64) {
        let statistics = &mut self.statistics;
        match key {
            "state.state" => self.state = number,
            "state.reason" => self.reason = number,
            "cpu.time" => statistics.cpu_time = number,
            "vcpu.current" => statistics.vcpu = u32::try_from(number).unwrap_or(u32::MAX),
            "balloon.current" => statistics.memory_current = number,
            "balloon.unused" => statistics.memory_unused = Some(number),
            "balloon.rss" => statistics.memory_resident = number,
            _ => self.take_indexed(key, number),
        }
    }

    fn take_indexed(&mut self, key: &str, number: u64) {
        match indexed(key) {
            Some(("block", index, field)) => {
                let disk = self.disks.entry(index).or_default();
                match field {
                    "rd.bytes" => disk.read = number,
                    "wr.bytes" => disk.written = number,
                    "capacity" => disk.capacity = number,
                    "allocation" => disk.allocation = number,
                    _ => {}
                }
            }
            Some(("net", index, field)) => {
                let interface = self.interfaces.entry(index).or_default();
                match field {
                    "rx.bytes" => interface.received = number,
                    "tx.bytes" => interface.sent = number,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn finish(self) -> Statistics {
        let disks = self.disks.into_values().filter(|disk| !disk.name.is_empty()).collect();
        let interfaces = self.interfaces.into_values().filter(|interface| !interface.name.is_empty()).collect();
        Statistics { disks, interfaces, ..self.statistics }
    }
}

/// `block.0.rd.bytes` as `block`, 0 and `rd.bytes`.
fn indexed(key: &str) -> Option<(&str, u32, &str)> {
    let (group, rest) = key.split_once('.')?;
    let (index, field) = rest.split_once('.')?;
    Some((group, index.parse().ok()?, field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_libvirt_has_one_of_ours_and_what_it_does_not_tell_is_unknown() {
        use DomainState::{Crashed, Off, Paused, Running, Stopping, Unknown};
        let seen = [(1, 1), (2, 0), (3, 11), (3, 8), (4, 1), (5, 1), (5, 3), (6, 0), (0, 0), (99, 0), (u64::MAX, 0)]
            .map(|(code, reason)| state(code, reason));
        let expected =
            [Running, Running, Running, Stopping, Stopping, Off, Crashed, Crashed, Unknown, Unknown, Unknown];
        assert_eq!(seen, expected);
        assert_eq!(state(7, 0), Paused(PauseReason::Sleeping));
        let silent = domain(Record { uuid: Uuid::nil(), name: "web".to_owned(), run: None, fields: Vec::new() });
        assert_eq!(silent.state, Unknown);
    }

    #[test]
    fn every_reason_for_a_pause_is_told() {
        use PauseReason::{Crashed, IoError, Migration, Other, Saving, Snapshot, User, Watchdog};
        let seen = [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 99].map(|reason| state(3, reason));
        let expected = [
            Other, User, Migration, Saving, Saving, IoError, Watchdog, Other, Snapshot, Crashed, Migration, Other,
            Other,
        ];
        assert_eq!(seen, expected.map(DomainState::Paused));
    }

    #[test]
    fn figures_are_found_by_their_keys() {
        let number = |key: &str, value| (key.to_owned(), Value::Number(value));
        let name = |key: &str, value: &str| (key.to_owned(), Value::Text(value.to_owned()));
        let fields = vec![
            number("state.state", 1),
            number("cpu.time", 7),
            number("block.count", 2),
            name("block.1.name", "vdb"),
            number("block.1.rd.bytes", 11),
            name("net.0.name", "vnet0"),
            number("net.0.tx.bytes", 5),
        ];
        let found = domain(Record { uuid: Uuid::nil(), name: "web".to_owned(), run: Some(1), fields }).statistics;
        assert_eq!((found.cpu_time, found.disks.len(), found.interfaces[0].sent), (7, 1, 5));
        assert_eq!((found.disks[0].name.as_str(), found.disks[0].read), ("vdb", 11));
    }
}
