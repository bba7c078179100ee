//! Transfers whose connection is cut: they go on where they stood, or leave nothing.

use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use vmm_core::Error;
use vmm_core::remote::libssh2::{Libssh2Config, Libssh2Exec};
use vmm_core::remote::{Download, Endpoint, Place, Progress, RemoteExec, Source, Transferred, Upload};
use vmm_testkit::proxy::{Cut, Proxy, Side};
use vmm_testkit::sample::sha256;
use vmm_testkit::sshd::{Setup, Sshd};

use super::transfer::until_names;

const MIB: usize = 1 << 20;
const SIZE: usize = 6 * MIB + 5;
/// So many bytes may be moved again after a cut, with what a connection needs for itself.
pub(super) const AGAIN: u64 = 4 * MIB as u64;
/// With fewer bytes of one side nobody is logged in, and the first connection must come about.
pub(super) const LOGGED_IN: u64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the number of places at which a file or a directory is cut, each way: 20 unless `VMM_TRANSFER_CUTS` says
/// another number.
pub(super) fn cuts() -> u64 {
    std::env::var("VMM_TRANSFER_CUTS").map_or(20, |text| text.parse().expect("VMM_TRANSFER_CUTS is a number"))
}

/// Places all over a transfer of so many bytes, from its first packets to those behind the last byte of the content.
pub(super) fn places(size: usize) -> impl Iterator<Item = u64> {
    let (first, last) = (2_000, size as u64 + 20_000);
    (0..cuts()).map(move |number| first + number * (last - first) / (cuts() - 1).max(1))
}

fn content(salt: u64) -> Vec<u8> {
    (0..SIZE as u64).map(|at| ((at * at + salt * at) >> 9) as u8).collect()
}

fn place(sshd: &Sshd) -> Place {
    Place::new(sshd.shared_directory().display().to_string(), "file").expect("a place")
}

pub(super) fn through(sshd: &Sshd, proxy: &Proxy) -> Endpoint {
    Endpoint { address: proxy.address(), ..sshd.endpoint() }
}

/// A client that does not wait long for a machine that says nothing.
pub(super) fn impatient() -> Libssh2Exec {
    let mut config = Libssh2Config::default();
    config.silence = Duration::from_millis(1500);
    Libssh2Exec::new(&config)
}

async fn send(sshd: &Sshd, endpoint: &Endpoint, content: Source) -> vmm_core::Result<Transferred> {
    let upload = Upload { place: place(sshd), mode: None, deadline: PATIENCE, progress: Progress::new() };
    impatient().send(endpoint, &sshd.key_login(), &upload, content).await
}

