//! Looks at the host: compares it with the records, so that what happened behind vmm's back is seen, and takes the
//! samples of the machines' history.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use crate::desk::Desk;
use crate::error::Result;
use crate::host::{Domain, sample, state_of};
use crate::model::{Look, MacAddress, Observation, Vm, VmFilter, VmStatus};

/// Looks whenever something is due, never twice at once. One look serves all that is due then.
pub(super) struct Sweep {
    desk: Desk,
    comparison: Due,
    samples: Due,
    running: Option<JoinHandle<()>>,
    asked: Asked,
}

/// The machine that the host was asked about last, of those whose addresses are in no list of leases.
type Asked = Arc<AtomicI64>;

/// The number of machines that are asked about in one look, since each costs calls of its own.
const ASKED_AT_ONCE: usize = 4;

/// When something was due last.
#[derive(Default)]
struct Due(Option<Instant>);

impl Due {
    /// Returns whether it is to be done now. The next time is an interval after this one, not after when it was come
    /// to, so that what is asked for every ten seconds happens six times a minute.
    fn take(&mut self, now: Instant, interval: Duration) -> bool {
        let late = self.0.map_or(Duration::ZERO, |last| now.duration_since(last).saturating_sub(interval));
        let due = self.0.is_none_or(|last| now.duration_since(last) >= interval);
        if due {
            self.0 = Some(if late < interval { now - late } else { now });
        }
        due
    }
}

