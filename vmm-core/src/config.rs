//! Plain data to open a desk with. Nothing here reads the environment.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::model::{Budget, BudgetLimits};

/// What a desk on one host is made of, for [`Vmm::open`](crate::Vmm::open). `Default` has the places of an installed vmm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeskConfig {
    /// The SQLite file.
    pub database: PathBuf,
    /// The file with the key that seals secrets in the database.
    pub master_key: PathBuf,
    /// The directory of users' files.
    pub files: PathBuf,
    /// What libvirt is connected to, in its own notation.
    pub libvirt_uri: String,
    /// The storage pool of all images and disks.
    pub pool: String,
    /// The network of the machines.
    pub network: String,
    /// How guests are run.
    pub virt_type: VirtType,
    /// How the desk behaves.
    pub settings: Settings,
}

impl Default for DeskConfig {
    fn default() -> Self {
        Self {
            database: "/var/lib/vmm/vmm.db".into(),
            master_key: "/var/lib/vmm/master.key".into(),
            files: "/var/lib/vmm/files".into(),
            libvirt_uri: "qemu:///system".to_owned(),
            pool: "default".to_owned(),
            network: "default".to_owned(),
            virt_type: VirtType::default(),
            settings: Settings::default(),
        }
    }
}

/// What is right in the place of a [`time`].
pub const TIME: &str = "a time like 90s, 10m or 12h, from 1s to 10000h";

impl DeskConfig {
    /// The names of all settings that [`set`](Self::set) knows, as they stand in a file.
    pub const KEYS: &'static [&'static str] = &[
        "database",
        "master_key",
        "files",
        "file_limit",
        "file_quota",
        "image_dirs",
        "libvirt_uri",
        "pool",
        "network",
        "virt_type",
        "session_lifetime",
        "concurrent_jobs",
        "boot_deadline",
        "outage_deadline",
        "sweep_interval",
        "run_lifetime",
        "runs_kept",
        "account_requests",
        "concurrent_requests",
        "account_streams",
        "concurrent_streams",
        "account_uploads",
        "concurrent_uploads",
        "account_machine_calls",
        "concurrent_machine_calls",
        "account_sessions",
        "concurrent_sessions",
        "account_runs",
        "concurrent_runs",
        "account_run_places",
        "concurrent_run_places",
        "account_files",
        "account_scripts",
        "account_script_bytes",
        "account_open_requests",
    ];

    /// Sets what one of [`KEYS`](Self::KEYS) names from a text, so that all programs of a desk read a setting in the same way.
    ///
    /// # Errors
    /// What would be right, to stand behind "which is not". Nothing is changed then.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), &'static str> {
        let settings = &mut self.settings;
        match key {
            "database" => self.database = path(text)?,
            "master_key" => self.master_key = path(text)?,
            "files" => self.files = path(text)?,
            "file_limit" => settings.file_limit = size(text)?,
            "file_quota" => settings.budgets.set_share(Budget::StoredBytes, size(text)?),
            "image_dirs" => settings.image_dirs = directories(text)?,
            "libvirt_uri" => self.libvirt_uri = filled(text)?,
            "pool" => self.pool = filled(text)?,
            "network" => self.network = filled(text)?,
            "virt_type" => self.virt_type = text.parse()?,
            "session_lifetime" => settings.session_lifetime = time(text)?,
            "concurrent_jobs" => settings.concurrent_jobs = count(text)?,
            "boot_deadline" => settings.boot_deadline = time(text)?,
            "outage_deadline" => settings.outage_deadline = time(text)?,
            "sweep_interval" => settings.sweep_interval = time(text)?,
            "run_lifetime" => settings.run_lifetime = time(text)?,
            "runs_kept" => settings.runs_kept = count(text)?,
            "account_script_bytes" => settings.budgets.set_share(Budget::ScriptBytes, size(text)?),
            key => {
                let (of, word) = key.split_once('_').ok_or("a setting")?;
                let budget = Budget::of_word(&word.replace('_', "-")).ok_or("a setting")?;
                match of {
                    "account" => settings.budgets.set_share(budget, count::<u32>(text)?.into()),
                    "concurrent" => settings.budgets.set_all(budget, count::<u32>(text)?.into()),
                    _ => return Err("a setting"),
                }
            }
        }
        Ok(())
    }
}

