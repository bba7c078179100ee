//! Records in a temporary directory.

use vmm_core::mail::{MailInbox, MailMenus, MailNotices, MailOutbox, MailStore};
use vmm_core::model::DeskId;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::repository::{
    AuditRepository, BotGroupRepository, DiskRepository, FileRepository, HistoryRepository, IdempotencyRepository,
    JobRepository, KeyRepository, LinkRepository, OsRepository, Repository, RequestRepository, RunRepository,
    ScheduleRepository, ScriptRepository, SecondFactorRepository, SessionRepository, TokenRepository, UserRepository,
    VmRepository,
};

use super::audit_key;

/// Records, and the mail of bots, in a directory that goes with them.
///
/// The fields are dropped in this order: the file is closed before its directory goes.
pub(super) struct Temporary {
    repository: SqliteRepository,
    _directory: tempfile::TempDir,
}

impl Temporary {
    pub(super) async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let repository = SqliteRepository::open(directory.path().join("vmm.db")).await.expect("an empty directory");
        repository.audit().use_key(audit_key()).await.expect("room for one row");
        Self { repository, _directory: directory }
    }
}

impl Repository for Temporary {
    fn desk(&self) -> DeskId {
        self.repository.desk()
    }
    fn keys(&self) -> &dyn KeyRepository {
        self.repository.keys()
    }
    fn users(&self) -> &dyn UserRepository {
        self.repository.users()
    }
    fn sessions(&self) -> &dyn SessionRepository {
        self.repository.sessions()
    }
    fn second_factors(&self) -> &dyn SecondFactorRepository {
        self.repository.second_factors()
    }
    fn tokens(&self) -> &dyn TokenRepository {
        self.repository.tokens()
    }
    fn links(&self) -> &dyn LinkRepository {
        self.repository.links()
    }
    fn groups(&self) -> &dyn BotGroupRepository {
        self.repository.groups()
    }
    fn oses(&self) -> &dyn OsRepository {
        self.repository.oses()
    }
    fn vms(&self) -> &dyn VmRepository {
        self.repository.vms()
    }
    fn history(&self) -> &dyn HistoryRepository {
        self.repository.history()
    }
    fn disks(&self) -> &dyn DiskRepository {
        self.repository.disks()
    }
    fn requests(&self) -> &dyn RequestRepository {
        self.repository.requests()
    }
    fn jobs(&self) -> &dyn JobRepository {
        self.repository.jobs()
    }
    fn idempotency(&self) -> &dyn IdempotencyRepository {
        self.repository.idempotency()
    }
    fn files(&self) -> &dyn FileRepository {
        self.repository.files()
    }
    fn scripts(&self) -> &dyn ScriptRepository {
        self.repository.scripts()
    }
    fn schedules(&self) -> &dyn ScheduleRepository {
        self.repository.schedules()
    }
    fn runs(&self) -> &dyn RunRepository {
        self.repository.runs()
    }
    fn audit(&self) -> &dyn AuditRepository {
        self.repository.audit()
    }
}

impl MailStore for Temporary {
    fn inbox(&self) -> &dyn MailInbox {
        self.repository.inbox()
    }
    fn outbox(&self) -> &dyn MailOutbox {
        self.repository.outbox()
    }
    fn notices(&self) -> &dyn MailNotices {
        self.repository.notices()
    }
    fn menus(&self) -> &dyn MailMenus {
        self.repository.menus()
    }
}
