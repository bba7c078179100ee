//! Puts the desk together from the settings.

use std::sync::Arc;

use vmm_core::files::directory::DirectoryFiles;
use vmm_core::hypervisor::Hypervisor;
use vmm_core::model::DeskId;
use vmm_core::remote::RemoteExec;
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{MasterKey, Result, Settings, Vmm};

use crate::config::Config;

/// What this program was built without.
pub(crate) const MISSING: &[&str] = &[
    #[cfg(not(feature = "libvirt"))]
    "libvirt: machines can be neither made nor seen",
    #[cfg(not(feature = "ssh"))]
    "ssh: no command can be run, and no machine becomes ready",
];

/// Opens the desk, and makes its database, master key and file area if they are not there.
pub(crate) async fn open(config: &Config) -> Result<Vmm> {
    let repository = SqliteRepository::open(&config.database).await?;
    let key = MasterKey::open(&config.master_key, &repository).await?;
    let files = DirectoryFiles::open(&config.files).await?;
    let hypervisor = hypervisor(config, repository.desk());
    Vmm::builder(Arc::new(repository), hypervisor, remote(), key)
        .files(Arc::new(files))
        .settings(settings(config))
        .build()
        .await
}

fn settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    settings.session_lifetime = config.session_lifetime;
    settings.concurrent_jobs = config.concurrent_jobs.0;
    settings.boot_deadline = config.boot_deadline;
    settings.outage_deadline = config.outage_deadline;
    settings.sweep_interval = config.sweep_interval;
    settings.run_lifetime = config.run_lifetime;
    settings.runs_kept = u32::try_from(config.runs_kept.0).unwrap_or(u32::MAX);
    settings.file_limit = config.file_limit.0;
    settings.file_quota = config.file_quota.0;
    settings
}

#[cfg(feature = "libvirt")]
fn hypervisor(config: &Config, desk: DeskId) -> Arc<dyn Hypervisor> {
    use vmm_core::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};

    let mut libvirt = LibvirtConfig::new(desk);
    libvirt.uri.clone_from(&config.libvirt_uri);
    libvirt.pool.clone_from(&config.pool);
    libvirt.network.clone_from(&config.network);
    libvirt.virt_type = match config.virt_type {
        crate::config::VirtType::Auto => VirtType::Auto,
        crate::config::VirtType::Kvm => VirtType::Kvm,
        crate::config::VirtType::Qemu => VirtType::Qemu,
    };
    Arc::new(LibvirtHypervisor::new(libvirt))
}

#[cfg(not(feature = "libvirt"))]
fn hypervisor(_: &Config, _: DeskId) -> Arc<dyn Hypervisor> {
    Arc::new(vmm_core::hypervisor::AbsentHypervisor)
}

#[cfg(feature = "ssh")]
fn remote() -> Arc<dyn RemoteExec> {
    Arc::new(vmm_core::remote::libssh2::Libssh2Exec::default())
}

#[cfg(not(feature = "ssh"))]
fn remote() -> Arc<dyn RemoteExec> {
    Arc::new(vmm_core::remote::AbsentRemote)
}
