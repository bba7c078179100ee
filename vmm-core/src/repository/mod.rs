//! The traits of a store of records, one for each resource.
//!
//! Every method that a person's operation calls to change something takes an
//! [`AuditEntry`](crate::model::AuditEntry) and writes it in the same transaction: no audit row, no change. Methods of
//! the job log take none; the log itself is their record.

mod audit;
mod bot_group;
mod disk;
mod file;
mod history;
mod idempotency;
mod job;
mod key;
mod link;
mod os;
mod request;
mod run;
mod schedule;
mod script;
mod second_factor;
mod session;
mod token;
mod user;
mod vm;

pub mod chain;
pub mod memory;
pub mod outcome;
pub mod refusal;
pub mod rules;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use crate::model::DeskId;

pub use self::{
    audit::AuditRepository,
    bot_group::{BotGroupRepository, MOST_GROUPS},
    disk::DiskRepository,
    file::FileRepository,
    history::{HistoryRepository, KEPT_LOOKS, LOOK_LIFETIME},
    idempotency::{IdempotencyRepository, MOST_KEPT_ANSWERS, MOST_KEPT_BYTES},
    job::JobRepository,
    key::KeyRepository,
    link::LinkRepository,
    os::OsRepository,
    request::{RequestRepository, Submitted},
    run::RunRepository,
    schedule::{KEPT_FIRINGS, MOST_SCHEDULES, ScheduleRepository},
    script::ScriptRepository,
    second_factor::SecondFactorRepository,
    session::SessionRepository,
    token::{MOST_TOKENS, TokenRepository},
    user::UserRepository,
    vm::VmRepository,
};
#[cfg(any(test, feature = "mock"))]
pub use self::{
    audit::MockAuditRepository, bot_group::MockBotGroupRepository, disk::MockDiskRepository, file::MockFileRepository,
    history::MockHistoryRepository, idempotency::MockIdempotencyRepository, job::MockJobRepository,
    key::MockKeyRepository, link::MockLinkRepository, os::MockOsRepository, request::MockRequestRepository,
    run::MockRunRepository, schedule::MockScheduleRepository, script::MockScriptRepository,
    second_factor::MockSecondFactorRepository, session::MockSessionRepository, token::MockTokenRepository,
    user::MockUserRepository, vm::MockVmRepository,
};

/// The records of one desk.
///
/// # Contract
/// - A method is atomic: it does all or nothing, also when the process dies in it.
/// - What a method has acknowledged survives the process.
/// - A change that does not fit the present state is [`Conflict`](crate::Error::Conflict); of several racing ones
///   exactly one wins.
/// - A store that cannot be reached or is out of space is [`Unavailable`](crate::Error::Unavailable).
/// - Ids are never reused.
/// - A change of a record raises its revision by one. One that is told which revision to `expect` and finds another is
///   [`Stale`](crate::Error::Stale) and changes nothing.
pub trait Repository: Send + Sync {
    /// The desk that these are the records of.
    fn desk(&self) -> DeskId;
    /// The secrets that are sealed with the master key.
    fn keys(&self) -> &dyn KeyRepository;
    /// Accounts.
    fn users(&self) -> &dyn UserRepository;
    /// Logins.
    fn sessions(&self) -> &dyn SessionRepository;
    /// Second factors of accounts.
    fn second_factors(&self) -> &dyn SecondFactorRepository;
    /// API tokens.
    fn tokens(&self) -> &dyn TokenRepository;
    /// Codes that bind a chat to an account.
    fn links(&self) -> &dyn LinkRepository;
    /// Groups that an admin has allowed.
    fn groups(&self) -> &dyn BotGroupRepository;
    /// The catalog.
    fn oses(&self) -> &dyn OsRepository;
    /// Machines.
    fn vms(&self) -> &dyn VmRepository;
    /// Figures of the last hour.
    fn history(&self) -> &dyn HistoryRepository;
    /// Disks of machines.
    fn disks(&self) -> &dyn DiskRepository;
    /// Requests.
    fn requests(&self) -> &dyn RequestRepository;
    /// Long operations.
    fn jobs(&self) -> &dyn JobRepository;
    /// Keys of calls that may be repeated.
    fn idempotency(&self) -> &dyn IdempotencyRepository;
    /// Files of users.
    fn files(&self) -> &dyn FileRepository;
    /// Named scripts.
    fn scripts(&self) -> &dyn ScriptRepository;
    /// Schedules of scripts.
    fn schedules(&self) -> &dyn ScheduleRepository;
    /// Runs of scripts.
    fn runs(&self) -> &dyn RunRepository;
    /// The record of who did what.
    fn audit(&self) -> &dyn AuditRepository;
}

/// Implements [`Repository`] for a type whose field `desk` is the desk's id, and whose field `store` implements the
/// trait of every resource.
macro_rules! repository_over_store {
    ($repository:ty) => {
        impl $crate::repository::Repository for $repository {
            fn desk(&self) -> $crate::model::DeskId {
                self.desk
            }
            fn keys(&self) -> &dyn $crate::repository::KeyRepository {
                &self.store
            }
            fn users(&self) -> &dyn $crate::repository::UserRepository {
                &self.store
            }
            fn sessions(&self) -> &dyn $crate::repository::SessionRepository {
                &self.store
            }
            fn second_factors(&self) -> &dyn $crate::repository::SecondFactorRepository {
                &self.store
            }
            fn tokens(&self) -> &dyn $crate::repository::TokenRepository {
                &self.store
            }
            fn links(&self) -> &dyn $crate::repository::LinkRepository {
                &self.store
            }
            fn groups(&self) -> &dyn $crate::repository::BotGroupRepository {
                &self.store
            }
            fn oses(&self) -> &dyn $crate::repository::OsRepository {
                &self.store
            }
            fn vms(&self) -> &dyn $crate::repository::VmRepository {
                &self.store
            }
            fn history(&self) -> &dyn $crate::repository::HistoryRepository {
                &self.store
            }
            fn disks(&self) -> &dyn $crate::repository::DiskRepository {
                &self.store
            }
            fn requests(&self) -> &dyn $crate::repository::RequestRepository {
                &self.store
            }
            fn jobs(&self) -> &dyn $crate::repository::JobRepository {
                &self.store
            }
            fn idempotency(&self) -> &dyn $crate::repository::IdempotencyRepository {
                &self.store
            }
            fn files(&self) -> &dyn $crate::repository::FileRepository {
                &self.store
            }
            fn scripts(&self) -> &dyn $crate::repository::ScriptRepository {
                &self.store
            }
            fn schedules(&self) -> &dyn $crate::repository::ScheduleRepository {
                &self.store
            }
            fn runs(&self) -> &dyn $crate::repository::RunRepository {
                &self.store
            }
            fn audit(&self) -> &dyn $crate::repository::AuditRepository {
                &self.store
            }
        }
    };
}
pub(crate) use repository_over_store;
