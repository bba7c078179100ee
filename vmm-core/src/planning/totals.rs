//! The totals of the machines of a request.

use crate::host::Host;
use crate::model::PlannedVm;

/// The totals of machines, to tell from which row on a host is overcommitted.
pub(super) struct Totals {
    pub(super) vcpus: u64,
    pub(super) memory: u64,
    pub(super) disk: u64,
}

impl Totals {
    /// Adds a machine and returns what to warn of from it on.
    pub(super) fn add(&mut self, vm: &PlannedVm, host: &Host) -> Vec<String> {
        let before = (self.memory, self.disk);
        self.vcpus += u64::from(vm.vcpu);
        self.memory += u64::from(vm.memory);
        self.disk += vm.disks.iter().map(|disk| u64::from(disk.size) << 30).sum::<u64>();
        let mut warnings = Vec::new();
        if vm.vcpu > host.vcpus {
            warnings.push(format!("needs {} processors, and the host has {}", vm.vcpu, host.vcpus));
        }
        if u64::from(vm.memory) > host.memory {
            warnings.push(format!("needs {} MiB of memory, and the host has {}", vm.memory, host.memory));
        }
        if before.0 <= host.memory && self.memory > host.memory {
            warnings.push(format!(
                "from this machine on all together ask for more memory than the host has: {} of {} MiB",
                self.memory, host.memory
            ));
        }
        if before.1 <= host.pool_available && self.disk > host.pool_available {
            warnings.push(format!(
                "from this machine on the disks of this request can outgrow the pool: {} of {} GiB free",
                self.disk >> 30,
                host.pool_available >> 30
            ));
        }
        warnings
    }
}

/// Bytes in whole GiB, rounded up.
pub(super) fn gib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 30)).unwrap_or(u32::MAX)
}
