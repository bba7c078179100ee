//! No audit, no change; and whoever edits the audit rows is found out.

use std::path::Path;
use std::sync::Arc;

use vmm_core::model::{
    AuditId, AuditKey, JobFilter, NewSession, PasswordHash, RequestState, Role, Timestamp, TokenHash, UserChange,
    VmFilter,
};
use vmm_core::repository::Repository;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_testkit::sample::{self, Desk};

use super::{open, raw, write_some_audit_rows};

const UNLOCK: &str = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_removed;";

#[tokio::test]
async fn an_audit_row_is_neither_changed_nor_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    write_some_audit_rows(&open(&path).await, 1).await;
    for statement in ["UPDATE audit SET detail = 'x'", "DELETE FROM audit"] {
        let refused = raw(&path).execute(statement, []).expect_err("a trigger forbids it");
        assert!(refused.to_string().contains("only ever added"), "{refused}");
    }
}

#[tokio::test]
async fn every_edit_is_found() {
    let edits = [
        ("UPDATE audit SET at = at + 1 WHERE id = 3", 3),
        ("UPDATE audit SET user = 1 WHERE id = 3", 3),
        ("UPDATE audit SET actor = 'mallory' WHERE id = 3", 3),
        ("UPDATE audit SET action = 'vm.read' WHERE id = 3", 3),
        ("UPDATE audit SET target = 'vm web-2' WHERE id = 3", 3),
        ("UPDATE audit SET outcome = 'denied' WHERE id = 3", 3),
        ("UPDATE audit SET detail = 'nothing' WHERE id = 3", 3),
        ("UPDATE audit SET finishes = 1 WHERE id = 3", 3),
        ("UPDATE audit SET hash = zeroblob(32) WHERE id = 3", 3),
        ("UPDATE audit SET actor = actor || substr(action, 1, 1), action = substr(action, 2) WHERE id = 3", 3),
        ("UPDATE audit SET id = 9 WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 1", 1),
        ("DELETE FROM audit WHERE id = 5", 5),
        ("DELETE FROM audit", 1),
    ];
    for (edit, expected) in edits {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vmm.db");
        let repository = open(&path).await;
        write_some_audit_rows(&repository, 5).await;
        assert_eq!(first_wrong(&repository).await, None);
        raw(&path).execute_batch(&format!("{UNLOCK} {edit}")).expect("a file that can be written");
        assert_eq!(first_wrong(&repository).await, Some(AuditId(expected)), "{edit}");
    }
}

async fn first_wrong(repository: &Arc<dyn Repository>) -> Option<AuditId> {
    repository.audit().verify().await.expect("an answer").first_wrong
}

/// The newest row of an edited log, as somebody would write it who has not the key.
const HEAD_MADE_TO_FIT: &str = "UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM audit) WHERE name = 'audit';
     UPDATE audit_head SET rows = (SELECT coalesce(max(id), 0) FROM audit),
                           hash = coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), zeroblob(32));";

#[tokio::test]
async fn rows_that_were_removed_at_the_end_are_missed_for_ever() {
    let edits = [
        ("DELETE FROM audit WHERE id >= 4", HEAD_MADE_TO_FIT, 4),
        ("DELETE FROM audit", HEAD_MADE_TO_FIT, 1),
        ("DELETE FROM audit WHERE id >= 4", "DELETE FROM audit_head", 4),
        ("DELETE FROM audit", "DELETE FROM audit_head; DELETE FROM sqlite_sequence WHERE name = 'audit'", 1),
    ];
    for (edit, cover, expected) in edits {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("vmm.db");
        let repository = open(&path).await;
        repository.users().create(sample::user("root", Role::Admin), sample::audit("user.create")).await.expect("free");
        write_some_audit_rows(&repository, 5).await;
        drop(repository);
        raw(&path).execute_batch(&format!("{UNLOCK} {edit}; {cover}")).expect("a file that can be written");
        let repository = open(&path).await;
        for rows in [0, 3] {
            // Further rows do not hide it, also if the program starts anew.
            write_some_audit_rows(&repository, rows).await;
            assert_eq!(first_wrong(&repository).await, Some(AuditId(expected)), "{edit}; {cover}");
        }
    }
}

#[tokio::test]
async fn rows_whose_chain_was_computed_anew_without_the_key_are_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let repository = open(&path).await;
    write_some_audit_rows(&repository, 5).await;
    drop(repository);
    // Another key stands for every computation that an attacker can make: the rows are rewritten by vmm's own code.
    let forged = SqliteRepository::open(&path).await.expect("a good file");
    forged.audit().use_key(AuditKey::new([9; 32])).await.expect("an answer");
    raw(&path).execute_batch(&format!("{UNLOCK} DELETE FROM audit; DELETE FROM audit_head")).expect("a file");
    forged.audit().use_key(AuditKey::new([9; 32])).await.expect("an answer");
    let forged: Arc<dyn Repository> = Arc::new(forged);
    write_some_audit_rows(&forged, 5).await;
    assert_eq!(first_wrong(&forged).await, None, "with its own key it fits");
    assert_eq!(first_wrong(&open(&path).await).await, Some(AuditId(1)));
}

