//! What vmm needs from a store of records, one trait for each resource.
//!
//! Every method that a person's operation calls to change something takes an [`AuditEntry`] and writes it in the same
//! transaction: no audit row, no change. Methods of the job log take none; the log itself is their record.

pub mod chain;
pub mod memory;
pub mod outcome;
pub mod refusal;
pub mod rules;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use uuid::Uuid;

use crate::error::Result;
use crate::model::{
    AcceptedDefinition, Adoption, Arrival, Attachment, AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId,
    AuditKey, AuditRecord, AuditVerdict, BotGroup, BotId, BotUpdate, Button, ClaimId, Claimed, Closing, ContentId,
    DeskId, Disk, DiskFilter, DiskId, Facts, FileId, FileName, Firing, Image, Job, JobFilter, JobId, JobState,
    KeptAnswer, Look, NewBotGroup, NewClaim, NewDisk, NewFile, NewJob, NewLinkCode, NewOs, NewPost, NewRequest, NewRun,
    NewSchedule, NewScript, NewSession, NewToken, NewUser, Os, OsChange, OsFilter, OsId, OsName, OsVersion,
    PasswordHash, Plan, PlanHash, Post, PostId, Question, Request, RequestEvent, RequestEventId, RequestFilter,
    RequestId, RequestState, Resealed, Revision, RevokedAccess, Run, RunEnd, RunFilter, RunId, RunMachine, Sample,
    Schedule, ScheduleFilter, ScheduleId, Script, ScriptChange, ScriptContent, ScriptFilter, ScriptId, ScriptName,
    ScriptVersion, Sealed, Seen, SeenStates, Session, SessionFilter, SessionId, StepState, Stored, StoredFile,
    StoredLogin, Timestamp, Token, TokenHash, TokenId, TokenName, ToldMenu, User, UserChange, UserFilter, UserId,
    UserName, Vm, VmChange, VmFilter, VmId, VmName, VmStatus, VolumeName, WaitingPost,
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

/// What the master key opens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait KeyRepository: Send + Sync {
    /// The sealed secret of the desk's machines; `None` on a new desk.
    async fn machines_secret(&self) -> Result<Option<Sealed>>;
    /// Keeps this one if there is none yet. Gives the one that is kept, to racers the same. A desk makes its secret by
    /// itself, so there is no audit row.
    async fn keep_machines_secret(&self, secret: Sealed) -> Result<Sealed>;
    /// The sealed password of each login that is stored with a script, in order of id.
    async fn passwords(&self) -> Result<Vec<(ScriptId, Sealed)>>;
    /// Puts what was sealed anew in place of all that is sealed. It is a conflict if the machines' secret or the
    /// scripts with a login are other ones by now.
    async fn replace(&self, resealed: Resealed, audit: AuditEntry) -> Result<()>;
}

/// Accounts.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait UserRepository: Send + Sync {
    /// Makes an account. A name (without regard to case) or chat that is taken is a conflict.
    async fn create(&self, user: NewUser, audit: AuditEntry) -> Result<User>;
    /// The account with this id.
    async fn by_id(&self, id: UserId) -> Result<Option<User>>;
    /// The account of this name, without regard to case.
    async fn by_name(&self, name: &UserName) -> Result<Option<User>>;
    /// The account that this chat is bound to.
    async fn by_chat(&self, chat: i64) -> Result<Option<User>>;
    /// Accounts, in order of name without regard to case.
    async fn list(&self, filter: &UserFilter) -> Result<Vec<User>>;
    /// What the records hold of an account that it has budgets for.
    async fn stored(&self, id: UserId) -> Result<Stored>;
    /// The hash of an account's password.
    async fn password(&self, id: UserId) -> Result<Option<PasswordHash>>;
    /// Changes an account. Another role, another password, and being disabled or enabled end its sessions. A name or
    /// chat that is taken is a conflict; so is a change after which no enabled admin would be left.
    async fn update(&self, id: UserId, change: UserChange, expect: Option<Revision>, audit: AuditEntry)
    -> Result<User>;
    /// Removes an account and its sessions. One that machines or requests name is a conflict; so is the last enabled
    /// admin.
    async fn delete(&self, id: UserId, expect: Option<Revision>, audit: AuditEntry) -> Result<()>;
}

