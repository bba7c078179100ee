//! Directories on a real server: names, links, full disks, machines that lie, and how fast it goes.

use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use vmm_core::Error;
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::tree::SkippedKind;
use vmm_core::remote::{Command, Endpoint, Place, Progress, RemoteExec, TreeDownload, TreeTransferred, TreeUpload};
use vmm_testkit::contract::remote::{Tree, archive, sample_tree, tree};
use vmm_testkit::sshd::Sshd;

use super::resume::impatient;
use super::transfer::until_names;

pub(super) const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn upload(sshd: &Sshd, name: &str) -> TreeUpload {
    let place = Place::new(sshd.shared_directory().display().to_string(), name).expect("a place");
    TreeUpload { place, replace: false, deadline: PATIENCE, progress: Progress::new() }
}

pub(super) async fn send(
    sshd: &Sshd,
    endpoint: &Endpoint,
    upload: TreeUpload,
    archive: Vec<u8>,
) -> vmm_core::Result<TreeTransferred> {
    impatient().send_tree(endpoint, &sshd.key_login(), &upload, Box::new(Cursor::new(archive))).await
}

pub(super) async fn receive(
    sshd: &Sshd,
    endpoint: &Endpoint,
    name: &str,
) -> vmm_core::Result<(TreeTransferred, Vec<u8>)> {
    let TreeUpload { place, deadline, progress, .. } = upload(sshd, name);
    let download = TreeDownload { place, limit: u64::MAX, deadline, progress };
    let (mut here, there) = tokio::io::duplex(MIB);
    let (remote, login, mut bytes) = (impatient(), sshd.key_login(), Vec::new());
    let receive = remote.receive_tree(endpoint, &login, &download, Box::new(there));
    let (received, read) = tokio::join!(receive, here.read_to_end(&mut bytes));
    read.expect("a pipe of our own");
    Ok((received?, bytes))
}

