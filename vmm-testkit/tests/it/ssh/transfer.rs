//! Files on a real server: broken connections, full disks, what a replaced file keeps, and how fast it goes.

use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use vmm_core::Error;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::{Command, Download, Endpoint, Place, Progress, RemoteExec, Transferred, Upload};
use vmm_testkit::contract::remote::{archive, hostile_names, sample_tree};
use vmm_testkit::sshd::{Setup, Sshd};

const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

fn place(sshd: &Sshd, file: &str) -> Place {
    Place::new(sshd.shared_directory().display().to_string(), file).expect("a place")
}

async fn put(sshd: &Sshd, endpoint: &Endpoint, upload: Upload, bytes: Vec<u8>) -> vmm_core::Result<Transferred> {
    Libssh2Exec::default().send(endpoint, &sshd.key_login(), &upload, Box::new(Cursor::new(bytes))).await
}

fn upload(sshd: &Sshd, file: &str) -> Upload {
    Upload { place: place(sshd, file), mode: None, deadline: PATIENCE, progress: Progress::new() }
}

fn download(sshd: &Sshd, file: &str) -> Download {
    Download { place: place(sshd, file), deadline: PATIENCE, progress: Progress::new() }
}

fn names(sshd: &Sshd) -> Vec<String> {
    let entries = std::fs::read_dir(sshd.shared_directory()).expect("a directory of our own");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

pub(super) async fn until_names(sshd: &Sshd, wanted: &[&str]) {
    let began = Instant::now();
    while names(sshd) != wanted {
        assert!(began.elapsed() < PATIENCE, "there are {:?} and not {wanted:?}", names(sshd));
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_to_be_full_and_nothing_is_left_on_it() {
    is_full(Setup::default()).await;
    is_full(Setup::without_sftp()).await;
}

async fn is_full(setup: Setup) {
    let sshd = Sshd::start_as(setup).await;
    sshd.mount_small_disk(MIB as u64).await;
    let error = put(&sshd, &sshd.endpoint(), upload(&sshd, "file"), vec![7; 4 * MIB]).await.expect_err("no room");
    assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains("full")), "{error}");
    let list = Command::new(format!("ls -A {}", sshd.shared_directory().display()));
    let left = Libssh2Exec::default().run(&sshd.endpoint(), &sshd.key_login(), &list).await.expect("it runs");
    assert_eq!(left.stdout.text(), "");
    put(&sshd, &sshd.endpoint(), upload(&sshd, "file"), vec![7; MIB / 2]).await.expect("there is room for this");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_file_keeps_its_permissions_and_a_link_is_replaced_by_a_file() {
    keeps_its_permissions(Setup::default()).await;
    keeps_its_permissions(Setup::without_sftp()).await;
}

async fn keeps_its_permissions(setup: Setup) {
    let sshd = Sshd::start_as(setup).await;
    let (at, mode) = (
        |name: &str| -> PathBuf { sshd.shared_directory().join(name) },
        |path: PathBuf| std::fs::metadata(path).expect("it is there").mode() & 0o7777,
    );
    let put = async |upload: Upload| put(&sshd, &sshd.endpoint(), upload, b"content".to_vec()).await;
    put(upload(&sshd, "file")).await.expect("it is sent");
    assert_eq!(mode(at("file")), 0o644);
    std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o750)).expect("ours");
    put(upload(&sshd, "file")).await.expect("it is sent");
    assert_eq!(mode(at("file")), 0o750);
    put(Upload { mode: Some(0o600), ..upload(&sshd, "file") }).await.expect("it is sent");
    assert_eq!(mode(at("file")), 0o600);

    std::fs::write(at("elsewhere"), "untouched").expect("ours");
    symlink(at("elsewhere"), at("link")).expect("ours");
    put(upload(&sshd, "link")).await.expect("it is sent");
    assert!(std::fs::symlink_metadata(at("link")).expect("it is there").is_file());
    assert_eq!(std::fs::read_to_string(at("elsewhere")).expect("it is there"), "untouched");
    std::fs::create_dir(at("directory")).expect("ours");
    symlink(at("directory"), at("to-directory")).expect("ours");
    let error = put(upload(&sshd, "to-directory")).await.expect_err("it is a directory");
    assert!(matches!(&error, Error::Invalid(problems) if problems[0].field == "file"), "{error}");
}