/// Logins.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Records a login, and forgets those of the same account that have expired.
    async fn create(&self, session: NewSession, audit: AuditEntry) -> Result<Session>;
    /// The login of this token and its account, unless it has expired at `now` or the account is disabled.
    async fn by_token(&self, token: TokenHash, now: Timestamp) -> Result<Option<(Session, User)>>;
    /// The login with this id, also if it has expired.
    async fn by_id(&self, id: SessionId) -> Result<Option<Session>>;
    /// The logins of an account that have not expired at `now`, in order of beginning.
    async fn list(&self, user: UserId, filter: &SessionFilter, now: Timestamp) -> Result<Vec<Session>>;
    /// Ends a login. Ending one that is not there is `Ok`, changes nothing and writes no audit row.
    async fn delete(&self, id: SessionId, audit: AuditEntry) -> Result<()>;
}

/// How many tokens an account can have.
pub const MOST_TOKENS: u32 = 100;

/// API tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TokenRepository: Send + Sync {
    /// Records a token, and forgets those of the same account that have expired. A name that the account has given
    /// already is a conflict; so is the one after the hundredth.
    async fn create(&self, token: NewToken, audit: AuditEntry) -> Result<Token>;
    /// The token with this hash and its account, unless it has expired at `now` or the account is disabled.
    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<(Token, User)>>;
    /// The tokens of an account, in order of name, also those that have expired.
    async fn list(&self, user: UserId) -> Result<Vec<Token>>;
    /// Records that a token was used.
    async fn used(&self, id: TokenId, at: Timestamp) -> Result<()>;
    /// Removes a token.
    async fn delete(&self, user: UserId, name: &TokenName, audit: AuditEntry) -> Result<()>;
    /// Removes all tokens of an account, its logins, and its code that would bind a chat; with `everything` also frees its
    /// chat, disables its schedules and cancels its runs. Tells what has ended and what is left.
    async fn revoke_access(&self, user: UserId, everything: bool, audit: AuditEntry) -> Result<RevokedAccess>;
}

/// Codes that bind a chat to an account.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait LinkRepository: Send + Sync {
    /// Records a code, in place of the one that the account had.
    async fn create(&self, code: NewLinkCode, audit: AuditEntry) -> Result<()>;
    /// The account that a code is for, unless it has expired at `now` or the account is disabled.
    async fn by_hash(&self, hash: TokenHash, now: Timestamp) -> Result<Option<User>>;
    /// Binds a chat to that account, and forgets the code. A chat that is bound to another account is a conflict.
    async fn redeem(&self, hash: TokenHash, chat: i64, now: Timestamp, audit: AuditEntry) -> Result<User>;
}

/// So many updates of a bot are known to have come, also after they were answered. Chat services repeat none that is
/// older.
pub const MOST_KNOWN_UPDATES: u32 = 10_000;

/// So much of what happened to requests is kept, for bots that were away.
pub const KEPT_REQUEST_EVENTS: u32 = 10_000;

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

/// So many groups are allowed for a bot at most.
pub const MOST_GROUPS: u32 = 100;

/// Groups that an admin has allowed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait BotGroupRepository: Send + Sync {
    /// Records that a group is allowed, in place of an earlier record of it. One more than [`MOST_GROUPS`] of a bot is a
    /// conflict.
    async fn allow(&self, group: NewBotGroup, audit: AuditEntry) -> Result<BotGroup>;
    /// The group, if it is allowed for this bot.
    async fn by_chat(&self, bot: BotId, chat: i64) -> Result<Option<BotGroup>>;
    /// The allowed groups of a bot, or of all bots, in the order in which they were allowed.
    async fn list(&self, bot: Option<BotId>) -> Result<Vec<BotGroup>>;
    /// Removes a group, and with it what the bot's buttons there mean and what people there are asked.
    async fn disallow(&self, bot: BotId, chat: i64, audit: AuditEntry) -> Result<()>;
}

