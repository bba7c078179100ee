//! Figures of machines as they were.

use super::{Timestamp, VmId};

/// A machine that ran, at one moment. Counters run from its start; what the host did not say then is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Whose.
    pub vm: VmId,
    /// The number of its run, if the host counts.
    pub run: Option<u32>,
    /// Virtual processors.
    pub vcpu: u32,
    /// Processor time used, in nanoseconds.
    pub cpu_time: u64,
    /// Memory that the guest uses, in KiB; known when its balloon driver reports.
    pub memory_used: Option<u64>,
    /// Memory that the host spends on it, in KiB.
    pub memory_resident: u64,
    /// Bytes read from all its disks.
    pub disk_read: Option<u64>,
    /// Bytes written to all its disks.
    pub disk_written: Option<u64>,
    /// Bytes received through all its network interfaces.
    pub net_received: Option<u64>,
    /// Bytes sent through all its network interfaces.
    pub net_sent: Option<u64>,
}

/// The samples of one look at the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// When the host was asked.
    pub at: Timestamp,
    /// One for each machine that ran.
    pub samples: Vec<Sample>,
}