/// Over SFTP, by way of a shell, and where nothing but SFTP tells of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk_is_named_and_is_no_reason_to_try_again() {
    for (setup, cause) in [
        (Setup::default(), "read-only there"),
        (Setup::without_sftp(), "read-only there"),
        (Setup::set("ForceCommand internal-sftp"), "may be full, read-only"),
    ] {
        let has_shell = setup.settings.is_empty();
        let sshd = Sshd::start_as(setup).await;
        sshd.mount_read_only().await;
        let error = put(&sshd, &sshd.endpoint(), upload(&sshd, "file"), vec![7; 10]).await.expect_err("read-only");
        assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains(cause)), "{error}");
        if has_shell {
            let upload = super::tree::upload(&sshd, "tree");
            let sent = super::tree::send(&sshd, &sshd.endpoint(), upload, archive(&sample_tree(0))).await;
            let error = sent.expect_err("read-only");
            assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains(cause)), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_home_can_be_named_and_a_file_without_a_size_is_read_to_its_end() {
    reads_to_the_end(Setup::default()).await;
    reads_to_the_end(Setup::without_sftp()).await;
}

async fn reads_to_the_end(setup: Setup) {
    let sshd = Sshd::start_as(setup).await;
    let fetch = async |directory: &str, file: &str| {
        let (mut here, there) = tokio::io::duplex(MIB);
        let download = Download {
            place: Place::new(directory, file).expect("a place"),
            deadline: PATIENCE,
            progress: Progress::new(),
        };
        let (remote, endpoint, login) = (Libssh2Exec::default(), sshd.endpoint(), sshd.key_login());
        let mut bytes = Vec::new();
        let receive = remote.receive(&endpoint, &login, &download, Box::new(there));
        let (received, read) = tokio::join!(receive, here.read_to_end(&mut bytes));
        read.expect("a pipe");
        received.expect("it is received");
        bytes
    };
    std::fs::write(sshd.shared_directory().join("note"), "hello").expect("ours");
    for directory in ["~/shared", "shared", "./shared", "~/./shared/"] {
        assert_eq!(fetch(directory, "note").await, b"hello", "{directory}");
    }
    let cpu = fetch("/proc", "cpuinfo").await;
    assert_eq!(
        cpu.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"processor")).count(),
        std::fs::read_to_string("/proc/cpuinfo").expect("Linux").matches("\nprocessor").count() + 1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_rewritten_while_it_is_read_is_not_reported_as_whole() {
    is_rewritten(Setup::default()).await;
    is_rewritten(Setup::without_sftp()).await;
}

async fn is_rewritten(setup: Setup) {
    let sshd = Sshd::start_as(setup).await;
    let path = sshd.shared_directory().join("busy");
    std::fs::write(&path, vec![1; 8 * MIB]).expect("ours");
    let (mut here, there) = tokio::io::duplex(1000);
    let (remote, endpoint, login) = (Libssh2Exec::default(), sshd.endpoint(), sshd.key_login());
    let download = download(&sshd, "busy");
    let receive = remote.receive(&endpoint, &login, &download, Box::new(there));
    let rewrite = async {
        let mut buffer = vec![0; MIB];
        here.read_exact(&mut buffer).await.expect("the first part");
        std::fs::write(&path, vec![2; 8 * MIB]).expect("ours");
        tokio::io::copy(&mut here, &mut tokio::io::sink()).await.expect("a pipe");
    };
    let (received, ()) = tokio::join!(receive, rewrite);
    assert!(matches!(&received, Err(Error::Conflict { reason, .. }) if reason.contains("changed")), "{received:?}");
}

