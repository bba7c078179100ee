//! Compares the records with the host, so that what happened behind vmm's back is seen.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::error::Result;
use crate::model::{Seen, Vm, VmFilter, VmStatus};
use crate::ops::status;
use crate::vmm::Desk;

/// Starts a comparison at every interval, never two at once.
pub(super) struct Sweep {
    desk: Desk,
    last: Option<Instant>,
    running: Option<JoinHandle<()>>,
}

impl Sweep {
    pub(super) fn new(desk: Desk) -> Self {
        Self { desk, last: None, running: None }
    }

    pub(super) fn start_if_due(&mut self, now: Instant) {
        let interval: Duration = self.desk.settings().sweep_interval;
        let due = self.last.is_none_or(|last| now.duration_since(last) >= interval);
        let free = self.running.as_ref().is_none_or(JoinHandle::is_finished);
        if due && free {
            self.last = Some(now);
            let desk = self.desk.clone();
            self.running = Some(tokio::spawn(async move {
                if let Err(error) = sweep(&desk).await {
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

async fn sweep(desk: &Desk) -> Result<()> {
    let vms = desk.repository().vms().list(&VmFilter::default()).await?;
    if vms.is_empty() {
        return Ok(());
    }
    let domains = desk.hypervisor().domains().await?;
    let domains: HashMap<_, _> = domains.into_iter().map(|domain| (domain.uuid, domain)).collect();
    let mut seen = Vec::new();
    for vm in vms.iter().filter(|vm| vm.status != VmStatus::Request) {
        let domain = domains.get(&vm.uuid);
        let now = status(domain.map(|domain| domain.state));
        if now != vm.status {
            info!(vm = %vm.name, was = %vm.status, %now, "a machine changed behind our back");
        }
        let address = address_if_unknown(desk, vm, now).await?;
        let run = domain.and_then(|domain| domain.run);
        if now != vm.status || address.is_some() || run != vm.run {
            seen.push(Seen { uuid: vm.uuid, status: now, ip: address, run });
        }
    }
    desk.repository().vms().observe(seen).await
}

/// Asks only for machines that have just come up, or were never seen with an address: it is a call for each of them.
async fn address_if_unknown(desk: &Desk, vm: &Vm, now: VmStatus) -> Result<Option<IpAddr>> {
    let came_up = now == VmStatus::On && vm.status == VmStatus::Off;
    let unknown = now == VmStatus::On && vm.ip.is_none();
    if vm.ip_fixed || !(came_up || unknown) {
        return Ok(None);
    }
    Ok(desk.hypervisor().addresses(vm.uuid).await?.into_iter().next())
}
