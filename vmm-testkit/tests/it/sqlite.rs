//! SQLite keeps the promises of a repository, and those of a file.

use std::path::Path;
use std::sync::Arc;

use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_testkit::sample;

mod contract {
    vmm_testkit::repository_contract!(vmm_testkit::sample::repository);
}
mod mail {
    vmm_testkit::mail_contract!(vmm_testkit::sample::records);
}
mod crash;
mod file;
mod scale;
mod tamper;

async fn open(path: &Path) -> Arc<dyn Repository> {
    let repository = SqliteRepository::open(path).await.expect("a good file");
    repository.audit().use_key(sample::audit_key()).await.expect("room for one row");
    Arc::new(repository)
}

/// A connection behind the repository's back.
pub(crate) fn raw(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).expect("a file that is there")
}

async fn write_some_audit_rows(repository: &Arc<dyn Repository>, rows: usize) {
    for _ in 0..rows {
        repository.audit().record(sample::audit("vm.ssh")).await.expect("an answer");
    }
}