/// 500 names unless `VMM_HOSTILE_NAMES` says another number, there and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_name_that_a_file_can_have_arrives_byte_for_byte_and_comes_back() {
    const AT_ONCE: usize = 8;
    let count = std::env::var("VMM_HOSTILE_NAMES")
        .map_or(500, |text| text.parse::<usize>().expect("VMM_HOSTILE_NAMES is a number"));
    let sshd = Arc::new(Sshd::start().await);
    let (directory, mut names) = (sshd.shared_directory(), hostile_names(count));
    let mut calls = JoinSet::new();
    for share in 0..AT_ONCE {
        let names: Vec<_> = names.iter().skip(share).step_by(AT_ONCE).cloned().collect();
        let (sshd, directory, remote) = (Arc::clone(&sshd), directory.clone(), Libssh2Exec::default());
        calls.spawn(async move {
            for name in names {
                let content = format!("content of {name}").into_bytes();
                let (endpoint, login) = (sshd.endpoint(), sshd.key_login());
                let source = Box::new(Cursor::new(content.clone()));
                let sent = remote.send(&endpoint, &login, &upload(&sshd, &name), source).await;
                sent.unwrap_or_else(|error| panic!("sending {name:?}: {error}"));
                let there = std::fs::read(directory.join(&name));
                assert!(there.is_ok_and(|there| there == content), "{name:?}");
                let (mut here, sink) = tokio::io::duplex(1000);
                let received = remote.receive(&endpoint, &login, &download(&sshd, &name), Box::new(sink)).await;
                received.unwrap_or_else(|error| panic!("receiving {name:?}: {error}"));
                let mut back = Vec::new();
                here.read_to_end(&mut back).await.expect("a pipe");
                assert_eq!(back, content, "{name:?}");
            }
        });
    }
    calls.join_all().await;
    names.sort();
    until_names(&sshd, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Prints how long a big file takes there and back, in turns with `scp`, and what it needs of memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p vmm-testkit --test it -- --ignored --nocapture a_big_file_beside"]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn a_big_file_beside_scp() {
    const SIZE: usize = 256 * MIB;
    let sshd = Sshd::start().await;
    let (endpoint, key_file) = (sshd.endpoint(), sshd.key_file());
    let folder = tempfile::tempdir().expect("a temporary directory");
    let local = folder.path().join("big");
    std::fs::write(&local, (0..SIZE).map(|at| ((at * at) >> 7) as u8).collect::<Vec<u8>>()).expect("room");
    let remote_file = format!("{}@127.0.0.1:{}/scp", Sshd::USER, sshd.shared_directory().display());
    let scp = async |from: &str, to: &str| {
        let status = tokio::process::Command::new("scp")
            .args(["-q", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-i"])
            .arg(&key_file)
            .args(["-P", &endpoint.address.port().to_string(), from, to])
            .status()
            .await
            .expect("`scp` is installed");
        assert!(status.success());
    };
    let local_name = local.display().to_string();
    let back = folder.path().join("back").display().to_string();
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..3 {
        let began = Instant::now();
        let source = tokio::fs::File::open(&local).await.expect("a file of our own");
        Libssh2Exec::default()
            .send(&endpoint, &sshd.key_login(), &upload(&sshd, "vmm"), Box::new(source))
            .await
            .expect("it is sent");
        times[0].push(began.elapsed());
        let began = Instant::now();
        scp(&local_name, &remote_file).await;
        times[1].push(began.elapsed());
        let began = Instant::now();
        let sink = tokio::fs::File::create(&back).await.expect("a file of our own");
        Libssh2Exec::default()
            .receive(&endpoint, &sshd.key_login(), &download(&sshd, "vmm"), Box::new(sink))
            .await
            .expect("it is received");
        times[2].push(began.elapsed());
        let began = Instant::now();
        scp(&remote_file, &back).await;
        times[3].push(began.elapsed());
    }
    for (name, times) in ["vmm up", "scp up", "vmm down", "scp down"].iter().zip(&mut times) {
        times.sort();
        println!("{name}: median {:?}, all {times:?}", times[times.len() / 2]);
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM:")).expect("a line of its own"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_files_that_does_not_begin_is_not_waited_for_as_long_as_a_transfer() {
    let mut config = Libssh2Config::default();
    config.login_timeout = Duration::from_secs(2);
    let remote = Libssh2Exec::new(&config);
    for does in ["true", "printf abc", "printf 'abcdefghijklmnop'", "sleep 600"] {
        let sshd = Sshd::start_set(&format!("ForceCommand {does}")).await;
        let download = Download { deadline: Duration::from_secs(3600), ..download(&sshd, "file") };
        let (endpoint, login) = (sshd.endpoint(), sshd.key_login());
        let received = remote.receive(&endpoint, &login, &download, Box::new(tokio::io::sink()));
        let received = tokio::time::timeout(PATIENCE, received).await.expect("long before its deadline");
        // Nothing tells a server that is slow from one that never begins; what has ended will not begin.
        match received {
            Err(Error::Unavailable { .. }) if does == "sleep 600" => {}
            Err(Error::Conflict { .. }) if does != "sleep 600" => {}
            other => panic!("{does}: {other:?}"),
        }
    }
}
