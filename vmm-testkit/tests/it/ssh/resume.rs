//! Transfers whose connection is cut: they go on where they stood, or leave nothing.

use std::io::Cursor;
use std::time::Duration;

use vmm_core::Error;
use vmm_core::remote::libssh2::Libssh2Exec;
use vmm_core::remote::{Download, Endpoint, Place, Progress, RemoteExec, Source, Transferred, Upload};
use vmm_testkit::proxy::{Cut, Proxy, Side};
use vmm_testkit::sample::sha256;
use vmm_testkit::sshd::Sshd;

use super::transfer::until_names;

const MIB: usize = 1 << 20;
const SIZE: usize = 6 * MIB + 5;
/// So many bytes may be moved again after a cut, with what a connection needs for itself.
const AGAIN: u64 = 4 * MIB as u64;
/// With fewer bytes of one side nobody is logged in, and the first connection must come about.
const LOGGED_IN: u64 = 5_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// How many places a file is cut at, each way: 20 unless `VMM_TRANSFER_CUTS` says another number.
fn cuts() -> u64 {
    std::env::var("VMM_TRANSFER_CUTS").map_or(20, |text| text.parse().expect("VMM_TRANSFER_CUTS is a number"))
}

/// Places all over a transfer, from its first packets to those behind the last byte of the content.
fn places() -> impl Iterator<Item = u64> {
    let (first, last) = (2_000, SIZE as u64 + 20_000);
    (0..cuts()).map(move |number| first + number * (last - first) / (cuts() - 1).max(1))
}

fn content(salt: u64) -> Vec<u8> {
    (0..SIZE as u64).map(|at| ((at * at + salt * at) >> 9) as u8).collect()
}

fn place(sshd: &Sshd) -> Place {
    Place::new(sshd.shared_directory().display().to_string(), "file").expect("a place")
}

fn through(sshd: &Sshd, proxy: &Proxy) -> Endpoint {
    Endpoint { address: proxy.address(), ..sshd.endpoint() }
}

async fn send(sshd: &Sshd, endpoint: &Endpoint, content: Source) -> vmm_core::Result<Transferred> {
    let upload = Upload { place: place(sshd), mode: None, deadline: PATIENCE, progress: Progress::new() };
    Libssh2Exec::default().send(endpoint, &sshd.key_login(), &upload, content).await
}

async fn receive(sshd: &Sshd, endpoint: &Endpoint) -> vmm_core::Result<(Transferred, Vec<u8>)> {
    let download = Download { place: place(sshd), deadline: PATIENCE, progress: Progress::new() };
    let (mut here, there) = tokio::io::duplex(MIB);
    let mut bytes = Vec::new();
    let (remote, login) = (Libssh2Exec::default(), sshd.key_login());
    let receive = remote.receive(endpoint, &login, &download, Box::new(there));
    let (received, read) = tokio::join!(receive, tokio::io::AsyncReadExt::read_to_end(&mut here, &mut bytes));
    read.expect("a pipe of our own");
    Ok((received?, bytes))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_cut_on_its_way_up_goes_on_and_arrives_whole() {
    let sshd = Sshd::start().await;
    let file = sshd.shared_directory().join("file");
    for after in places() {
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
    let sshd = Sshd::start().await;
    let content = content(7);
    std::fs::write(sshd.shared_directory().join("file"), &content).expect("ours");
    for after in places() {
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
