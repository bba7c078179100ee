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
mod history;
mod host_key;
mod idempotency;
mod job;
mod key;
mod link;
mod name;
mod os;
mod output;
mod page;
mod plan;
mod request;
mod revision;
mod run;
mod schedule;
mod script;
mod session;
mod token;
mod unfinished;
mod user;
mod vm;
mod vm_state;

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
pub use history::{Look, Sample};
pub use host_key::HostKey;
pub use idempotency::{ClaimId, Claimed, Fingerprint, IdempotencyKey, KeptAnswer, NewClaim, UsedRight};
pub use job::{
    ClosedRecords, Closing, Fate, Job, JobFilter, JobId, JobKind, JobState, JobStep, NewJob, StepState, Subject,
};
pub use key::Resealed;
pub use link::NewLinkCode;
pub use name::{
    FileName, GroupName, Hostname, LoginName, NamePrefix, OsName, OsVersion, RequestId, ScriptFile, ScriptName,
    TokenName, UserName, VmName, VolumeName,
};
pub use os::{Image, ImageSource, NewOs, Os, OsChange, OsFilter, OsId};
pub use output::{Exit, Output, Stream};
pub use page::Page;
pub(crate) use page::one_more;
pub use plan::{HostFigures, Plan, PlanHash, PlannedDisk, PlannedVm, Room};
pub use request::{NewRequest, Request, RequestEvent, RequestEventId, RequestEventKind, RequestFilter, RequestState};
pub use revision::Revision;
pub use run::{Again, NewRun, Run, RunEnd, RunFailure, RunFilter, RunId, RunMachine, RunOutput, RunState};
pub(crate) use schedule::Due;
pub use schedule::{
    CronExpression, Firing, FiringOf, FiringState, Missed, NewSchedule, Schedule, ScheduleFilter, ScheduleId, When,
};
pub use script::{
    Interpreter, KEPT_VERSIONS, NewScript, Script, ScriptArguments, ScriptChange, ScriptContent, ScriptFilter,
    ScriptId, ScriptTarget, ScriptVersion, Sealed, StoredLogin,
};
pub use session::{NewSession, Session, SessionFilter, SessionId, TokenHash};
pub use token::{Credential, NewToken, Token, TokenId};
pub use unfinished::{Processes, Unfinished};
pub use user::{NewUser, PasswordHash, Role, User, UserChange, UserFilter, UserId};
pub use vm::{Adoption, Seen, Vm, VmChange, VmFilter, VmId};
pub use vm_state::{PauseReason, SeenStates, StatusReason, VmState, VmStatus};

/// A moment in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// Declares a row id: a positive integer that the database gives.
macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(crate) use row_id;

/// Declares an enum whose values have one fixed word each, in the database, the API and the chat.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $field:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::error::Error;

            fn from_str(word: &str) -> $crate::error::Result<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or_else(|| {
                    $crate::error::Error::invalid($field, format!("{} is not one of {}", $crate::text::quoted(word), [$($word),+].join(", ")))
                })
            }
        }
    };
}
pub(crate) use words;
