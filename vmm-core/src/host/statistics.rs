//! The figures of a domain.

/// Figures of a domain. Counters run from the domain's start.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Processor time used, in nanoseconds.
    pub cpu_time: u64,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory given to the guest, in KiB.
    pub memory_current: u64,
    /// Memory that the guest does not use, in KiB; known when its balloon driver reports.
    pub memory_unused: Option<u64>,
    /// Memory that the host spends on it, in KiB.
    pub memory_resident: u64,
    /// Each disk.
    pub disks: Vec<DiskStatistics>,
    /// Each network interface.
    pub interfaces: Vec<InterfaceStatistics>,
}

/// Figures of one disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStatistics {
    /// `vda`, …
    pub name: String,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
    /// The size that the guest sees, in bytes.
    pub capacity: u64,
    /// The space that the host spends, in bytes.
    pub allocation: u64,
}

/// Figures of one network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceStatistics {
    /// The host's name of it.
    pub name: String,
    /// Bytes that the guest received.
    pub received: u64,
    /// Bytes that the guest sent.
    pub sent: u64,
}