/// The catalog.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait OsRepository: Send + Sync {
    /// Makes an entry and, if it has a `qcow2`, enqueues the job that imports it. A name and version that
    /// is taken is a conflict.
    async fn create(&self, os: NewOs, import: NewJob, audit: AuditEntry) -> Result<(Os, Option<JobId>)>;
    /// The entry with this id.
    async fn by_id(&self, id: OsId) -> Result<Option<Os>>;
    /// Every entry of this name; with a version at most one. In order of creation.
    async fn find<'a>(&self, name: &OsName, version: Option<&'a OsVersion>) -> Result<Vec<Os>>;
    /// Entries, in order of name and version.
    async fn list(&self, filter: &OsFilter) -> Result<Vec<Os>>;
    /// Records the imported image.
    async fn set_image(&self, id: OsId, image: Image) -> Result<()>;
    /// Enqueues the job that imports the image of an entry. One that is being imported is a conflict.
    async fn start_import(&self, id: OsId, import: NewJob, audit: AuditEntry) -> Result<(Os, JobId)>;
    /// Changes an entry.
    async fn update(&self, id: OsId, change: OsChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Os>;
    /// Removes an entry. One that a machine is made from is a conflict, and so is one that is being imported. Its image's
    /// volume is one of [`removed_images`](Self::removed_images) from then on.
    async fn delete(&self, id: OsId, expect: Option<Revision>, audit: AuditEntry) -> Result<()>;
    /// The volumes of entries that were removed, until they are forgotten.
    async fn removed_images(&self) -> Result<Vec<VolumeName>>;
    /// Forgets the volume of an entry that was removed; one that is not known is forgotten already.
    async fn forget_removed_image(&self, volume: &VolumeName) -> Result<()>;
}

/// Machines.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait VmRepository: Send + Sync {
    /// The machine with this id.
    async fn by_id(&self, id: VmId) -> Result<Option<Vm>>;
    /// The machine of this name.
    async fn by_name(&self, name: &VmName) -> Result<Option<Vm>>;
    /// Machines in order of id, with the status as it is recorded.
    async fn list(&self, filter: &VmFilter) -> Result<Vec<Vm>>;
    /// The same with the status as it was seen on the host, which the filter is then about. A machine with the status
    /// `request` keeps it.
    async fn list_seen(&self, filter: &VmFilter, seen: Arc<SeenStates>) -> Result<Vec<Vm>>;
    /// How many machines have each status that any has, as it is recorded.
    async fn count(&self) -> Result<Vec<(VmStatus, u64)>>;
    /// Records what was seen of machines, by the hypervisor's id: status, and the address where it is known and not
    /// fixed by the request. A machine with the status `request` keeps it; unknown ids are left alone.
    ///
    /// A machine that is on and was off, or not made yet, or is in another run than before, has been on since now; one
    /// that was on in no known run stays without that moment.
    async fn observe(&self, seen: Vec<Seen>) -> Result<()>;
    /// Records a machine to adopt, with the status `request`, and its disks, and enqueues the job that
    /// adopts it. A name, domain, hardware address or fixed address that is taken is a conflict.
    async fn adopt(&self, adoption: Adoption, job: NewJob, audit: AuditEntry) -> Result<(Vm, JobId)>;
    /// The facts of a machine's definition as vmm last saw it; `None` if it has not seen it yet, or by other rules.
    async fn definition(&self, id: VmId) -> Result<Option<Facts>>;
    /// Keeps the facts of a machine's definition: vmm made it so, or sees it for the first time.
    async fn keep_definition(&self, id: VmId, facts: Facts) -> Result<()>;
    /// Takes a definition that an admin accepts into a machine's record, and keeps its facts. A machine that an
    /// unfinished job works on is a conflict, and so is a hardware address that another machine has.
    async fn accept_definition(
        &self,
        id: VmId,
        accepted: AcceptedDefinition,
        expect: Option<Revision>,
        audit: AuditEntry,
    ) -> Result<Vm>;
    /// Changes a machine's record. A responsible person who is not there is not found.
    async fn update(&self, id: VmId, change: VmChange, expect: Option<Revision>, audit: AuditEntry) -> Result<Vm>;
    /// Enqueues the removal of a machine. A machine that an unfinished job works on is a conflict, and so is one with
    /// the status `request`, unless the job that should have made it is stuck.
    async fn start_delete(&self, id: VmId, job: NewJob, expect: Option<Revision>, audit: AuditEntry) -> Result<JobId>;
}

