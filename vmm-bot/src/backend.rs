//! Puts the desk together from the settings.

use std::sync::Arc;

use vmm_core::files::directory::DirectoryFiles;
use vmm_core::hypervisor::Hypervisor;
use vmm_core::model::DeskId;
use vmm_core::remote::RemoteExec;
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{MasterKey, Vmm};

use crate::Failed;
use crate::config::Desk;

/// What this program was built without.
pub(crate) const MISSING: &[&str] = &[
    #[cfg(not(feature = "libvirt"))]
    "libvirt: machines can be neither seen nor switched",
    #[cfg(not(feature = "ssh"))]
    "ssh: no command can be run",
];

/// Opens the desk, which `vmm-http init` has made.
pub(crate) async fn open(desk: &Desk) -> Result<Vmm, Failed> {
    for path in [&desk.database, &desk.master_key] {
        if !path.exists() {
            return Err(format!("{} is not there; run vmm-http init", path.display()).into());
        }
    }
    let repository = SqliteRepository::open(&desk.database).await?;
    let key = MasterKey::open(&desk.master_key, &repository).await?;
    let files = DirectoryFiles::open(&desk.files).await?;
    let hypervisor = hypervisor(desk, repository.desk());
    Ok(Vmm::builder(Arc::new(repository), hypervisor, remote(), key).files(Arc::new(files)).build().await?)
}

#[cfg(feature = "libvirt")]
fn hypervisor(desk: &Desk, id: DeskId) -> Arc<dyn Hypervisor> {
    use vmm_core::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};

    let mut libvirt = LibvirtConfig::new(id);
    libvirt.uri.clone_from(&desk.libvirt_uri);
    libvirt.pool.clone_from(&desk.pool);
    libvirt.network.clone_from(&desk.network);
    libvirt.virt_type = match desk.virt_type {
        crate::config::VirtType::Auto => VirtType::Auto,
        crate::config::VirtType::Kvm => VirtType::Kvm,
        crate::config::VirtType::Qemu => VirtType::Qemu,
    };
    Arc::new(LibvirtHypervisor::new(libvirt))
}

#[cfg(not(feature = "libvirt"))]
fn hypervisor(_: &Desk, _: DeskId) -> Arc<dyn Hypervisor> {
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