#[tokio::test]
async fn what_cannot_be_audited_does_not_happen() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let repository = open(&path).await;
    let Desk { admin, user, os } = Desk::make(&repository).await;
    let (first, second) = (sample::request_id("req-1"), sample::request_id("req-2"));
    for (id, name) in [("req-1", "web-1"), ("req-2", "web-2")] {
        let new = sample::request(id, admin.id, sample::plan(&os, &[name]));
        repository
            .requests()
            .submit(new, sample::no_limits(), sample::audit("request.submit"))
            .await
            .expect("a free id");
    }
    let hash = repository.requests().by_id(&first).await.expect("an answer").expect("it is there").plan_hash;
    repository
        .requests()
        .approve(&first, hash, admin.id, sample::start(), sample::audit("x"))
        .await
        .expect("it is pending");
    let login = |token| NewSession {
        user: user.id,
        token: TokenHash([token; 32]),
        expires_at: Timestamp::from_timestamp(4_000_000_000, 0).expect("a moment"),
        second_factor_at: None,
    };
    let session = repository.sessions().create(login(1), sample::audit("x")).await.expect("the account is there");
    let job = repository.jobs().open().await.expect("an answer").remove(0).id;
    let unused = repository
        .oses()
        .create(sample::os("alpine", "3"), sample::import(), sample::audit("x"))
        .await
        .expect("free")
        .0;
    let import = repository
        .jobs()
        .list(&JobFilter { limit: Some(1), ..JobFilter::default() })
        .await
        .expect("an answer")
        .remove(0)
        .id;
    repository.jobs().finish(import, vmm_core::model::JobState::Failed, None).await.expect("it is open");
    let vm = repository.vms().list(&VmFilter::default()).await.expect("an answer").remove(0).id;
    raw(&path).execute("UPDATE vm SET status = 'on' WHERE id = ?1", [vm.0]).expect("a file that can be written");

    raw(&path)
        .execute_batch("CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END")
        .expect("a file that can be written");
    let before = dump(&path);
    let hash = repository.requests().by_id(&second).await.expect("an answer").expect("it is there").plan_hash;
    let (start, removal) = (sample::start(), sample::removal());
    let third = sample::request("req-3", user.id, sample::plan(&os, &["web-3"]));
    let audit = || sample::audit("x");
    let (users, requests) = (repository.users(), repository.requests());
    assert_undone(users.create(sample::user("carol", Role::User), audit()).await);
    assert_undone(
        users
            .update(
                user.id,
                UserChange { password: Some(PasswordHash::new("x")), ..UserChange::default() },
                None,
                audit(),
            )
            .await,
    );
    assert_undone(users.delete(user.id, None, audit()).await);
    assert_undone(repository.sessions().create(login(2), audit()).await);
    assert_undone(repository.sessions().delete(session.id, audit()).await);
    assert_undone(repository.oses().create(sample::os("debian", "13"), sample::import(), audit()).await);
    assert_undone(repository.oses().delete(unused.id, None, audit()).await);
    assert_undone(repository.vms().start_delete(vm, removal, None, audit()).await);
    assert_undone(requests.submit(third, sample::no_limits(), audit()).await);
    assert_undone(requests.approve(&second, hash, admin.id, start, audit()).await);
    assert_undone(requests.close(&second, RequestState::Rejected, admin.id, None, audit()).await);
    assert_undone(repository.jobs().cancel(job, audit()).await);
    assert_eq!(dump(&path), before);
}

/// It must have failed at its audit row, not before.
#[track_caller]
fn assert_undone<T: std::fmt::Debug>(result: vmm_core::Result<T>) {
    match result {
        Err(vmm_core::Error::Internal { source, .. }) if source.to_string().contains("no audit") => {}
        other => panic!("expected a failed audit row, got {other:?}"),
    }
}

/// Every row of every table, as text.
fn dump(path: &Path) -> Vec<String> {
    let connection = raw(path);
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("a database");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("a database");
    let mut dump = Vec::new();
    for table in tables.map(|table| table.expect("a name")) {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns).map(|column| Ok(format!("{:?}", row.get_ref(column)?))).collect::<rusqlite::Result<Vec<_>>>()
        });
        dump.extend(rows.expect("a table").map(|row| format!("{table}: {:?}", row.expect("a row"))));
    }
    dump
}
