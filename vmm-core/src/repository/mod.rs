//! What vmm needs from a store of records, one trait for each resource.
//!
//! Every method that a person's operation calls to change something takes an [`AuditEntry`] and writes it in the same
//! transaction: no audit row, no change. Methods of the job log take none; the log itself is their record.

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

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::error::Result;
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, DeskId, NewPost, Post, PostId, Question, RequestEvent,
    RequestEventId, Timestamp, ToldMenu, WaitingPost,
};

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
    request::{KEPT_REQUEST_EVENTS, RequestRepository, Submitted},
    run::RunRepository,
    schedule::{KEPT_FIRINGS, MOST_SCHEDULES, ScheduleRepository},
    script::ScriptRepository,
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
    session::MockSessionRepository, token::MockTokenRepository, user::MockUserRepository, vm::MockVmRepository,
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
    /// What the master key opens.
    fn keys(&self) -> &dyn KeyRepository;
    /// Accounts.
    fn users(&self) -> &dyn UserRepository;
    /// Logins.
    fn sessions(&self) -> &dyn SessionRepository;
    /// API tokens.
    fn tokens(&self) -> &dyn TokenRepository;
    /// Codes that bind a chat to an account.
    fn links(&self) -> &dyn LinkRepository;
    /// The mail of chat bots.
    fn bots(&self) -> &dyn BotRepository;
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

/// Implements [`Repository`] for a type whose field `desk` is the desk's id, and whose field `store` implements the trait of
/// every resource.
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
            fn tokens(&self) -> &dyn $crate::repository::TokenRepository {
                &self.store
            }
            fn links(&self) -> &dyn $crate::repository::LinkRepository {
                &self.store
            }
            fn bots(&self) -> &dyn $crate::repository::BotRepository {
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

/// So many updates of a bot are known to have come, also after they were answered. Chat services repeat none that is
/// older.
pub const MOST_KNOWN_UPDATES: u32 = 10_000;
/// For so long a question is known after an answer counts no more: who comes back to it the next day and answers with a
/// password has it deleted all the same.
pub const KEPT_QUESTIONS: TimeDelta = TimeDelta::hours(24);

/// The mail of chat bots. It is the bots' own bookkeeping and has no audit rows.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait BotRepository: Send + Sync {
    /// The number behind the updates that were asked for last; `None` if none were.
    async fn offset(&self, bot: BotId) -> Result<Option<i64>>;
    /// Stores updates, which have not begun; gives the numbers of those that are new. One that was stored before stays as
    /// it is. The offset goes behind those that were asked for, also if it was behind others, and is forgotten with those
    /// that were sent: one before them may not have come yet.
    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>, arrival: Arrival) -> Result<Vec<i64>>;
    /// The updates that have not ended, in order of their numbers.
    async fn open_updates(&self, bot: BotId) -> Result<Vec<BotUpdate>>;
    /// An update that has not ended.
    async fn open_update(&self, bot: BotId, id: i64) -> Result<Option<BotUpdate>>;
    /// Records that an update begins; `false` if it has begun or ended before, or is not there.
    async fn begin_update(&self, bot: BotId, id: i64) -> Result<bool>;
    /// Gives an update another content, unless it has ended.
    async fn rewrite_update(&self, bot: BotId, id: i64, content: String) -> Result<()>;
    /// Ends an update, forgets its content, and stores these posts and what its person is asked now; `false` and nothing
    /// else if it has ended before.
    async fn finish_update(&self, bot: BotId, id: i64, posts: Vec<NewPost>, question: Option<Question>)
    -> Result<bool>;
    /// Stores posts, with their buttons in place of those of the message that they change, and what a person is asked now.
    async fn post(&self, bot: BotId, posts: Vec<NewPost>, question: Option<Question>) -> Result<()>;
    /// What a person in a chat was asked last, unless [`KEPT_QUESTIONS`] have passed at `now` since an answer counted.
    async fn question(&self, bot: BotId, chat: i64, person: i64, now: Timestamp) -> Result<Option<Question>>;
    /// The posts that wait to be sent, in order of their rows; only those that came after this one, if one is given.
    async fn waiting_posts(&self, bot: BotId, after: Option<PostId>) -> Result<Vec<WaitingPost>>;
    /// A post that waits to be sent.
    async fn waiting_post(&self, id: PostId) -> Result<Option<Post>>;
    /// Makes a post due at another moment, and counts an attempt.
    async fn postpone(&self, id: PostId, until: Timestamp) -> Result<()>;
    /// The file that goes with a post.
    async fn attachment(&self, id: PostId) -> Result<Option<Attachment>>;
    /// Removes a post; its buttons stand under this message, and it has the post's live name, if one is given.
    async fn close_post(&self, id: PostId, message: Option<i64>) -> Result<()>;
    /// The button of this id. One that has expired is forgotten when further posts come.
    async fn button(&self, bot: BotId, id: &str) -> Result<Option<Button>>;
    /// Lets a bot follow requests from now on. A repeat changes nothing.
    async fn follow_requests(&self, bot: BotId) -> Result<()>;
    /// What happened to requests that the bot has not told of, oldest first, at most `limit`; nothing if it follows none.
    /// Of all that ever happened, the newest [`KEPT_REQUEST_EVENTS`] are kept.
    async fn request_events(&self, bot: BotId, limit: u32) -> Result<Vec<RequestEvent>>;
    /// Stores posts about an event, which counts as told with all before it; `false` and nothing else if it did before.
    async fn tell(&self, bot: BotId, event: RequestEventId, posts: Vec<NewPost>) -> Result<bool>;
    /// What the chat service was last told of the menu of each chat that has one of its own, in order of chat.
    async fn menus(&self, bot: BotId) -> Result<Vec<ToldMenu>>;
    /// Records that it is not known what the chat service knows of a chat's menu.
    async fn begin_menu(&self, bot: BotId, chat: i64) -> Result<()>;
    /// Records what the chat service knows of a chat's menu; `None` if the chat has none of its own.
    async fn end_menu(&self, bot: BotId, chat: i64, content: Option<String>) -> Result<()>;
}