/// So many looks at the host are kept, the newest ones: those of an hour at one every ten seconds, and the one before.
pub const KEPT_LOOKS: u32 = 361;
/// How long a look is kept.
pub const LOOK_LIFETIME: Duration = Duration::from_secs(3600 + 60);

/// Figures of the last hour, which vmm sees by itself; hence no audit rows. They go with their machine.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait HistoryRepository: Send + Sync {
    /// Records a look, and forgets all but the newest [`KEPT_LOOKS`], those that are older than it by
    /// [`LOOK_LIFETIME`], and those that are not older than it, which another clock dated. Samples of machines that are
    /// not there are left out.
    async fn record(&self, look: Look) -> Result<()>;
    /// The samples of a machine that are not older than a moment, each with its moment, oldest first.
    async fn of_vm(&self, vm: VmId, since: Timestamp) -> Result<Vec<(Timestamp, Sample)>>;
}

/// Disks of machines.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait DiskRepository: Send + Sync {
    /// The disks of a machine, the system disk first.
    async fn of_vm(&self, vm: VmId) -> Result<Vec<Disk>>;
    /// The disk with this id.
    async fn by_id(&self, id: DiskId) -> Result<Option<Disk>>;
    /// Disks in order of id.
    async fn list(&self, filter: &DiskFilter) -> Result<Vec<Disk>>;
    /// Adds a data disk and enqueues the job that makes it. A machine that does not exist yet, that a job
    /// works on, or that has as many disks as can be is a conflict, and so is a volume that is taken.
    async fn add(&self, disk: NewDisk, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)>;
    /// Enqueues the job that makes a disk larger, to this size in GiB. One that is not larger is invalid; a machine that a job works
    /// on is a conflict.
    async fn grow(&self, id: DiskId, size: u32, job: NewJob, audit: AuditEntry) -> Result<(Disk, JobId)>;
    /// Enqueues the removal of a disk. A system disk, and a machine that a job works on, is a conflict.
    async fn start_delete(&self, id: DiskId, job: NewJob, audit: AuditEntry) -> Result<JobId>;
    /// Records which size in GiB a disk has, and that it is not growing.
    async fn set_size(&self, id: DiskId, size: u32) -> Result<()>;
    /// Records where a disk is, or that it is not any more.
    async fn set_path(&self, id: DiskId, path: Option<String>) -> Result<()>;
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is new.
    Created(Request),
    /// The same was submitted before; this is how it stands.
    Existing(Request),
}

/// Requests. Whatever changes a request's state also records an event for [`BotRepository::request_events`], in the same
/// transaction; its actor is the user of the audit row, if there is one.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RequestRepository: Send + Sync {
    /// Records a request, its plan, and its machines (with the status `request`) and their disks.
    ///
    /// An id that is taken by a request of the same requester, description and spec changes nothing and writes no
    /// audit row; by another one it is a conflict. So are machine names, domain ids, MAC addresses and fixed
    /// addresses that are taken, and volumes. More open requests than the requester may have are
    /// [`OverBudget`](crate::Error::OverBudget).
    async fn submit(&self, request: NewRequest, limits: Stored, audit: AuditEntry) -> Result<Submitted>;
    /// The request of this id.
    async fn by_id(&self, id: &RequestId) -> Result<Option<Request>>;
    /// Requests, newest first.
    async fn list(&self, filter: &RequestFilter) -> Result<Vec<Request>>;
    /// `pending` → `approved`, if the plan's hash is this one, and enqueues `job`. Another hash, another state, or a
    /// racer that came first is a conflict whose reason says which.
    async fn approve(
        &self,
        id: &RequestId,
        plan: PlanHash,
        by: UserId,
        job: NewJob,
        audit: AuditEntry,
    ) -> Result<Request>;
    /// `pending` → `rejected` or `cancelled` (`to`), and removes its machines' rows, which frees their names.
    async fn close<'a>(
        &self,
        id: &RequestId,
        to: RequestState,
        by: UserId,
        reason: Option<&'a str>,
        audit: AuditEntry,
    ) -> Result<Request>;
    /// `approved` → `pending` with a plan whose machines, disks and figures of the host replace the former rows. It may
    /// bind what the former one does. A repeat changes nothing.
    async fn return_for_approval(&self, id: &RequestId, plan: Plan, reason: &str) -> Result<()>;
    /// `approved` → `running`, and enqueues a job like `making` for each of its machines. A repeat changes nothing.
    async fn start(&self, id: &RequestId, making: NewJob) -> Result<()>;
    /// `approved` → `failed` with this reason, and removes its machines' rows. A repeat changes nothing.
    async fn fail(&self, id: &RequestId, reason: &str) -> Result<()>;
}

