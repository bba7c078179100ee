//! A desk from plain data, with the backends that this crate was built with.

use std::sync::Arc;

use super::Vmm;
use crate::config::DeskConfig;
use crate::error::Result;
use crate::files::directory::DirectoryFiles;
use crate::hypervisor::Hypervisor;
use crate::model::DeskId;
use crate::remote::RemoteExec;
use crate::repository::Repository;
use crate::repository::sqlite::SqliteRepository;
use crate::secrets::MasterKey;

impl Vmm {
    /// What this crate was built without, and what follows from it.
    pub const MISSING: &[&str] = &[
        #[cfg(not(feature = "libvirt"))]
        "libvirt: machines can be neither made, seen nor switched",
        #[cfg(not(feature = "ssh"))]
        "ssh: no command can be run, and no machine becomes ready",
    ];

    /// Opens the desk on one host, and makes its database, master key and file area if they are not there. Their
    /// directories must be. Libvirt is connected to when it is first needed; what this crate was [built
    /// without](Self::MISSING) answers that it is not there.
    ///
    /// # Errors
    /// If the database or the file area cannot be opened, or the master key is not that of the database.
    pub async fn open(config: &DeskConfig) -> Result<Self> {
        let repository = SqliteRepository::open(&config.database).await?;
        let key = MasterKey::open(&config.master_key, &repository).await?;
        let files = DirectoryFiles::open(&config.files).await?;
        let hypervisor = hypervisor(config, repository.desk());
        let builder = Self::builder(Arc::new(repository), hypervisor, remote(), key);
        builder.files(Arc::new(files)).settings(config.settings.clone()).build().await
    }
}

#[cfg(feature = "libvirt")]
fn hypervisor(config: &DeskConfig, desk: DeskId) -> Arc<dyn Hypervisor> {
    use crate::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor};

    let mut libvirt = LibvirtConfig::new(desk);
    libvirt.uri.clone_from(&config.libvirt_uri);
    libvirt.pool.clone_from(&config.pool);
    libvirt.network.clone_from(&config.network);
    libvirt.virt_type = config.virt_type;
    Arc::new(LibvirtHypervisor::new(libvirt))
}

#[cfg(not(feature = "libvirt"))]
fn hypervisor(_: &DeskConfig, _: DeskId) -> Arc<dyn Hypervisor> {
    Arc::new(crate::hypervisor::AbsentHypervisor)
}

#[cfg(feature = "ssh")]
fn remote() -> Arc<dyn RemoteExec> {
    Arc::new(crate::remote::libssh2::Libssh2Exec::default())
}

#[cfg(not(feature = "ssh"))]
fn remote() -> Arc<dyn RemoteExec> {
    Arc::new(crate::remote::AbsentRemote)
}
