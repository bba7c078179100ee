//! The one door: everything that can be done with a desk is a method of [`Vmm`].

mod content;
pub(crate) mod definition;
mod gate;
mod glance;
mod health;
mod holders;
pub(crate) mod image;
mod machine;
#[cfg(feature = "sqlite")]
mod open;
mod recent;
mod runs;
mod state;
mod state_cache;
mod survey;

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::attempts::Attempts;
use crate::budget::Budgets;
use crate::config::Settings;
use crate::error::Result;
use crate::files::FileStore;
use crate::host::Hypervisor;
use crate::mail::MailStore;
use crate::model::UsedRight;
use crate::password::Passwords;
use crate::policy::{Policy, RolePolicy};
use crate::remote::RemoteExec;
use crate::repository::Repository;
use crate::secrets::{MasterKey, Secrets};

pub use definition::DefinitionLook;
pub(crate) use gate::Desk;
pub(crate) use glance::Glance;
use glance::Glances;
pub use health::{Health, PartHealth};
use holders::Holders;
pub(crate) use machine::Machine;
#[cfg(feature = "sqlite")]
pub use open::NotReady;
use recent::Recent;
pub(crate) use runs::Order;
use runs::Runs;
pub(crate) use state::{check_off, check_on, require_tagged, state_now, untagged};
use state_cache::StateCache;
pub(crate) use survey::{in_turn, plan, plan_again, room, survey};

/// A desk. Cheap to clone; all clones are the same desk.
///
/// Every operation takes the [`Actor`](crate::Actor) who asks, is decided on by the [`Policy`], and, if it changes
/// something, leaves a row in the audit log.
#[derive(Clone)]
pub struct Vmm {
    // Private to this module and its gate: an operation reaches the backends through the gate or not at all.
    backends: Arc<Backends>,
    /// The rights that were made use of, if somebody wants to know.
    rights: Option<Arc<Mutex<Vec<UsedRight>>>>,
}

struct Backends {
    repository: Arc<dyn Repository>,
    hypervisor: Arc<dyn Hypervisor>,
    remote: Arc<dyn RemoteExec>,
    files: Option<Arc<dyn FileStore>>,
    mail: Option<Arc<dyn MailStore>>,
    policy: Arc<dyn Policy>,
    secrets: Secrets,
    passwords: Passwords,
    attempts: Attempts,
    holders: Holders,
    glances: Glances,
    budgets: Budgets,
    settings: Settings,
    runs: Runs,
    work: Notify,
    states: StateCache,
    health: Recent<Health>,
}

impl Vmm {
    /// Puts a desk together from its backends.
    pub fn builder(
        repository: Arc<dyn Repository>,
        hypervisor: Arc<dyn Hypervisor>,
        remote: Arc<dyn RemoteExec>,
        secrets: MasterKey,
    ) -> VmmBuilder {
        VmmBuilder {
            repository,
            hypervisor,
            remote,
            secrets,
            files: None,
            mail: None,
            policy: Arc::new(RolePolicy),
            settings: Settings::default(),
        }
    }
}

impl std::fmt::Debug for Vmm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vmm").field("desk", &self.backends.repository.desk()).finish_non_exhaustive()
    }
}

/// Puts a desk together; see [`Vmm::builder`].
pub struct VmmBuilder {
    repository: Arc<dyn Repository>,
    hypervisor: Arc<dyn Hypervisor>,
    remote: Arc<dyn RemoteExec>,
    secrets: MasterKey,
    files: Option<Arc<dyn FileStore>>,
    mail: Option<Arc<dyn MailStore>>,
    policy: Arc<dyn Policy>,
    settings: Settings,
}

impl VmmBuilder {
    /// Another policy than [`RolePolicy`].
    #[must_use]
    pub fn policy(self, policy: Arc<dyn Policy>) -> Self {
        Self { policy, ..self }
    }

    /// A place for users' files. Without one the desk has no file area.
    #[must_use]
    pub fn files(self, files: Arc<dyn FileStore>) -> Self {
        Self { files: Some(files), ..self }
    }

    /// A place for the mail of chat bots, in the store of the records. Without one no bot can serve the desk.
    #[must_use]
    pub fn mail(self, mail: Arc<dyn MailStore>) -> Self {
        Self { mail: Some(mail), ..self }
    }

    /// Other settings than the default.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The desk. Its jobs wait until [`Vmm::work`] runs.
    ///
    /// # Errors
    /// [`Invalid`](crate::Error::Invalid) if the master key is not the one that belongs to the records.
    pub async fn build(self) -> Result<Vmm> {
        let Self { repository, hypervisor, remote, secrets, files, mail, policy, settings } = self;
        let secrets = Secrets::open(&secrets, repository.as_ref()).await?;
        Ok(Vmm {
            rights: None,
            backends: Arc::new(Backends {
                repository,
                hypervisor,
                remote,
                files,
                mail,
                policy,
                secrets,
                passwords: Passwords::default(),
                attempts: Attempts::default(),
                holders: Holders::default(),
                glances: Glances::default(),
                budgets: Budgets::new(settings.budgets.clone()),
                settings,
                runs: Runs::default(),
                work: Notify::new(),
                states: StateCache::default(),
                health: Recent::default(),
            }),
        })
    }
}