/// Long operations.
///
/// One worker at a time holds the lease of the store; only it calls the methods that move a job.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait JobRepository: Send + Sync {
    /// Takes or extends the worker's lease for `owner`, for `ttl` from `now`. `false` if another owner's runs.
    async fn lease(&self, owner: Uuid, now: Timestamp, ttl: Duration) -> Result<bool>;
    /// Gives the lease up, if `owner` holds it.
    async fn release(&self, owner: Uuid) -> Result<()>;
    /// The jobs that are not final, oldest first.
    async fn open(&self) -> Result<Vec<Job>>;
    /// The job of this id.
    async fn by_id(&self, id: JobId) -> Result<Option<Job>>;
    /// The open job that changes this machine or one of its disks; there is one at most.
    async fn on_vm(&self, vm: VmId) -> Result<Option<Job>>;
    /// Jobs, newest first.
    async fn list(&self, filter: &JobFilter) -> Result<Vec<Job>>;
    /// How many jobs are in each state that any is in.
    async fn count(&self) -> Result<Vec<(JobState, u64)>>;
    /// Records a step's state and, with the first one, that the job runs.
    async fn step(&self, id: JobId, step: usize, state: StepState) -> Result<()>;
    /// Records that undoing begins, and why.
    async fn undo(&self, id: JobId, error: &str) -> Result<()>;
    /// Records a job's end, and in the same transaction what follows from it by the rules of [`outcome`]: the [`Fate`] of
    /// what it works on, and after the last open job of a request that the request is `done`, or `failed` if any of its
    /// jobs was not done.
    ///
    /// [`Fate`]: crate::model::Fate
    async fn finish(&self, id: JobId, state: JobState, error: Option<String>) -> Result<()>;
    /// Asks for a job to be cancelled. One that is final is a conflict.
    async fn cancel(&self, id: JobId, audit: AuditEntry) -> Result<()>;
    /// Opens a stuck job again. It goes on from its log: backward if anything was being undone, which keeps why it failed,
    /// and forward otherwise. A request that failed with the making of this machine runs again if the job goes forward.
    ///
    /// A job that is not stuck is a conflict, and so is one whose machine another open job works on, one whose machine,
    /// disk or catalog entry is gone from the records, and a `start-request`: the machines of its request are gone.
    async fn retry(&self, id: JobId, audit: AuditEntry) -> Result<Job>;
    /// Closes a stuck job: it is `closed`, its error says what is left, and the records become what the closing says. A
    /// job that is not stuck is a conflict, and so is one whose machine another open job works on.
    async fn close(&self, id: JobId, closing: Closing, audit: AuditEntry) -> Result<Job>;
}