impl Sweep {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk, comparison: Due::default(), samples: Due::default(), running: None, asked: Asked::default() }
    }

    pub(super) fn start_if_due(&mut self, now: Instant) {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let settings = self.desk.settings();
        let compare = self.comparison.take(now, settings.sweep_interval);
        let sample = self.samples.take(now, settings.sample_interval);
        if compare || sample {
            let (desk, asked) = (self.desk.clone(), Arc::clone(&self.asked));
            self.running = Some(tokio::spawn(async move {
                if let Err(error) = look(&desk, compare.then_some(&*asked), sample).await {
                    warn!(%error, "the host could not be compared with the records");
                }
            }));
        }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

type Domains = HashMap<Uuid, Domain>;

async fn look(desk: &Desk, compare: Option<&AtomicI64>, sample: bool) -> Result<()> {
    let vms = desk.repository().vms().list(&VmFilter::default()).await?;
    if vms.is_empty() {
        return Ok(());
    }
    let domains = desk.hypervisor().domains().list().await?;
    let domains: Domains = domains.into_iter().map(|domain| (domain.uuid, domain)).collect();
    if sample && let Err(error) = record(desk, &vms, &domains).await {
        warn!(%error, "the figures of the machines could not be recorded");
    }
    match compare {
        Some(asked) => self::compare(desk, &vms, &domains, asked).await,
        None => Ok(()),
    }
}

/// Also of machines that are being made: their first boot is the load that people ask about first.
async fn record(desk: &Desk, vms: &[Vm], domains: &Domains) -> Result<()> {
    let at = chrono::Utc::now();
    let samples: Vec<_> = vms.iter().filter_map(|vm| sample(vm.id, domains.get(&vm.uuid)?)).collect();
    // A host on which nothing runs costs no disk write.
    if samples.is_empty() { Ok(()) } else { desk.repository().history().record(Look { at, samples }).await }
}

async fn compare(desk: &Desk, vms: &[Vm], domains: &Domains, asked: &AtomicI64) -> Result<()> {
    let addresses = addresses(desk, vms, domains, asked).await;
    let mut seen = Vec::new();
    for vm in vms.iter().filter(|vm| vm.status != VmStatus::Request) {
        let domain = domains.get(&vm.uuid);
        let now = state_of(domain.map(|domain| domain.state));
        if now != vm.state() {
            info!(vm = %vm.name, was = %vm.state(), %now, "a machine changed behind our back");
        }
        let address = addresses.get(&vm.uuid).copied().filter(|address| vm.ip != Some(*address));
        if let Some(address) = address {
            info!(vm = %vm.name, was = ?vm.ip, now = %address, "a machine has another address");
        }
        let run = domain.and_then(|domain| domain.run);
        // The run of a machine that is unknown is kept for when it is found again.
        let another_run = run != vm.run && now.status != VmStatus::Unknown;
        if now != vm.state() || address.is_some() || another_run {
            seen.push(Observation { uuid: vm.uuid, state: now, ip: address, run });
        }
    }
    desk.repository().vms().observe(seen).await
}

/// The addresses of the machines that run and whose addresses nobody fixed. One call tells the leases of all. Machines
/// that have none are asked about one by one: at once those that have come up or have no known address, the others in
/// turn.
async fn addresses(desk: &Desk, vms: &[Vm], domains: &Domains, asked: &AtomicI64) -> HashMap<Uuid, IpAddr> {
    let runs = |vm: &&Vm| {
        let now = state_of(domains.get(&vm.uuid).map(|domain| domain.state));
        now.status == VmStatus::On && vm.status != VmStatus::Request && !vm.ip_fixed
    };
    let running: Vec<_> = vms.iter().filter(runs).collect();
    if running.is_empty() {
        return HashMap::new();
    }
    let leases = leases(desk).await;
    let (leased, others): (Vec<_>, Vec<_>) = running.into_iter().partition(|vm| leases.contains_key(&vm.mac));
    let mut found: HashMap<_, _> = leased.iter().map(|vm| (vm.uuid, leases[&vm.mac])).collect();
    let is_new = |vm: &&Vm| {
        let run = domains.get(&vm.uuid).and_then(|domain| domain.run);
        vm.ip.is_none() || vm.status != VmStatus::On || run != vm.run
    };
    let (new, known): (Vec<_>, Vec<_>) = others.into_iter().partition(is_new);
    for vm in new.into_iter().chain(in_turn(known, asked)) {
        match desk.hypervisor().network().addresses(vm.uuid).await {
            Ok(addresses) if vm.ip.is_some_and(|ip| addresses.contains(&ip)) => {}
            Ok(addresses) => found.extend(addresses.first().map(|address| (vm.uuid, *address))),
            Err(error) => warn!(vm = %vm.name, %error, "the host does not say which address a machine has"),
        }
    }
    found
}

/// The newest lease of each hardware address; an IPv4 address before any other.
async fn leases(desk: &Desk) -> HashMap<MacAddress, IpAddr> {
    let leases = desk.hypervisor().network().leases().await.unwrap_or_else(|error| {
        warn!(%error, "the host does not say which addresses it has given out");
        Vec::new()
    });
    let mut newest = HashMap::new();
    for lease in leases {
        let known = newest.entry(lease.mac).or_insert(lease.address);
        if known.is_ipv6() && lease.address.is_ipv4() {
            *known = lease.address;
        }
    }
    newest
}

/// The next few machines behind the one that was asked about last.
fn in_turn<'a>(mut vms: Vec<&'a Vm>, asked: &AtomicI64) -> Vec<&'a Vm> {
    let last = asked.load(Ordering::Relaxed);
    vms.sort_by_key(|vm| (vm.id.0 <= last, vm.id.0));
    vms.truncate(ASKED_AT_ONCE);
    if let Some(vm) = vms.last() {
        asked.store(vm.id.0, Ordering::Relaxed);
    }
    vms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_come_to_late_does_not_shift_what_follows() {
        let (mut due, begin) = (Due::default(), Instant::now());
        let mut taken = |seconds| due.take(begin + Duration::from_secs_f64(seconds), Duration::from_secs(10));
        assert_eq!([0.0, 9.9, 10.4, 19.9, 20.0].map(&mut taken), [true, false, true, false, true]);
        assert_eq!([75.0, 80.0, 84.9, 85.0].map(&mut taken), [true, false, false, true]);
    }
}
