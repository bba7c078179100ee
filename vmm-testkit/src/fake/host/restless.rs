//! A hypervisor whose host never reports the same figures twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use vmm_core::Result;
use vmm_core::host::{
    Host, HostAdoption, HostConsole, HostDefinitions, HostDomains, HostInventory, HostNetwork, HostVolumes, Hypervisor,
};

/// Wraps a hypervisor and changes all that a host may change by itself in each answer of
/// [`describe`](HostInventory::describe): its
/// memory, processors, free space, version and name. No figure falls below half of what the host has. Clones share
/// their count of answers.
#[derive(Clone)]
pub struct Restless {
    host: Arc<dyn Hypervisor>,
    answers: Arc<AtomicU64>,
}

impl Restless {
    /// Wraps a hypervisor.
    pub fn new(host: impl Hypervisor + 'static) -> Self {
        Self { host: Arc::new(host), answers: Arc::default() }
    }

    /// Returns the number of times that the host was asked what it is.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

/// A number from half of `whole` up to `whole` and half as much again, another one in each answer.
fn vary(whole: u64, answer: u64) -> u64 {
    let (half, step) = (whole / 2, (answer * 37) % 101);
    half + whole * step / 100
}

#[async_trait]
impl HostInventory for Restless {
    async fn describe(&self) -> Result<Host> {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut host = self.host.host().describe().await?;
        host.name = if answer.is_multiple_of(2) { host.name } else { format!("{}.example.org", host.name) };
        host.hypervisor = format!("{} patch {answer}", host.hypervisor);
        host.vcpus = u32::try_from(vary(host.vcpus.into(), answer)).unwrap_or(host.vcpus).max(1);
        host.memory = vary(host.memory, answer);
        host.pool_capacity = vary(host.pool_capacity, answer);
        host.pool_available = vary(host.pool_available, answer).min(host.pool_capacity);
        Ok(host)
    }
}

impl Hypervisor for Restless {
    fn host(&self) -> &dyn HostInventory {
        self
    }
    fn volumes(&self) -> &dyn HostVolumes {
        self.host.volumes()
    }
    fn network(&self) -> &dyn HostNetwork {
        self.host.network()
    }
    fn domains(&self) -> &dyn HostDomains {
        self.host.domains()
    }
    fn definitions(&self) -> &dyn HostDefinitions {
        self.host.definitions()
    }
    fn adoption(&self) -> &dyn HostAdoption {
        self.host.adoption()
    }
    fn console(&self) -> &dyn HostConsole {
        self.host.console()
    }
}