/// Named scripts.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ScriptRepository: Send + Sync {
    /// Registers a script. A name (without regard to case) that is taken is a conflict; more scripts or bytes of their
    /// texts than the owner may have are [`OverBudget`](crate::Error::OverBudget).
    async fn create(&self, script: NewScript, limits: Stored, audit: AuditEntry) -> Result<Script>;
    /// The script of this name, without regard to case.
    async fn by_name(&self, name: &ScriptName) -> Result<Option<Script>>;
    /// Scripts in order of name.
    async fn list(&self, filter: &ScriptFilter) -> Result<Vec<Script>>;
    /// The text with this hash, which a script has, or had when it was run.
    async fn content(&self, sha256: &str) -> Result<Option<ScriptContent>>;
    /// The versions of a script that are kept, newest first.
    async fn versions(&self, id: ScriptId) -> Result<Vec<ScriptVersion>>;
    /// The login stored with a script.
    async fn login(&self, id: ScriptId) -> Result<Option<StoredLogin>>;
    /// Changes what is given of a script. Another text, file name or interpreter makes a version, whose author is the
    /// actor of `audit`. An earlier version that is not kept is not found. More bytes of texts than the owner may have are
    /// [`OverBudget`](crate::Error::OverBudget).
    async fn change(&self, id: ScriptId, change: ScriptChange, limits: Stored, audit: AuditEntry) -> Result<Script>;
    /// Removes a script and the login stored with it. With `unless_run`, one that has runs is a conflict.
    async fn delete(&self, id: ScriptId, unless_run: bool, audit: AuditEntry) -> Result<()>;
}

/// Runs of scripts.
///
/// A run is done by the process that was asked to, which extends the time until which it counts as alive. The holder
/// of the worker's lease interrupts those whose time has passed. A run's state follows from its machines'.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RunRepository: Send + Sync {
    /// Records a run, all of whose machines are queued. One for a moment of a schedule records in the same transaction that
    /// the schedule has fired then, and when it fires next; if that moment is not the schedule's next one, it is a conflict.
    async fn create(&self, run: NewRun, alive_until: Timestamp, audit: AuditEntry) -> Result<Run>;
    /// The run of this id.
    async fn by_id(&self, id: RunId) -> Result<Option<Run>>;
    /// The machines of a run, in its order.
    async fn machines(&self, id: RunId) -> Result<Vec<RunMachine>>;
    /// Runs, newest first.
    async fn list(&self, filter: &RunFilter) -> Result<Vec<Run>>;
    /// `queued` → `running` for one machine; `false` if it is not queued any more, and then it must not be begun.
    async fn begin(&self, id: RunId, position: usize) -> Result<bool>;
    /// Records the end of a machine that is running; any other state is a conflict.
    async fn finish(&self, id: RunId, position: usize, end: RunEnd) -> Result<()>;
    /// Extends the time until which these runs count as alive. Gives those that somebody asked to cancel.
    async fn keep(&self, ids: Vec<RunId>, alive_until: Timestamp) -> Result<Vec<RunId>>;
    /// Sets every machine of a run that has not ended to `interrupted`.
    async fn interrupt(&self, id: RunId) -> Result<()>;
    /// The same for every run whose time has passed at `now`; gives these.
    async fn interrupt_lost(&self, now: Timestamp) -> Result<Vec<RunId>>;
    /// Forgets the runs that ended before a moment, of each script's other ended ones all but the newest `keep`, and the
    /// texts that nothing has any more. Gives how many runs.
    async fn forget(&self, ended_before: Timestamp, keep: u32) -> Result<usize>;
    /// Asks for a run to be cancelled; its queued machines are at once. One that has ended is a conflict.
    async fn cancel(&self, id: RunId, audit: AuditEntry) -> Result<Run>;
}

/// How many schedules a script has at most.
pub const MOST_SCHEDULES: u32 = 100;
/// How many firings of a schedule are kept.
pub const KEPT_FIRINGS: u32 = 100;

/// Schedules of scripts, and what became of their moments. They go with their script, and with the account that made
/// them.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ScheduleRepository: Send + Sync {
    /// Makes a schedule. One more than [`MOST_SCHEDULES`] is a conflict.
    async fn create(&self, schedule: NewSchedule, audit: AuditEntry) -> Result<Schedule>;
    /// The schedule of this id.
    async fn by_id(&self, id: ScheduleId) -> Result<Option<Schedule>>;
    /// Schedules in order of id.
    async fn list(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>>;
    /// Those whose next moment has come at `now`, the longest due first.
    async fn due(&self, now: Timestamp) -> Result<Vec<Schedule>>;
    /// Enables a schedule with this next moment, or disables it with `None`.
    async fn set_next(&self, id: ScheduleId, next_at: Option<Timestamp>, audit: AuditEntry) -> Result<Schedule>;
    /// Records what became of moments without a run, and the next one, if `due_at` is the schedule's next one still;
    /// `false` if not.
    async fn pass(&self, id: ScheduleId, due_at: Timestamp, firing: Firing, next_at: Option<Timestamp>)
    -> Result<bool>;
    /// What became of the moments of a schedule, newest first; the newest [`KEPT_FIRINGS`] are kept.
    async fn firings(&self, id: ScheduleId) -> Result<Vec<Firing>>;
    /// Removes a schedule. Its runs stay.
    async fn delete(&self, id: ScheduleId, audit: AuditEntry) -> Result<()>;
}

