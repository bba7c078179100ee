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
use crate::hypervisor::{DiskStatistics, Domain, DomainState, InterfaceStatistics, Statistics};
use crate::model::DeskId;

const GROUPS: u32 = sys::VIR_DOMAIN_STATS_STATE
    | sys::VIR_DOMAIN_STATS_CPU_TOTAL
    | sys::VIR_DOMAIN_STATS_BALLOON
    | sys::VIR_DOMAIN_STATS_VCPU
    | sys::VIR_DOMAIN_STATS_INTERFACE
    | sys::VIR_DOMAIN_STATS_BLOCK;

/// How long a domain is taken for foreign before its tag is looked for again, since another process may adopt it.
const FOREIGN: Duration = Duration::from_secs(10);

/// Which domains of the host are the desk's, so that listing them costs no call for each. The tag of one of the desk is
/// read once, when it is first seen; calls that change a domain read it again.
#[derive(Debug, Default)]
pub(super) struct Ownership(Mutex<HashMap<Uuid, Known>>);

#[derive(Clone, Copy, Debug)]
enum Known {
    Own,
    ForeignAt(Instant),
}

impl Ownership {
    fn select(&self, session: &Session, desk: DeskId, records: &mut Vec<Record>) -> Result<()> {
        let mut known = self.lock().clone();
        let present: HashSet<Uuid> = records.iter().map(|record| record.uuid).collect();
        known.retain(|uuid, known| match known {
            Known::Own => present.contains(uuid),
            Known::ForeignAt(seen) => present.contains(uuid) && seen.elapsed() < FOREIGN,
        });
        for uuid in present {
            if let Entry::Vacant(entry) = known.entry(uuid) {
                let own = owner::owned(session, desk, uuid)?.is_some();
                entry.insert(if own { Known::Own } else { Known::ForeignAt(Instant::now()) });
            }
        }
        records.retain(|record| matches!(known.get(&record.uuid), Some(Known::Own)));
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

/// Every domain of the desk, from one call to the host.
pub(super) fn domains(session: &Session, desk: DeskId, ownership: &Ownership) -> Result<Vec<Domain>> {
    let mut records = ffi::all_domain_stats(&session.connect, GROUPS, flags(session.driver))?;
    ownership.select(session, desk, &mut records)?;
    let mut domains: Vec<_> = records.into_iter().map(domain).collect();
    domains.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(domains)
}

/// One domain of the desk.
pub(super) fn one(session: &Session, desk: DeskId, uuid: Uuid) -> Result<Option<Domain>> {
    let Some((found, _)) = owner::owned(session, desk, uuid)? else {
        return Ok(None);
    };
    // Waits where the list does not: while it answers somebody else, which takes milliseconds, a domain gives no figures.
    match ffi::domain_stats(&found, GROUPS, 0).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_DOMAIN) => Ok(None),
        record => Ok(record?.map(domain)),
    }
}

/// A domain that is busy with something else must not hold up the list.
fn flags(driver: Driver) -> u32 {
    match driver {
        Driver::Qemu => sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
        Driver::Test => 0,
    }
}

/// The state of a domain by libvirt's numbers of state and reason.
fn state(state: u64, reason: u64) -> DomainState {
    match (u32::try_from(state).unwrap_or(u32::MAX), u32::try_from(reason).unwrap_or(u32::MAX)) {
        // It is held for as long as its devices are being set up.
        (sys::VIR_DOMAIN_PAUSED, sys::VIR_DOMAIN_PAUSED_STARTING_UP) => DomainState::Running,
        (sys::VIR_DOMAIN_PAUSED | sys::VIR_DOMAIN_PMSUSPENDED, _) => DomainState::Paused,
        (sys::VIR_DOMAIN_SHUTDOWN, _) => DomainState::Stopping,
        (sys::VIR_DOMAIN_CRASHED, _) | (sys::VIR_DOMAIN_SHUTOFF, sys::VIR_DOMAIN_SHUTOFF_CRASHED) => {
            DomainState::Crashed
        }
        (sys::VIR_DOMAIN_SHUTOFF, _) => DomainState::Off,
        _ => DomainState::Running,
    }
}

pub(super) fn domain(record: Record) -> Domain {
    let Record { uuid, name, run, fields } = record;
    let mut reading = Reading::default();
    for (key, value) in &fields {
        reading.take(key, value);
    }
    let state = state(reading.state, reading.reason);
    let runs = !matches!(state, DomainState::Off | DomainState::Crashed);
    let statistics = if runs { reading.finish() } else { Statistics::default() };
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
    fn every_state_of_libvirt_has_one_of_ours() {
        use DomainState::{Crashed, Off, Paused, Running, Stopping};
        let seen: Vec<_> = [(1, 1), (2, 0), (3, 1), (3, 11), (4, 1), (5, 1), (5, 3), (6, 0), (7, 0), (99, 0)]
            .map(|(code, reason)| state(code, reason))
            .into();
        assert_eq!(seen, [Running, Running, Paused, Running, Stopping, Off, Crashed, Crashed, Paused, Running]);
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
