//! Plain types that cannot hold a wrong value. No wire format, no SQL, no chat.

mod access;
mod address;
mod audit;
mod bot;
mod bot_group;
mod budget;
mod definition;
mod derive;
mod desk;
mod disk;
mod file;
mod firing;
mod hash;
mod history;
mod host_key;
mod idempotency;
mod interpreter;
mod job;
mod key;
mod link;
mod name;
mod named;
mod os;
mod output;
mod page;
mod plan;
mod request;
mod revision;
mod row_id;
mod run;
mod schedule;
mod script;
mod script_content;
mod second_factor;
mod session;
mod spelling;
mod text_rule;
mod token;
mod unfinished;
mod user;
mod vm;
mod vm_state;
mod words;

pub use access::{Access, RevokedAccess};
pub use address::MacAddress;
pub use audit::{
    AuditEntry, AuditFilter, AuditHash, AuditHead, AuditId, AuditKey, AuditRecord, AuditText, AuditVerdict, Outcome,
};
pub use bot::{
    Arrival, Attachment, Audience, BotId, BotUpdate, Button, NewButton, NewPost, Post, PostId, PostPlace, Question,
    ToldMenu, WaitingPost,
};
pub use bot_group::{BotGroup, NewBotGroup};
pub use budget::{Budget, BudgetLimits, Limit, Over, Stored};
pub use definition::{AcceptedDefinition, DefinitionDigest, Difference, Facts};
pub use derive::{domain_uuid, image_volume, mac};
pub use desk::DeskId;
pub use disk::{Disk, DiskFilter, DiskId, DiskRole, NewDisk};
pub(crate) use disk::{MAX_DISK_SIZE, MAX_DISKS};
pub use file::{ContentId, FileId, NewFile, StoredFile};
pub use firing::{Firing, FiringState};
pub use history::{Look, Sample};
pub use host_key::HostKey;
pub use idempotency::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer, NewClaim, UsedRight};
pub use interpreter::Interpreter;
pub use job::{
    ClosedRecords, Closing, Fate, Job, JobFilter, JobId, JobKind, JobState, JobStep, NewJob, StepState, Subject,
};
pub use key::Resealed;
pub use link::NewLinkCode;
pub use name::{
    FileName, GroupName, Hostname, LoginName, NamePrefix, OsName, OsVersion, RequestId, ScriptFile, ScriptName,
    TokenName, UserName, VmName, VolumeName,
};
pub(crate) use named::named;
pub use os::{Image, ImageSource, NewOs, Os, OsChange, OsFilter, OsId};
pub use output::{Exit, Output, Stream};
pub use page::Page;
pub(crate) use page::one_more;
pub use plan::{HostFigures, Plan, PlanHash, PlannedDisk, PlannedVm, Room};
pub use request::{NewRequest, Request, RequestEvent, RequestEventId, RequestEventKind, RequestFilter, RequestState};
pub use revision::Revision;
pub(crate) use row_id::row_id;
pub use run::{Again, NewRun, Run, RunEnd, RunFailure, RunFilter, RunId, RunMachine, RunOutput, RunState};
pub(crate) use schedule::Due;
pub use schedule::{CronExpression, FiringOf, Missed, NewSchedule, Schedule, ScheduleFilter, ScheduleId, When};
pub use script::{
    KEPT_VERSIONS, NewScript, Script, ScriptArguments, ScriptChange, ScriptFilter, ScriptId, ScriptTarget,
    ScriptVersion, Sealed, StoredLogin,
};
pub use script_content::ScriptContent;
pub use second_factor::{ConfirmedFactor, SecondFactor, SecondFactorProof};
pub use session::{NewSession, Session, SessionFilter, SessionId, TokenHash};
pub use spelling::Spelled;
pub use text_rule::{
    AccountPassword, CommandLine, Description, DirectoryPath, LoginPassword, LoginUser, Reason, RunPassword,
    ShownSecret,
};
pub use token::{AccountCredential, NewToken, Token, TokenId};
pub use unfinished::{Processes, Unfinished};
pub use user::{NewUser, PasswordHash, Role, User, UserChange, UserFilter, UserId};
pub use vm::{Adoption, Observation, Vm, VmChange, VmFilter, VmId};
pub use vm_state::{ObservedStates, PauseReason, StatusReason, VmState, VmStatus};
pub(crate) use words::words;

/// A moment in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
