//! Figures of machines.

use std::net::IpAddr;
use std::time::Duration;

use chrono::Utc;
use tracing::warn;

use crate::budget::Place;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::host::{Domain, DomainState, Statistics, seen, state_of};
use crate::model::{Budget, Vm, VmName, VmStatus};
use crate::policy::Actor;

/// The time between the two measurements from which a processor load is computed.
const LOAD_INTERVAL: Duration = Duration::from_millis(500);

/// A machine at this moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Monitor {
    /// Its record, with its state of this moment.
    pub vm: Vm,
    /// The state of its domain; `None` if the host does not have it.
    pub state: Option<DomainState>,
    /// For how long it has been seen running: since vmm started it, or found it on after it was off, which is up to the
    /// sweep's interval later than it came on. A reboot by the guest does not end it. `None` if it does not run, or was
    /// running already when vmm first saw it.
    pub uptime: Option<Duration>,
    /// Share of its virtual processors that was busy in the last half second, in percent.
    pub cpu_percent: Option<f64>,
    /// Its figures.
    pub statistics: Statistics,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl Vmm {
    /// A machine's state, load and figures at this moment. Takes half a second for a running machine.
    ///
    /// # Errors
    /// `Conflict` for a machine that does not exist yet, `Unavailable` if the host does not answer.
    pub async fn monitor(&self, actor: &Actor, name: &VmName) -> Result<Monitor> {
        let (desk, vm) = self.monitored(actor, name).await?;
        let _call = monitor_call(&desk, actor)?;
        figures(&desk, vm).await
    }
}

/// Takes a place among the calls that wait for machines.
pub(in crate::ops) fn monitor_call(desk: &Desk, actor: &Actor) -> Result<Place> {
    desk.budgets().take(Budget::MachineCalls, actor.into())
}

/// Returns the present figures of a machine.
pub(in crate::ops) async fn figures(desk: &Desk, vm: Vm) -> Result<Monitor> {
    let hypervisor = desk.hypervisor();
    let (Some(before), since) = (hypervisor.domains().by_id(vm.uuid).await?, tokio::time::Instant::now()) else {
        return Ok(Monitor {
            vm: vm.with_state(state_of(None)),
            state: None,
            uptime: None,
            cpu_percent: None,
            statistics: Statistics::default(),
            addresses: Vec::new(),
        });
    };
    if before.state != DomainState::Running {
        return Ok(Monitor {
            uptime: uptime(&vm, &before),
            vm: vm.with_state(state_of(Some(before.state))),
            state: Some(before.state),
            cpu_percent: None,
            statistics: before.statistics,
            addresses: Vec::new(),
        });
    }
    let (addresses, ()) = tokio::join!(hypervisor.network().addresses(vm.uuid), tokio::time::sleep(LOAD_INTERVAL));
    let after = hypervisor.domains().by_id(vm.uuid).await?.ok_or_else(|| Error::not_found(Kind::Domain, &vm.name))?;
    let wall = since.elapsed().as_nanos() as f64 * f64::from(after.statistics.vcpu.max(1));
    let addresses = addresses.unwrap_or_default();
    follow(desk, &vm, &after, &addresses).await;
    let busy = after.statistics.cpu_time.saturating_sub(before.statistics.cpu_time) as f64;
    Ok(Monitor {
        uptime: uptime(&vm, &after),
        cpu_percent: Some((100.0 * busy / wall).clamp(0.0, 100.0)),
        vm: vm.with_state(state_of(Some(after.state))),
        state: Some(after.state),
        statistics: after.statistics,
        addresses,
    })
}

/// Records the address of a machine that was found to have another one.
async fn follow(desk: &Desk, vm: &Vm, domain: &Domain, addresses: &[IpAddr]) {
    let moved = !vm.ip_fixed && vm.ip.is_none_or(|ip| !addresses.contains(&ip));
    let Some(address) = addresses.first().filter(|_| moved) else { return };
    if let Err(error) = desk.repository().vms().observe(vec![seen(domain, Some(*address))]).await {
        warn!(vm = %vm.name, %error, "a machine's address could not be recorded; the sweep looks again");
    }
}

/// For how long the recorded run goes on. A run that the sweep has not seen yet began at a moment that nobody knows.
fn uptime(vm: &Vm, domain: &Domain) -> Option<Duration> {
    let same = domain.run.is_none() || domain.run == vm.run;
    let since = vm.on_since.filter(|_| same && state_of(Some(domain.state)).status == VmStatus::On)?;
    Some(Utc::now().signed_duration_since(since).to_std().unwrap_or_default())
}
