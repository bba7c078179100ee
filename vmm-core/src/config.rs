//! Plain data to open a desk with. Nothing here reads the environment.

use std::time::Duration;

/// How a desk behaves. `Default` suits a small host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long a login lasts.
    pub session_lifetime: Duration,
    /// How many machines are made or removed at once.
    pub concurrent_jobs: usize,
    /// From a machine's start to its login answering and cloud-init being done.
    pub boot_deadline: Duration,
    /// How long a step waits for a hypervisor that does not answer, before its job is undone.
    pub outage_deadline: Duration,
    /// How often the host is compared with the records.
    pub sweep_interval: Duration,
    /// How far apart the samples of the machines' history are. The newest 361 are kept, for an hour.
    pub sample_interval: Duration,
    /// How long the record of a script's run is kept after its end.
    pub run_lifetime: Duration,
    /// How many ended runs of one script are kept, at least one.
    pub runs_kept: u32,
    /// The most bytes of one file in a file area.
    pub file_limit: u64,
    /// The most bytes of all files of one user.
    pub file_quota: u64,
    /// How much of a console log an error shows, in bytes.
    pub console_tail: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_lifetime: Duration::from_secs(12 * 3600),
            concurrent_jobs: 4,
            boot_deadline: Duration::from_secs(600),
            outage_deadline: Duration::from_secs(60),
            sweep_interval: Duration::from_secs(10),
            sample_interval: Duration::from_secs(10),
            run_lifetime: Duration::from_secs(90 * 24 * 3600),
            runs_kept: 100,
            file_limit: 1 << 30,
            file_quota: 10 << 30,
            console_tail: 2048,
        }
    }
}
