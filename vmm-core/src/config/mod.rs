//! Plain data to open a desk with, and the one reader of settings. Nothing here reads the environment.

mod source;
mod value;
mod web;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::{Budget, BudgetLimits, named};

pub use source::{SettingError, SettingSource};
pub use value::{Addresses, Count, Directories, LogFormat, SettingValue, Size};
pub use web::{PublicUrl, SecondFactorUse, WebAccess};

/// The settings of a desk on one host, for [`Vmm::open`](crate::Vmm::open). `Default` has the places of an installed
/// vmm.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeskConfig {
    /// The SQLite file.
    pub database: PathBuf,
    /// The file with the key that seals secrets in the database.
    pub master_key: PathBuf,
    /// The directory of users' files.
    pub files: PathBuf,
    /// The URI of the host, in libvirt's notation.
    pub libvirt_uri: String,
    /// The storage pool of all images and disks.
    pub pool: String,
    /// The network of the machines.
    pub network: String,
    /// The way in which guests are run.
    pub virt_type: VirtType,
    /// The settings of the desk's behaviour.
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

impl DeskConfig {
    /// The names of all settings of a desk, as they stand in a file.
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
        "web_access",
        "second_factor",
        "public_url",
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

    /// Takes the settings of the desk from where somebody has written them; those that nobody has set have their
    /// default.
    ///
    /// # Errors
    /// If a setting cannot have the value that was written.
    pub fn read(source: &mut SettingSource) -> Result<Self, SettingError> {
        let mut desk = Self::default();
        for key in Self::KEYS {
            source.take_with(key, |text| desk.set(key, text))?;
        }
        Ok(desk)
    }

    /// Sets one of [`KEYS`](Self::KEYS) from a text, or fails with what would be right and changes nothing.
    fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        let settings = &mut self.settings;
        match key {
            "database" => self.database = value(text)?,
            "master_key" => self.master_key = value(text)?,
            "files" => self.files = value(text)?,
            "file_limit" => Size(settings.file_limit) = value(text)?,
            "file_quota" => settings.budgets.set_share(Budget::StoredBytes, value::<Size>(text)?.0),
            "image_dirs" => Directories(settings.image_dirs) = value(text)?,
            "libvirt_uri" => self.libvirt_uri = value(text)?,
            "pool" => self.pool = value(text)?,
            "network" => self.network = value(text)?,
            "virt_type" => self.virt_type = value(text)?,
            "session_lifetime" => settings.session_lifetime = value(text)?,
            "concurrent_jobs" => settings.concurrent_jobs = value::<Count>(text)?.0 as usize,
            "boot_deadline" => settings.boot_deadline = value(text)?,
            "outage_deadline" => settings.outage_deadline = value(text)?,
            "sweep_interval" => settings.sweep_interval = value(text)?,
            "run_lifetime" => settings.run_lifetime = value(text)?,
            "runs_kept" => Count(settings.runs_kept) = value(text)?,
            "second_factor" => settings.second_factor = value(text)?,
            "web_access" => settings.web_access = value(text)?,
            "public_url" => settings.public_url = value(text)?,
            "account_script_bytes" => settings.budgets.set_share(Budget::ScriptBytes, value::<Size>(text)?.0),
            key => {
                let unknown = || "a setting".to_owned();
                let (of, word) = key.split_once('_').ok_or_else(unknown)?;
                let budget = Budget::of_word(&word.replace('_', "-")).ok_or_else(unknown)?;
                let most = || value::<Count>(text).map(|Count(count)| u64::from(count));
                match of {
                    "account" => settings.budgets.set_share(budget, most()?),
                    "concurrent" => settings.budgets.set_all(budget, most()?),
                    _ => return Err(unknown()),
                }
            }
        }
        Ok(())
    }
}

/// Reads a value, or fails with what would be right.
fn value<T: SettingValue>(text: &str) -> Result<T, String> {
    T::from_text(text).ok_or_else(|| T::RIGHT.to_owned())
}

named! {
    /// The way in which guests are run.
    #[derive(Default)]
    VirtType {
        /// KVM if a probe guest of some hundred bytes runs on it, otherwise emulation. That a host advertises KVM
        /// says little where it is itself a guest.
        #[default]
        Auto = "auto",
        /// Hardware virtualisation.
        Kvm = "kvm",
        /// Emulation by QEMU, which runs everywhere and is slower by far.
        Qemu = "qemu",
    }
}

impl SettingValue for VirtType {
    const RIGHT: &'static str = "auto, kvm or qemu";

    fn from_text(text: &str) -> Option<Self> {
        Self::of_word(text)
    }
}

/// The settings of a desk's behaviour. `Default` suits a small host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The lifetime of a login.
    pub session_lifetime: Duration,
    /// The number of machines that are made or removed at once.
    pub concurrent_jobs: usize,
    /// From a machine's start to its login answering and cloud-init being done.
    pub boot_deadline: Duration,
    /// The time that a step waits for a hypervisor that does not answer, before its job is undone.
    pub outage_deadline: Duration,
    /// The interval at which the host is compared with the records.
    pub sweep_interval: Duration,
    /// The interval of the samples in the machines' history. The newest 361 are kept, for an hour.
    pub sample_interval: Duration,
    /// The time that the record of a script's run is kept after its end.
    pub run_lifetime: Duration,
    /// The number of ended runs of one script that are kept, at least one.
    pub runs_kept: u32,
    /// The most bytes of one file in a file area.
    pub file_limit: u64,
    /// The limits of one account, and of all accounts together.
    pub budgets: BudgetLimits,
    /// The directories that images are imported from, beside uploaded files. Others are refused.
    pub image_dirs: Vec<PathBuf>,
    /// The part of a console log that an error shows, in bytes.
    pub console_tail: usize,
    /// Who may use the web pages besides that of the own account.
    pub web_access: WebAccess,
    /// Who must have a second factor to use the rights of the role.
    pub second_factor: SecondFactorUse,
    /// Where browsers reach the web pages, if somebody has said it.
    pub public_url: Option<PublicUrl>,
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
            web_access: WebAccess::default(),
            second_factor: SecondFactorUse::default(),
            public_url: None,
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
        assert_eq!(DeskConfig::default().set("databse", "x"), Err("a setting".to_owned()));
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