fn filled(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("a text") } else { Ok(text.to_owned()) }
}

fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() { Err("a path") } else { Ok(text.into()) }
}

/// Absolute paths with colons between, as in `PATH`.
fn directories(text: &str) -> Result<Vec<PathBuf>, &'static str> {
    let directories: Vec<_> = text.split(':').map(PathBuf::from).collect();
    let absolute = directories.iter().all(|directory| directory.is_absolute());
    if absolute { Ok(directories) } else { Err("the absolute path of a directory, or several with colons between") }
}

/// A number of things, at least one.
fn count<T: TryFrom<u32>>(text: &str) -> Result<T, &'static str> {
    let count = text.parse().ok().filter(|count| (1..=100_000).contains(count));
    count.and_then(|count| T::try_from(count).ok()).ok_or("a whole number from 1 to 100000")
}

/// So many bytes.
fn size(text: &str) -> Result<u64, &'static str> {
    let bits = |unit| match unit {
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        "TiB" => Some(40),
        _ => None,
    };
    let bytes = || {
        let (number, unit) = number_and_unit(text)?;
        number.checked_mul(1 << bits(unit)?)
    };
    // What the database can count ends at 2^63.
    bytes().filter(|bytes| (1..=1 << 62).contains(bytes)).ok_or("a size like 500MiB or 2GiB")
}

/// Reads a time as settings have it, like `90s`, `10m` or `12h`.
///
/// # Errors
/// What would be right.
pub fn time(text: &str) -> Result<Duration, &'static str> {
    let factor = |unit| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let seconds = || {
        let (number, unit) = number_and_unit(text)?;
        number.checked_mul(factor(unit)?)
    };
    seconds().filter(|seconds| (1..=36_000_000).contains(seconds)).map(Duration::from_secs).ok_or(TIME)
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    Some((number.parse().ok()?, unit))
}

/// How guests are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VirtType {
    /// KVM if a probe guest of some hundred bytes runs on it, otherwise emulation. That a host advertises KVM
    /// says little where it is itself a guest.
    #[default]
    Auto,
    /// Hardware virtualisation.
    Kvm,
    /// Emulation by QEMU, which runs everywhere and is slower by far.
    Qemu,
}

/// `auto`, `kvm` or `qemu`.
impl FromStr for VirtType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "kvm" => Ok(Self::Kvm),
            "qemu" => Ok(Self::Qemu),
            _ => Err("auto, kvm or qemu"),
        }
    }
}

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
    /// What one account may hold, and all together.
    pub budgets: BudgetLimits,
    /// The directories that images are imported from, beside uploaded files. Others are refused.
    pub image_dirs: Vec<PathBuf>,
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
            budgets: BudgetLimits::default(),
            image_dirs: vec!["/var/lib/vmm/images".into()],
            console_tail: 2048,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_set_and_says_what_would_be_right() {
        for key in DeskConfig::KEYS {
            let mut desk = DeskConfig::default();
            let right = desk.set(key, "").expect_err("nothing is no setting");
            assert_eq!((desk, right == "a setting"), (DeskConfig::default(), false), "{key}");
        }
        assert_eq!(DeskConfig::default().set("databse", "x"), Err("a setting"));
    }

    #[test]
    fn times_and_sizes_have_units() {
        let mut desk = DeskConfig::default();
        for (key, text) in [("boot_deadline", "15m"), ("file_limit", "2GiB"), ("runs_kept", "7"), ("virt_type", "kvm")]
        {
            desk.set(key, text).expect("a right setting");
        }
        let Settings { boot_deadline, file_limit, runs_kept, .. } = desk.settings;
        assert_eq!((boot_deadline, file_limit, runs_kept), (Duration::from_secs(900), 2 << 30, 7));
        assert_eq!(desk.virt_type, VirtType::Kvm);
        for (key, wrong) in [("boot_deadline", "15"), ("file_limit", "1GB"), ("runs_kept", "0"), ("virt_type", "xen")] {
            assert!(desk.set(key, wrong).is_err(), "{key} {wrong}");
        }
    }
}
