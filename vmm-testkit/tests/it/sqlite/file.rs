//! The file is kept, shared, private, and refused when it is not ours or not whole.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use vmm_core::model::VmFilter;
use vmm_core::repository::Submitted;
use vmm_core::repository::sqlite::SqliteRepository;
use vmm_core::{Error, Part};
use vmm_testkit::sample::{self, Desk};

use super::{open, raw, write_some_audit_rows};

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let repository = open(&path).await;
    let desk = Desk::make(&repository).await;
    let new = sample::request("req-1", desk.user.id, sample::plan(&desk.os, &["web-1", "web-2"]));
    let Ok(Submitted::Created(request)) =
        repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await
    else {
        panic!("it is new")
    };
    let (id, vms) = (repository.desk(), repository.vms().list(&VmFilter::default()).await.expect("an answer"));
    drop(repository);

    let repository = open(&path).await;
    assert_eq!(repository.desk(), id);
    assert_eq!(repository.users().by_id(desk.user.id).await.expect("an answer"), Some(desk.user));
    assert_eq!(repository.oses().by_id(desk.os.id).await.expect("an answer"), Some(desk.os));
    assert_eq!(repository.requests().by_id(&request.id).await.expect("an answer"), Some(request));
    assert_eq!(repository.vms().list(&VmFilter::default()).await.expect("an answer"), vms);
    assert_eq!(repository.audit().verify().await.expect("an answer").first_wrong, None);
}

#[tokio::test]
async fn two_files_are_two_desks() {
    let directory = tempfile::tempdir().expect("a directory");
    let (one, other) = (open(&directory.path().join("1.db")).await, open(&directory.path().join("2.db")).await);
    assert_ne!(one.desk(), other.desk());
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let repository = open(&directory.path().join("vmm.db")).await;
    write_some_audit_rows(&repository, 1).await;
    let files: Vec<_> =
        fs::read_dir(directory.path()).expect("a directory").map(|file| file.expect("a file")).collect();
    assert_eq!(files.len(), 3, "the file, its log and its index");
    for file in files {
        let mode = file.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_open_a_new_file_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for round in 0..5 {
        let path = directory.path().join(format!("{round}.db"));
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { open(&path).await.desk() })
            })
            .collect();
        let mut desks = Vec::new();
        for opener in openers {
            desks.push(opener.await.expect("no panic"));
        }
        desks.dedup();
        assert_eq!(desks.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_on_one_file_wait_for_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let Desk { user, os, .. } = Desk::make(&open(&path).await).await;
    let mut writers = Vec::new();
    for writer in 0..8 {
        let repository = open(&path).await;
        for task in 0..4 {
            let (repository, os, requester) = (Arc::clone(&repository), os.clone(), user.id);
            writers.push(tokio::spawn(async move {
                for row in 0..10 {
                    // It reads before it writes: a transaction that took the lock only then would fail.
                    let name = format!("web-{writer}-{task}-{row}");
                    let new = sample::request(&name, requester, sample::plan(&os, &[&name]));
                    let submitted =
                        repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit"));
                    submitted.await.expect("it only has to wait");
                }
            }));
        }
    }
    for writer in writers {
        writer.await.expect("every write was done");
    }
    let repository = open(&path).await;
    assert_eq!(repository.vms().list(&VmFilter::default()).await.expect("an answer").len(), 320);
    assert_eq!(repository.audit().verify().await.expect("an answer").first_wrong, None);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    drop(open(&path).await);
    raw(&path).pragma_update(None, "user_version", 99).expect("a file that can be written");
    let reason = refused(&path).await;
    assert!(reason.contains("schema 99") && reason.contains("newer"), "{reason}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let text = "a letter to a friend\n".repeat(500);
    fs::write(&path, &text).expect("a file");
    let reason = refused(&path).await;
    assert!(reason.contains("not an SQLite database"), "{reason}");
    assert_eq!(fs::read_to_string(&path).expect("the file"), text);
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("music.db");
    raw(&path).execute_batch("CREATE TABLE song (title TEXT); PRAGMA user_version = 1;").expect("a new file");
    let before = fs::read(&path).expect("the file");
    let reason = refused(&path).await;
    assert!(reason.contains("another program"), "{reason}");
    assert_eq!(fs::read(&path).expect("the file"), before);
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("vmm.db");
    let repository = open(&path).await;
    write_some_audit_rows(&repository, 200).await;
    drop(repository);
    let mut bytes = fs::read(&path).expect("the file");
    let end = bytes.len();
    for byte in &mut bytes[end / 2..] {
        *byte = !*byte;
    }
    fs::write(&path, bytes).expect("the file");
    let error = SqliteRepository::open(&path).await.expect_err("it is damaged");
    assert!(matches!(error, Error::Internal { .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
}

#[tokio::test]
async fn a_path_that_cannot_be_opened_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let reason = refused(&directory.path().join("missing/vmm.db")).await;
    assert!(reason.contains("missing/vmm.db"), "{reason}");
    refused(directory.path()).await;
}

async fn refused(path: &Path) -> String {
    match SqliteRepository::open(path).await {
        Err(Error::Unavailable { part: Part::Database, reason }) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
