//! A desk from plain data, with the backends that this crate was built with.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::Vmm;
use crate::config::DeskConfig;
use crate::error::{Error, Result};
use crate::files::directory::DirectoryFiles;
use crate::host::{Host, Hypervisor};
#[cfg(feature = "ssh")]
use crate::model::Budget;
use crate::model::{DeskId, Role, UserFilter};
use crate::policy::Actor;
use crate::remote::RemoteExec;
use crate::repository::Repository;
use crate::repository::sqlite::SqliteRepository;
use crate::secrets::MasterKey;

impl Vmm {
    /// The parts that this crate was built without, with the consequences.
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
    /// If the database or the file area cannot be opened, the master key is not that of the database, or everybody may
    /// write into a directory of theirs.
    pub async fn open(config: &DeskConfig) -> Result<Self> {
        refuse_open_directories(config)?;
        let repository = SqliteRepository::open(&config.database).await?;
        let key = MasterKey::open(&config.master_key, &repository).await?;
        let files = DirectoryFiles::open(&config.files).await?;
        let hypervisor = hypervisor(config, repository.desk());
        let repository = Arc::new(repository);
        let builder = Self::builder(Arc::clone(&repository) as Arc<dyn Repository>, hypervisor, remote(config), key);
        builder.mail(repository).files(Arc::new(files)).settings(config.settings.clone()).build().await
    }
}

/// Why a desk cannot be opened for its users.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// A file that a desk begins with does not exist: the desk was never set up.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// Nobody could decide on a request or make an account.
    #[error("there is no admin in {}", .0.display())]
    NoAdmin(PathBuf),
    /// It cannot be opened.
    #[error(transparent)]
    Error(#[from] Error),
}

impl NotReady {
    /// Returns whether setting the desk up, as a program's `init` does, is what is missing.
    pub fn needs_set_up(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoAdmin(_))
    }
}

impl Vmm {
    /// Opens a desk that was set up: its database and master key exist, and it has an admin. Makes nothing that would
    /// hide that it was not.
    ///
    /// # Errors
    /// With what is missing, or as [`open`](Self::open).
    pub async fn open_ready(config: &DeskConfig) -> Result<Self, NotReady> {
        for path in [&config.database, &config.master_key] {
            if !path.exists() {
                return Err(NotReady::Missing(path.clone()));
            }
        }
        let vmm = Self::open(config).await?;
        let users = vmm.users(&Actor::System, &UserFilter::default()).await?;
        if users.iter().any(|user| user.role == Role::Admin) {
            Ok(vmm)
        } else {
            Err(NotReady::NoAdmin(config.database.clone()))
        }
    }

    /// Looks at the host of a configuration without a desk, for programs that check one before it is set up.
    ///
    /// # Errors
    /// If the host cannot be reached, or has no such pool or network.
    pub async fn look_at_host(config: &DeskConfig) -> Result<Host> {
        hypervisor(config, DeskId(Uuid::new_v4())).host().describe().await
    }
}

/// Whoever may write into a directory can put another database or another key there. A sticky one, as `/tmp` is, lets
/// nobody replace what others own.
fn refuse_open_directories(config: &DeskConfig) -> Result<()> {
    let parent = |file: &Path| file.parent().map(Path::to_owned);
    let directories = [
        ("database", parent(&config.database)),
        ("master_key", parent(&config.master_key)),
        ("files", Some(config.files.clone())),
    ];
    for (field, directory) in directories {
        let directory = directory.filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(PathBuf::from("."));
        // What is not there is told where it is needed.
        let Ok(metadata) = std::fs::metadata(&directory) else { continue };
        let mode = metadata.mode() & 0o7777;
        if mode & 0o1002 == 0o0002 {
            let shown = directory.display();
            let reason = format!("{shown} has mode {mode:03o}, so everybody may write there; run: chmod o-w {shown}");
            return Err(Error::invalid(field, reason));
        }
    }
    Ok(())
}

#[cfg(feature = "libvirt")]
fn hypervisor(config: &DeskConfig, desk: DeskId) -> Arc<dyn Hypervisor> {
    use crate::host::libvirt::{LibvirtConfig, LibvirtHypervisor};

    let mut libvirt = LibvirtConfig::new(desk);
    libvirt.uri.clone_from(&config.libvirt_uri);
    libvirt.pool.clone_from(&config.pool);
    libvirt.network.clone_from(&config.network);
    libvirt.virt_type = config.virt_type;
    Arc::new(LibvirtHypervisor::new(libvirt))
}

#[cfg(not(feature = "libvirt"))]
fn hypervisor(_: &DeskConfig, _: DeskId) -> Arc<dyn Hypervisor> {
    Arc::new(crate::host::AbsentHypervisor)
}

#[cfg(feature = "ssh")]
fn remote(config: &DeskConfig) -> Arc<dyn RemoteExec> {
    use crate::remote::libssh2::{Libssh2Config, Libssh2Exec};

    let all = |budget| config.settings.budgets.get(budget).all.unwrap_or_default();
    let mut ssh = Libssh2Config::default();
    // Calls and runs have places of their own among the sessions, and each machine that is made needs one.
    let sessions = all(Budget::Sessions) + all(Budget::RunPlaces) + config.settings.concurrent_jobs as u64;
    ssh.sessions = usize::try_from(sessions).unwrap_or(usize::MAX);
    Arc::new(Libssh2Exec::new(&ssh))
}

#[cfg(not(feature = "ssh"))]
fn remote(_: &DeskConfig) -> Arc<dyn RemoteExec> {
    Arc::new(crate::remote::AbsentRemote)
}
