//! Requests of an account that a machine can never fulfil.

use std::io::Cursor;
use std::time::Duration;

use vmm_core::Error;
use vmm_core::remote::{Download, Progress, TreeDownload, TreeUpload, Upload};

use super::Subject;
use super::transfer::at;

const PATIENCE: Duration = Duration::from_secs(30);

/// Returns whether an error names this cause as one that does not pass.
fn is_for_good(error: &Error, cause: &str) -> bool {
    matches!(error, Error::Conflict { reason, .. } if reason.contains(cause) && !reason.contains("later"))
}

/// Where an account can use neither SFTP nor a shell, that is said of a file, and not that it may be tried again.
pub async fn a_file_that_nothing_can_carry_is_refused_for_good(subject: &dyn Subject) {
    let (remote, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
    let (place, deadline, progress) = (at(subject, "file"), PATIENCE, Progress::new());
    let upload = Upload { place: place.clone(), mode: None, deadline, progress: progress.clone() };
    let error = remote.send(&endpoint, &login, &upload, Box::new(Cursor::new(vec![7; 1_000_000]))).await;
    let error = error.expect_err("nothing carries it");
    assert!(is_for_good(&error, "neither SFTP nor a shell"), "{error}");
    let download = Download { place, deadline, progress };
    let error = remote.receive(&endpoint, &login, &download, Box::new(tokio::io::sink())).await;
    let error = error.expect_err("nothing carries it");
    assert!(is_for_good(&error, "neither SFTP nor a shell"), "{error}");
}

/// Where an account has no shell, that is said of a directory, and not that it may be tried again.
pub async fn a_directory_is_refused_for_good_where_there_is_no_shell(subject: &dyn Subject) {
    let (remote, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
    let (place, deadline, progress) = (at(subject, "tree"), PATIENCE, Progress::new());
    let upload = TreeUpload { place: place.clone(), replace: false, deadline, progress: progress.clone() };
    let archive = super::archive(&super::sample_tree(0));
    let error = remote.send_tree(&endpoint, &login, &upload, Box::new(Cursor::new(archive))).await;
    let error = error.expect_err("nothing carries it");
    assert!(is_for_good(&error, "no shell"), "{error}");
    let download = TreeDownload { place, limit: u64::MAX, deadline, progress };
    let error = remote.receive_tree(&endpoint, &login, &download, Box::new(tokio::io::sink())).await;
    let error = error.expect_err("nothing carries it");
    assert!(is_for_good(&error, "no shell"), "{error}");
    super::transfer::until_names(subject, &[]).await;
}
