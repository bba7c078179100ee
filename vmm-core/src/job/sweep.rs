//! Looks at the host: compares it with the records, so that what happened behind vmm's back is seen, and takes the
//! samples of the machines' history.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::Result;
use crate::hypervisor::Domain;
use crate::model::{Look, Seen, Vm, VmFilter, VmState, VmStatus};
use crate::ops::{sample, state_of};
use crate::vmm::Desk;

/// Looks whenever something is due, never twice at once. One look serves all that is due then.
pub(super) struct Sweep {
    desk: Desk,
    comparison: Due,
    samples: Due,
    running: Option<JoinHandle<()>>,
}

/// When something was due last.
#[derive(Default)]
struct Due(Option<Instant>);

impl Due {
    /// Whether it is to be done now. The next time is an interval after this one, not after when it was come to, so that
    /// what is asked for every ten seconds happens six times a minute.
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
        Self { desk, comparison: Due::default(), samples: Due::default(), running: None }
    }

    pub(super) fn start_if_due(&mut self, now: Instant) {
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let settings = self.desk.settings();
        let compare = self.comparison.take(now, settings.sweep_interval);
        let sample = self.samples.take(now, settings.sample_interval);
        if compare || sample {
            let desk = self.desk.clone();
            self.running = Some(tokio::spawn(async move {
                if let Err(error) = look(&desk, compare, sample).await {
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

async fn look(desk: &Desk, compare: bool, sample: bool) -> Result<()> {
    let vms = desk.repository().vms().list(&VmFilter::default()).await?;
    if vms.is_empty() {
        return Ok(());
    }
    let domains = desk.hypervisor().domains().await?;
    let domains: Domains = domains.into_iter().map(|domain| (domain.uuid, domain)).collect();
    if sample && let Err(error) = record(desk, &vms, &domains).await {
        warn!(%error, "the figures of the machines could not be recorded");
    }
    if compare { self::compare(desk, &vms, &domains).await } else { Ok(()) }
}

/// Also of machines that are being made: their first boot is the load that people ask about first.
async fn record(desk: &Desk, vms: &[Vm], domains: &Domains) -> Result<()> {
    let at = chrono::Utc::now();
    let samples: Vec<_> = vms.iter().filter_map(|vm| sample(vm.id, domains.get(&vm.uuid)?)).collect();
    // A host on which nothing runs costs no disk write.
    if samples.is_empty() { Ok(()) } else { desk.repository().history().record(Look { at, samples }).await }
}

async fn compare(desk: &Desk, vms: &[Vm], domains: &Domains) -> Result<()> {
    let mut seen = Vec::new();
    for vm in vms.iter().filter(|vm| vm.status != VmStatus::Request) {
        let domain = domains.get(&vm.uuid);
        let now = state_of(domain.map(|domain| domain.state));
        if now != vm.state() {
            info!(vm = %vm.name, was = %vm.state(), %now, "a machine changed behind our back");
        }
        let address = address_if_unknown(desk, vm, now).await?;
        let run = domain.and_then(|domain| domain.run);
        // The run of a machine that is unknown is kept for when it is found again.
        let another_run = run != vm.run && now.status != VmStatus::Unknown;
        if now != vm.state() || address.is_some() || another_run {
            seen.push(Seen { uuid: vm.uuid, state: now, ip: address, run });
        }
    }
    desk.repository().vms().observe(seen).await
}

/// Asks only for machines that have just come up, or were never seen with an address: it is a call for each of them.
async fn address_if_unknown(desk: &Desk, vm: &Vm, now: VmState) -> Result<Option<IpAddr>> {
    let came_up = now.status == VmStatus::On && vm.status != VmStatus::On;
    let unknown = now.status == VmStatus::On && vm.ip.is_none();
    if vm.ip_fixed || !(came_up || unknown) {
        return Ok(None);
    }
    Ok(desk.hypervisor().addresses(vm.uuid).await?.into_iter().next())
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