async fn receive(sshd: &Sshd, endpoint: &Endpoint) -> vmm_core::Result<(Transferred, Vec<u8>)> {
    let download = Download { place: place(sshd), deadline: PATIENCE, progress: Progress::new() };
    let (mut here, there) = tokio::io::duplex(MIB);
    let mut bytes = Vec::new();
    let (remote, login) = (impatient(), sshd.key_login());
    let receive = remote.receive(endpoint, &login, &download, Box::new(there));
    let (received, read) = tokio::join!(receive, tokio::io::AsyncReadExt::read_to_end(&mut here, &mut bytes));
    read.expect("a pipe of our own");
    Ok((received?, bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_on_its_way_up_goes_on_and_arrives_whole() {
    is_cut_on_its_way_up(Setup::default(), 1).await;
}

/// Every third place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sftp_a_file_that_is_cut_on_its_way_up_goes_on_and_arrives_whole() {
    is_cut_on_its_way_up(Setup::without_sftp(), 3).await;
}

async fn is_cut_on_its_way_up(setup: Setup, step: usize) {
    let sshd = Sshd::start_as(setup).await;
    let file = sshd.shared_directory().join("file");
    for after in places(SIZE).step_by(step) {
        std::fs::write(&file, "before").expect("ours");
        let proxy = Proxy::cutting(sshd.endpoint().address, vec![Cut { side: Side::Client, after }]).await;
        let content = content(after);
        let sent = send(&sshd, &through(&sshd, &proxy), Box::new(Cursor::new(content.clone()))).await;
        let there = std::fs::read(&file).expect("it is there");
        match sent {
            Ok(sent) => {
                assert_eq!((sent.bytes, sent.sha256), (SIZE as u64, sha256(&content)));
                assert!(there == content, "cut after {after}: reported, and not there");
            }
            Err(error) => {
                assert!(after < LOGGED_IN && matches!(error, Error::Unavailable { .. }), "cut after {after}: {error}");
                assert_eq!(there, b"before");
            }
        }
        let passed = proxy.passed(Side::Client);
        assert!(passed <= SIZE as u64 + AGAIN, "cut after {after}: {passed} bytes went up");
        until_names(&sshd, &["file"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_on_its_way_down_goes_on_and_arrives_whole() {
    is_cut_on_its_way_down(Setup::default(), 1).await;
}

/// Every third place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sftp_a_file_that_is_cut_on_its_way_down_goes_on_and_arrives_whole() {
    is_cut_on_its_way_down(Setup::without_sftp(), 3).await;
}

async fn is_cut_on_its_way_down(setup: Setup, step: usize) {
    let sshd = Sshd::start_as(setup).await;
    let content = content(7);
    std::fs::write(sshd.shared_directory().join("file"), &content).expect("ours");
    for after in places(SIZE).step_by(step) {
        let proxy = Proxy::cutting(sshd.endpoint().address, vec![Cut { side: Side::Server, after }]).await;
        match receive(&sshd, &through(&sshd, &proxy)).await {
            Ok((received, bytes)) => {
                assert_eq!(received, Transferred { bytes: SIZE as u64, sha256: sha256(&content) });
                assert!(bytes == content, "cut after {after}: {} bytes came", bytes.len());
            }
            Err(error) => {
                assert!(after < LOGGED_IN && matches!(error, Error::Unavailable { .. }), "cut after {after}: {error}");
            }
        }
        let passed = proxy.passed(Side::Server);
        assert!(passed <= SIZE as u64 + AGAIN, "cut after {after}: {passed} bytes came down");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_again_and_again_is_replaced_as_long_as_it_brings_something() {
    let sshd = Sshd::start().await;
    let cut = |side| move |_| Some(Cut { side, after: 1_500_000 });
    let content = content(1);
    let up = Proxy::start(sshd.endpoint().address, cut(Side::Client)).await;
    send(&sshd, &through(&sshd, &up), Box::new(Cursor::new(content.clone()))).await.expect("it arrives");
    assert!(up.connections() >= 5, "{} connections", up.connections());
    let down = Proxy::start(sshd.endpoint().address, cut(Side::Server)).await;
    assert!(receive(&sshd, &through(&sshd, &down)).await.expect("it arrives").1 == content);
    assert!(down.connections() >= 5, "{} connections", down.connections());
    until_names(&sshd, &["file"]).await;
}

/// The connection stays open, and nothing more comes over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_falls_silent_is_left_after_a_while_and_the_file_goes_on_over_another_connection() {
    let sshd = Sshd::start().await;
    let content = content(4);
    for after in [1_000_000, 4_000_000, SIZE as u64 + 4_000] {
        let silent = |side| move |number| (number < 2).then_some(Cut { side, after: after / (1 + number as u64) });
        let up = Proxy::falling_silent(sshd.endpoint().address, silent(Side::Client)).await;
        send(&sshd, &through(&sshd, &up), Box::new(Cursor::new(content.clone()))).await.expect("it arrives");
        assert!(std::fs::read(sshd.shared_directory().join("file")).expect("it is there") == content, "{after}");
        let passed = up.passed(Side::Client);
        assert!(passed <= SIZE as u64 + 2 * AGAIN, "silent after {after}: {passed} bytes went up");
        let down = Proxy::falling_silent(sshd.endpoint().address, silent(Side::Server)).await;
        assert!(receive(&sshd, &through(&sshd, &down)).await.expect("it arrives").1 == content, "{after}");
        let passed = down.passed(Side::Server);
        assert!(passed <= SIZE as u64 + 2 * AGAIN, "silent after {after}: {passed} bytes came down");
        until_names(&sshd, &["file"]).await;
    }
}

/// Longer than a machine may say nothing, but its server is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_works_for_long_by_itself_is_waited_for() {
    let tools = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(tools.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let slow = tools.path().join("openssl");
    std::fs::write(&slow, "#!/bin/sh\n/bin/sleep 4\nexec /usr/bin/sha256sum\n").expect("ours");
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let sshd = Sshd::start_set(&format!("SetEnv PATH={}:/usr/bin:/bin", tools.path().display())).await;
    let proxy = Proxy::cutting(sshd.endpoint().address, Vec::new()).await;
    send(&sshd, &through(&sshd, &proxy), Box::new(Cursor::new(b"content".to_vec()))).await.expect("it is sent");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_stays_away_ends_the_transfer_and_keeps_what_it_had() {
    let sshd = Sshd::start().await;
    let file = sshd.shared_directory().join("file");
    std::fs::write(&file, "before").expect("ours");
    // The way is open again for tidying up: every connection but the first and those that are to replace it.
    let plan = |number| match number {
        0 => Some(Cut { side: Side::Client, after: 3_000_000 }),
        1..=5 => Some(Cut { side: Side::Client, after: 100 }),
        _ => None,
    };
    let proxy = Proxy::start(sshd.endpoint().address, plan).await;
    let sent = send(&sshd, &through(&sshd, &proxy), Box::new(Cursor::new(content(2)))).await;
    assert!(matches!(sent, Err(Error::Unavailable { .. })), "{sent:?}");
    until_names(&sshd, &["file"]).await;
    assert_eq!(std::fs::read(&file).expect("it is there"), b"before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changed_between_two_connections_is_not_reported_as_whole() {
    let sshd = Sshd::start().await;
    let file = sshd.shared_directory().join("file");
    for (other, reason) in [(vec![7; SIZE], "another one"), (vec![7; 10], "a shorter one")] {
        std::fs::write(&file, content(3)).expect("ours");
        let (changing, other) = (file.clone(), other);
        let plan = move |number| {
            if number == 1 {
                std::fs::write(&changing, &other).expect("ours");
            }
            (number == 0).then_some(Cut { side: Side::Server, after: 3_000_000 })
        };
        let proxy = Proxy::start(sshd.endpoint().address, plan).await;
        let received = receive(&sshd, &through(&sshd, &proxy)).await;
        let changed = |text: &str| text.contains("changed while it was read");
        assert!(matches!(&received, Err(Error::Conflict { reason, .. }) if changed(reason)), "{reason}: {received:?}");
    }
}

/// Where the machine checks the file and puts it in place, a cut hides whether it has done so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_while_the_file_is_put_in_place_neither_tears_nor_loses_it() {
    for sshd in [Sshd::start().await, Sshd::start_without_shell().await] {
        let file = sshd.shared_directory().join("file");
        let put = async |proxy: &Proxy| {
            std::fs::write(&file, "before").expect("ours");
            send(&sshd, &through(&sshd, proxy), Box::new(Cursor::new(b"content".to_vec()))).await
        };
        let whole = Proxy::cutting(sshd.endpoint().address, Vec::new()).await;
        put(&whole).await.expect("it is sent");
        let all = whole.passed(Side::Client);
        // All the steps of a file as small as this are in its last bytes; before them is the login.
        for number in 0..cuts() {
            let cut = Cut { side: Side::Client, after: all - number * 1_000 / cuts() };
            let proxy = Proxy::cutting(sshd.endpoint().address, vec![cut]).await;
            put(&proxy).await.unwrap_or_else(|error| panic!("{cut:?}: {error}"));
            until_names(&sshd, &["file"]).await;
            assert_eq!(std::fs::read(&file).expect("it is there"), b"content", "{cut:?}");
        }
    }
}

/// The machine is away when it is asked, and there again when what is left is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_came_to_its_place_is_reported_also_when_the_machine_is_away_then() {
    let sshd = Sshd::start().await;
    let file = sshd.shared_directory().join("file");
    // It is replaced each time, which takes a few bytes more than a new one.
    std::fs::write(&file, "before").expect("ours");
    let whole = Proxy::cutting(sshd.endpoint().address, Vec::new()).await;
    send(&sshd, &through(&sshd, &whole), Box::new(Cursor::new(b"content".to_vec()))).await.expect("it is sent");
    let (all, mut placed) = (whole.passed(Side::Client), 0);
    for number in 0..4 {
        std::fs::write(&file, "before").expect("ours");
        let cuts = away_after(all - number * 100);
        let proxy = Proxy::cutting(sshd.endpoint().address, cuts).await;
        let sent = send(&sshd, &through(&sshd, &proxy), Box::new(Cursor::new(b"content".to_vec()))).await;
        until_names(&sshd, &["file"]).await;
        let there = std::fs::read(&file).expect("it is there");
        match sent {
            Ok(_) => assert_eq!(there, b"content", "{number}"),
            Err(error) => {
                assert!(there == b"before" && matches!(error, Error::Unavailable { .. }), "{number}: {error}");
            }
        }
        placed += u32::from(there == b"content");
    }
    assert!(placed > 0);
}

/// Cuts that end a transfer at this byte of the client, keep it from another connection, and then let it tidy up.
pub(super) fn away_after(after: u64) -> Vec<Cut> {
    let cut = |after| Cut { side: Side::Client, after };
    [after, 100, 100, 100, 100, 100].map(cut).to_vec()
}
