//! All records, as plain collections. A type that ends in `Row` is a record with what only the store knows of it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::table::Table;
use crate::model::{
    Attachment, AuditId, AuditRecord, BotGroup, BotId, BotUpdate, Button, ClaimId, Disk, DiskId, Facts, FileId,
    Fingerprint, Firing, IdempotencyKey, Job, JobId, KeptAnswer, Look, Os, OsId, PasswordHash, PostId, Question,
    Request, RequestEvent, RequestEventId, Run, RunId, RunMachine, Schedule, ScheduleId, Script, ScriptContent,
    ScriptVersion, Sealed, Session, SessionId, StoredFile, StoredLogin, Timestamp, Token, TokenHash, TokenId, User,
    UserId, Vm, VmId, VolumeName,
};
use crate::repository::chain::{Hash, SealedHead};

/// All records of a desk. A transaction works on a clone, which takes the place of the present state when it succeeds.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) machines_secret: Option<Sealed>,
    pub(super) users: Table<UserId, UserRow>,
    pub(super) sessions: Table<SessionId, SessionRow>,
    pub(super) tokens: Table<TokenId, TokenRow>,
    pub(super) link_codes: Table<UserId, LinkCodeRow>,
    pub(super) second_factors: Table<UserId, SecondFactorRow>,
    pub(super) files: Table<FileId, StoredFile>,
    pub(super) oses: Table<OsId, Os>,
    pub(super) removed_images: Table<VolumeName, ()>,
    /// By number, in order of submission.
    pub(super) requests: Table<i64, RequestRow>,
    pub(super) request_events: Table<RequestEventId, RequestEvent>,
    pub(super) vms: Table<VmId, VmRow>,
    pub(super) disks: Table<DiskId, Disk>,
    pub(super) looks: Table<i64, Look>,
    pub(super) jobs: Table<JobId, Job>,
    pub(super) lease: Option<Lease>,
    /// The texts of scripts by their hash.
    pub(super) contents: Table<String, ScriptContent>,
    pub(super) scripts: Table<Uuid, ScriptRow>,
    pub(super) runs: Table<RunId, RunRow>,
    /// By run and position.
    pub(super) run_machines: Table<(RunId, usize), RunMachine>,
    pub(super) schedules: Table<ScheduleId, Schedule>,
    /// By schedule and the moment that was due.
    pub(super) firings: Table<(ScheduleId, Timestamp), Firing>,
    pub(super) claims: Table<ClaimId, ClaimRow>,
    pub(super) bots: Table<BotId, BotRow>,
    pub(super) bot_updates: Table<(BotId, i64), UpdateRow>,
    pub(super) bot_posts: Table<PostId, PostRow>,
    /// By bot, chat and name.
    pub(super) bot_live: Table<(BotId, i64, String), LiveRow>,
    /// By bot, chat and person.
    pub(super) bot_questions: Table<(BotId, i64, i64), Question>,
    pub(super) bot_buttons: Table<String, ButtonRow>,
    /// By bot and chat; `None` while it is not known what the chat service knows.
    pub(super) bot_menus: Table<(BotId, i64), Option<String>>,
    pub(super) bot_groups: Table<(BotId, i64), BotGroup>,
    pub(super) audit: Table<AuditId, AuditRow>,
    pub(super) audit_head: Option<SealedHead>,
}

#[derive(Clone)]
pub(super) struct UserRow {
    pub(super) user: User,
    pub(super) password: PasswordHash,
}

#[derive(Clone)]
pub(super) struct SessionRow {
    pub(super) session: Session,
    pub(super) token: TokenHash,
}

#[derive(Clone)]
pub(super) struct TokenRow {
    pub(super) token: Token,
    pub(super) hash: TokenHash,
}

#[derive(Clone)]
pub(super) struct LinkCodeRow {
    pub(super) hash: TokenHash,
    pub(super) expires_at: Timestamp,
}

#[derive(Clone)]
pub(super) struct SecondFactorRow {
    pub(super) secret: Sealed,
    pub(super) confirmed_at: Option<Timestamp>,
    /// The newest step whose code was used.
    pub(super) last_step: u64,
    pub(super) recovery_codes: Vec<TokenHash>,
}

/// The names of accounts in the request are looked up when it is read.
#[derive(Clone)]
pub(super) struct RequestRow {
    pub(super) number: i64,
    pub(super) request: Request,
    pub(super) decided_by: Option<UserId>,
}

/// The name of the responsible account is looked up when the machine is read.
#[derive(Clone)]
pub(super) struct VmRow {
    pub(super) vm: Vm,
    pub(super) definition: Option<Facts>,
}

/// Which worker may work, until when.
#[derive(Clone, Copy)]
pub(super) struct Lease {
    pub(super) owner: Uuid,
    pub(super) expires_at: Timestamp,
}

/// The name of the owner is looked up when the script is read.
#[derive(Clone)]
pub(super) struct ScriptRow {
    pub(super) script: Script,
    pub(super) login: Option<StoredLogin>,
    pub(super) versions: BTreeMap<u32, ScriptVersion>,
}

/// The machines of the run are counted when it is read.
#[derive(Clone)]
pub(super) struct RunRow {
    pub(super) run: Run,
    pub(super) alive_until: Timestamp,
}

/// Without `held_until` the call was made; without an answer then, that was not kept.
#[derive(Clone)]
pub(super) struct ClaimRow {
    pub(super) user: UserId,
    pub(super) key: IdempotencyKey,
    pub(super) call: Fingerprint,
    pub(super) held_until: Option<Timestamp>,
    pub(super) kept_until: Timestamp,
    pub(super) answer: Option<KeptAnswer>,
}

/// `request_event` is the last event that the bot has told of, or `None` while it tells of none.
#[derive(Clone, Default)]
pub(super) struct BotRow {
    pub(super) offset: Option<i64>,
    pub(super) request_event: Option<RequestEventId>,
}

#[derive(Clone)]
pub(super) struct UpdateRow {
    pub(super) update: BotUpdate,
    pub(super) ended: bool,
}

/// `changes` is the message that the post takes the place of; `live` the name of one.
#[derive(Clone)]
pub(super) struct PostRow {
    pub(super) bot: BotId,
    pub(super) chat: i64,
    pub(super) content: String,
    pub(super) changes: Option<i64>,
    pub(super) live: Option<String>,
    pub(super) due_at: Timestamp,
    pub(super) attempts: u32,
    pub(super) attachment: Option<Attachment>,
}

#[derive(Clone)]
pub(super) struct LiveRow {
    pub(super) message: i64,
    pub(super) changed_at: Timestamp,
}

/// The post may be gone: the button outlives it.
#[derive(Clone)]
pub(super) struct ButtonRow {
    pub(super) bot: BotId,
    pub(super) post: PostId,
    pub(super) live: Option<String>,
    pub(super) button: Button,
}

#[derive(Clone)]
pub(super) struct AuditRow {
    pub(super) record: AuditRecord,
    pub(super) hash: Hash,
}