/// Returns the contents of a directory of this computer.
pub(super) fn on_disk(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut left = vec![directory.to_owned()];
    while let Some(from) = left.pop() {
        for entry in std::fs::read_dir(from).expect("a directory of our own") {
            let path = entry.expect("readable").path();
            let about = std::fs::symlink_metadata(&path).expect("it is there");
            let below = path.strip_prefix(directory).expect("below it").as_os_str().as_encoded_bytes().to_vec();
            let content = about.is_file().then(|| std::fs::read(&path).expect("readable"));
            tree.insert(below, (content, about.mode() & 0o777));
            if about.is_dir() {
                left.push(path);
            }
        }
    }
    tree
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_name_arrives_byte_for_byte_in_a_directory_and_comes_back() {
    let count = std::env::var("VMM_HOSTILE_NAMES")
        .map_or(500, |text| text.parse::<usize>().expect("VMM_HOSTILE_NAMES is a number"));
    let (sshd, sample) = (Sshd::start().await, sample_tree(count));
    let sent = send(&sshd, &sshd.endpoint(), upload(&sshd, "it's $(a) tree\n"), archive(&sample)).await;
    assert!(sent.expect("it is sent").files > count as u64);
    assert!(on_disk(&sshd.shared_directory().join("it's $(a) tree\n")) == sample);
    let (_, back) = receive(&sshd, &sshd.endpoint(), "it's $(a) tree\n").await.expect("it is received");
    assert!(tree(&back) == sample);
    until_names(&sshd, &["it's $(a) tree\n"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_on_the_machine_are_not_followed_and_further_names_are_copies() {
    let sshd = Sshd::start().await;
    let at = |name: &str| sshd.shared_directory().join("tree").join(name);
    std::fs::create_dir_all(at("")).expect("ours");
    std::fs::write(at("file"), "content").expect("ours");
    std::fs::hard_link(at("file"), at("hard")).expect("ours");
    symlink("/etc/passwd", at("link")).expect("ours");
    symlink("/etc", at("to-directory")).expect("ours");
    let _listener = std::os::unix::net::UnixListener::bind(at("socket")).expect("ours");
    let (received, bytes) = receive(&sshd, &sshd.endpoint(), "tree").await.expect("the rest is received");
    let files: Vec<_> = tree(&bytes).into_iter().map(|(path, (content, _))| (path, content)).collect();
    let content = Some(b"content".to_vec());
    assert_eq!(files, [(b"file".to_vec(), content.clone()), (b"hard".to_vec(), content)]);
    let mut skipped: Vec<_> = received.skipped.iter().map(|skipped| (&*skipped.path, skipped.what)).collect();
    skipped.sort_by_key(|(path, _)| path.to_owned());
    // GNU's tar leaves sockets out by itself.
    assert_eq!(skipped, [("link", SkippedKind::SymbolicLink), ("to-directory", SkippedKind::SymbolicLink)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_a_file_and_a_directory_at_once_is_refused() {
    const END: usize = 1024;
    let sshd = Sshd::start().await;
    let [file, directory] = [(Some(b"content".to_vec()), 0o644), (None, 0o755)]
        .map(|what| archive(&Tree::from([(b"both".to_vec(), what)])));
    let both = [&file[..file.len() - END], &directory].concat();
    let error = send(&sshd, &sshd.endpoint(), upload(&sshd, "tree"), both).await.expect_err("it is refused");
    let named = matches!(&error, Error::Invalid(problems) if problems[0].field == "file");
    assert!(named && error.to_string().contains("is a file and a directory"), "{error}");
    until_names(&sshd, &[]).await;
}

/// With the `mv` of coreutils 9.5 nobody finds the place empty. Older ones refuse the option, as the other tests' may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_exchanged_for_the_one_it_replaces_where_the_machine_can_do_that() {
    const MV: &str = "#!/bin/sh\n[ \"$1\" = --exchange ] || exec /bin/mv \"$@\"\n[ \"$2\" = -T ] || exit 1\n\
                      /bin/mv -T \"$3\" \"$3.x\" && /bin/mv -T \"$4\" \"$3\" && /bin/mv -T \"$3.x\" \"$4\" && : >\"$0.used\"\n";
    let tools = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(tools.path(), std::fs::Permissions::from_mode(0o777)).expect("ours");
    std::fs::write(tools.path().join("mv"), MV).expect("ours");
    std::fs::set_permissions(tools.path().join("mv"), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let sshd = Sshd::start_set(&format!("SetEnv PATH={}:/usr/bin:/bin", tools.path().display())).await;
    for content in [b"old", b"new"] {
        let tree =
            Tree::from([(b"file".to_vec(), (Some(content.to_vec()), 0o444)), (b"closed".to_vec(), (None, 0o555))]);
        let upload = TreeUpload { replace: true, ..upload(&sshd, "tree") };
        send(&sshd, &sshd.endpoint(), upload, archive(&tree)).await.expect("it is sent");
        assert!(on_disk(&sshd.shared_directory().join("tree")) == tree);
        until_names(&sshd, &["tree"]).await;
        assert_eq!(tools.path().join("mv.used").exists(), content == b"new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_to_be_full_and_no_directory_is_left_on_it() {
    let sshd = Sshd::start().await;
    sshd.mount_small_disk(MIB as u64).await;
    let big = Tree::from_iter((0..4_u8).map(|at| (vec![b'a' + at], (Some(vec![at; MIB / 2]), 0o644))));
    let error = send(&sshd, &sshd.endpoint(), upload(&sshd, "tree"), archive(&big)).await.expect_err("no room");
    assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains("full")), "{error}");
    let list = Command::new(format!("ls -A {}", sshd.shared_directory().display()));
    let left = Libssh2Exec::default().run(&sshd.endpoint(), &sshd.key_login(), &list).await.expect("it runs");
    assert_eq!(left.stdout.text(), "");
}

/// A machine whose `tar` writes what this script does.
async fn lying(script: &str) -> Sshd {
    let sshd = Sshd::start().await;
    let home = sshd.shared_directory();
    let home = home.parent().expect("it is in the home");
    std::fs::create_dir(home.join("bin")).expect("ours");
    std::fs::write(home.join("bin/tar"), format!("#!/bin/sh\n[ $1 = -cf ] || exit 1\n{script}\n")).expect("ours");
    std::fs::set_permissions(home.join("bin/tar"), std::fs::Permissions::from_mode(0o755)).expect("ours");
    std::fs::write(home.join(".bashrc"), format!("PATH={}/bin:$PATH\n", home.display())).expect("ours");
    std::fs::create_dir(home.join("shared/tree")).expect("ours");
    sshd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_lies_gets_nothing_out_of_its_directory() {
    const TAR: &str = "cd /tmp; exec /bin/tar -c --absolute-names";
    for script in [
        format!("{TAR} -f - /etc/hostname"),
        format!("{TAR} -f - --transform 's,^,../../,' /etc/hostname"),
        "exec cat /dev/zero".to_owned(),
        "exec yes".to_owned(),
        "kill $$".to_owned(),
        "exit 0".to_owned(),
        "echo evil words >&2; head -c 10000000 /dev/zero >&2; exit 3".to_owned(),
    ] {
        let sshd = lying(&script).await;
        let began = Instant::now();
        let received = receive(&sshd, &sshd.endpoint(), "tree").await;
        let said = format!("{script}: {received:?}");
        let refused = matches!(received, Err(Error::Invalid(_) | Error::Conflict { .. } | Error::Unavailable { .. }));
        assert!(refused, "{said}");
        assert!(began.elapsed() < Duration::from_secs(30), "{said}");
    }
}

/// Prints how long a thousand small files take there and back, in turns with `scp -r`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p vmm-testkit --test it -- --ignored --nocapture many_small_files"]
#[expect(clippy::print_stdout, reason = "a measurement is for reading")]
async fn many_small_files_beside_scp() {
    let sshd = Sshd::start().await;
    let (endpoint, key_file, shared) = (sshd.endpoint(), sshd.key_file(), sshd.shared_directory());
    let folder = tempfile::tempdir().expect("a temporary directory");
    let local = folder.path().join("many");
    std::fs::create_dir(&local).expect("ours");
    let sample: Tree =
        (0..1000).map(|at| (format!("{at}").into_bytes(), (Some(vec![(at % 251) as u8; 10 * 1024]), 0o644))).collect();
    for (name, (content, _)) in &sample {
        let name = String::from_utf8(name.clone()).expect("ASCII");
        std::fs::write(local.join(name), content.as_deref().unwrap_or_default()).expect("ours");
    }
    let scp = async |from: String, to: String| {
        let status = tokio::process::Command::new("scp")
            .args(["-q", "-r", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "-i"])
            .arg(&key_file)
            .args(["-P", &endpoint.address.port().to_string(), &from, &to])
            .status()
            .await;
        assert!(status.expect("`scp` is installed").success());
    };
    let there = |name: &str| format!("{}@127.0.0.1:{}/{name}", Sshd::USER, shared.display());
    let mut times: [Vec<Duration>; 4] = Default::default();
    for round in 0..5 {
        let began = Instant::now();
        send(&sshd, &endpoint, upload(&sshd, &format!("vmm-{round}")), archive(&sample)).await.expect("it is sent");
        times[0].push(began.elapsed());
        let began = Instant::now();
        scp(local.display().to_string(), there(&format!("scp-{round}"))).await;
        times[1].push(began.elapsed());
        let began = Instant::now();
        receive(&sshd, &endpoint, &format!("vmm-{round}")).await.expect("it is received");
        times[2].push(began.elapsed());
        let began = Instant::now();
        scp(there(&format!("scp-{round}")), folder.path().join(format!("back-{round}")).display().to_string()).await;
        times[3].push(began.elapsed());
    }
    for (name, times) in ["vmm up", "scp up", "vmm down", "scp down"].iter().zip(&mut times) {
        times.sort();
        println!("{name}: median {:?}, all {times:?}", times[times.len() / 2]);
    }
}