/// How many answers are kept for an account.
pub const MOST_KEPT_ANSWERS: u32 = 1000;
/// How many bytes they have together.
pub const MOST_KEPT_BYTES: usize = 4 << 20;

/// Keys of calls that may be repeated. A key is an account's own, and goes with it. No audit rows: the calls have theirs.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdempotencyRepository: Send + Sync {
    /// Forgets what is over at `now`, then claims a key, unless it is claimed or answered already.
    async fn claim(&self, claim: NewClaim) -> Result<Claimed>;
    /// Holds a claim until another moment. One that has lapsed or is answered stays as it is.
    async fn hold(&self, id: ClaimId, until: Timestamp) -> Result<()>;
    /// Ends a claim, keeps its answer, and forgets the account's oldest answers that are more than
    /// [`MOST_KEPT_ANSWERS`] or [`MOST_KEPT_BYTES`]. One that is too large alone, or `None`, leaves only that the call
    /// was made. A claim that has lapsed stays so.
    async fn answer(&self, id: ClaimId, answer: Option<KeptAnswer>) -> Result<()>;
    /// Frees the key of a claim that is not answered.
    async fn release(&self, id: ClaimId) -> Result<()>;
}

/// Files of users. Their content is somewhere else, in a [`FileStore`](crate::files::FileStore).
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait FileRepository: Send + Sync {
    /// Records a file in place of the user's one of the same name, whose content is given back to be removed. More files
    /// or bytes of files than the user may have are [`OverBudget`](crate::Error::OverBudget).
    async fn put(&self, file: NewFile, limits: Stored, audit: AuditEntry) -> Result<(StoredFile, Option<ContentId>)>;
    /// The user's file of this name.
    async fn by_name(&self, user: UserId, name: &FileName) -> Result<Option<StoredFile>>;
    /// The user's files in order of name, at most `limit` of those behind `after`.
    async fn list<'a>(&self, user: UserId, after: Option<&'a FileName>, limit: u32) -> Result<Vec<StoredFile>>;
    /// How many bytes the user's files have in all.
    async fn used(&self, user: UserId) -> Result<u64>;
    /// Forgets a file.
    async fn delete(&self, id: FileId, audit: AuditEntry) -> Result<()>;
    /// The content of every file of every user.
    async fn contents(&self) -> Result<Vec<ContentId>>;
}

/// The record of who did what. Rows are only ever added; each carries a keyed hash over itself and the row before it, and
/// the newest row is sealed, so that nobody without the key removes, changes or adds rows unnoticed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditRepository: Send + Sync {
    /// Uses this key from now on, and begins the chain with it if there is neither an account nor a row. Until then no row
    /// can be added, and so nothing be changed that leaves one.
    async fn use_key(&self, key: AuditKey) -> Result<()>;
    /// Adds a row. On rows that were tampered with it stays visible for ever that they were.
    async fn record(&self, entry: AuditEntry) -> Result<AuditId>;
    /// Rows, newest first.
    async fn list(&self, filter: &AuditFilter) -> Result<Vec<AuditRecord>>;
    /// Looks at every row: whether its hash fits, and whether the last one is the newest that was written.
    async fn verify(&self) -> Result<AuditVerdict>;
    /// The newest row, not verified.
    async fn head(&self) -> Result<AuditHead>;
    /// The hash of a row, not verified.
    async fn hash(&self, id: AuditId) -> Result<Option<AuditHash>>;
}
