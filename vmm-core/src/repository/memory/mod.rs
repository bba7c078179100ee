//! The records in this process's memory.

mod audit;
mod bot_group;
mod disk;
mod effect;
mod file;
mod history;
mod idempotency;
mod job;
mod key;
mod link;
mod mail;
mod mail_post;
mod os;
mod record;
mod request;
mod run;
mod schedule;
mod script;
mod second_factor;
mod session;
mod state;
mod store;
mod table;
mod token;
mod user;
mod vm;

use uuid::Uuid;

use super::repository_over_store;
use crate::mail::mail_over_store;
use crate::model::DeskId;
use store::Store;

/// The records of a desk in memory, for tests of programs that embed vmm: nothing survives the process.
///
/// It is no fake: it keeps every promise of [`Repository`](super::Repository) but that one, and the contract suite of
/// vmm-testkit runs over it as over SQLite. Whoever shares one `Arc` of it uses one desk's records.
///
/// ```
/// use vmm_core::model::{AuditEntry, AuditFilter, AuditKey, NewUser, Outcome, PasswordHash, Role, UserName};
/// use vmm_core::repository::{Repository, memory::MemoryRepository};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> vmm_core::Result<()> {
/// let records = MemoryRepository::new();
/// // A `Vmm` gives the key of its master key; without one nothing that leaves an audit row can be changed.
/// records.audit().use_key(AuditKey::new([7; 32])).await?;
/// let (name, password) = (UserName::new("alice")?, PasswordHash::new("fits no password"));
/// let account = NewUser { name: name.clone(), password, chat_id: None, role: Role::Admin };
/// let (user, actor, action, target) = (None, "my test".to_owned(), "user.create", "user alice".into());
/// let (outcome, detail, finishes) = (Outcome::Done, "".into(), None);
/// let users = records.users();
/// users.create(account, AuditEntry { user, actor, action, target, outcome, detail, finishes }).await?;
/// assert!(users.by_name(&name).await?.is_some());
/// assert_eq!(records.audit().list(&AuditFilter::default()).await?.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct MemoryRepository {
    desk: DeskId,
    store: Store,
}

impl MemoryRepository {
    /// Makes the records of a new desk.
    pub fn new() -> Self {
        Self { desk: DeskId(Uuid::new_v4()), store: Store::default() }
    }
}

impl Default for MemoryRepository {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryRepository").field("desk", &self.desk).finish_non_exhaustive()
    }
}

repository_over_store!(MemoryRepository);
mail_over_store!(MemoryRepository);
