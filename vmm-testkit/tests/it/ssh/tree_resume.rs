//! Directories whose connection is cut: they go on where they stood, or leave nothing.

use std::os::unix::fs::PermissionsExt;

use vmm_core::Error;
use vmm_testkit::contract::remote::{Tree, archive, hostile_names, tree};
use vmm_testkit::proxy::{Cut, Proxy, Side};
use vmm_testkit::sshd::Sshd;

use super::resume::{AGAIN, LOGGED_IN, away_after, cuts, places, through};
use super::transfer::until_names;
use super::tree::{MIB, on_disk, receive, send, upload};

/// Small files and large ones, closed directories and empty ones, and names with anything in them.
fn sample() -> Tree {
    let mut tree = Tree::new();
    let mut file = |path: String, bytes: usize, mode| {
        let content = (0..bytes as u64).map(|at| ((at * at + path.len() as u64 * at) >> 9) as u8).collect();
        tree.insert(path.into_bytes(), (Some(content), mode));
    };
    file("big".into(), 3 * MIB + 3, 0o640);
    file("zeros".into(), 0, 0o444);
    for number in 0..40 {
        file(format!("closed/{number}"), 20_000 + number * 7, 0o444);
        file(format!("open/below/{number}"), number, 0o600);
    }
    file("open/last".into(), MIB, 0o755);
    for name in hostile_names(30) {
        file(format!("names/{name}"), 100, 0o644);
    }
    tree.insert(b"names/\xff'\xfe".to_vec(), (Some(vec![0; 300_000]), 0o644));
    for (path, mode) in [("closed", 0o555), ("open", 0o755), ("open/below", 0o700), ("names", 0o755), ("empty", 0o500)]
    {
        tree.insert(path.into(), (None, mode));
    }
    tree
}

fn old() -> Tree {
    Tree::from([(b"old".to_vec(), (Some(b"old".to_vec()), 0o444)), (b"closed".to_vec(), (None, 0o555))])
}

/// Puts an old directory there, and sends another one in its place, by way of a proxy.
async fn replace(sshd: &Sshd, proxy: &Proxy, new: &[u8]) -> vmm_core::Result<()> {
    let upload = || vmm_core::remote::TreeUpload { replace: true, ..upload(sshd, "tree") };
    if on_disk(&sshd.shared_directory().join("tree")) != old() {
        send(sshd, &sshd.endpoint(), upload(), archive(&old())).await.expect("it is sent");
    }
    send(sshd, &through(sshd, proxy), upload(), new.to_vec()).await.map(drop)
}

async fn start() -> Sshd {
    let sshd = Sshd::start().await;
    std::fs::create_dir(sshd.shared_directory().join("tree")).expect("ours");
    send(&sshd, &sshd.endpoint(), upload(&sshd, "tree"), archive(&old())).await.expect("it is sent");
    sshd
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_cut_on_its_way_up_goes_on_and_arrives_whole() {
    let (sshd, sample) = (start().await, sample());
    let bytes = archive(&sample);
    for after in places(bytes.len()) {
        let proxy = Proxy::cutting(sshd.endpoint().address, vec![Cut { side: Side::Client, after }]).await;
        let sent = replace(&sshd, &proxy, &bytes).await;
        until_names(&sshd, &["tree"]).await;
        let there = on_disk(&sshd.shared_directory().join("tree"));
        match sent {
            Ok(()) => assert!(there == sample, "cut after {after}: reported, and not there"),
            Err(error) => {
                assert!(after < LOGGED_IN && matches!(error, Error::Unavailable { .. }), "cut after {after}: {error}");
                assert!(there == old());
            }
        }
        let passed = proxy.passed(Side::Client);
        assert!(passed <= bytes.len() as u64 + AGAIN, "cut after {after}: {passed} bytes went up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_cut_on_its_way_down_goes_on_and_arrives_whole() {
    let (sshd, sample) = (Sshd::start().await, sample());
    let bytes = archive(&sample);
    send(&sshd, &sshd.endpoint(), upload(&sshd, "tree"), bytes.clone()).await.expect("it is sent");
    for after in places(bytes.len()) {
        let proxy = Proxy::cutting(sshd.endpoint().address, vec![Cut { side: Side::Server, after }]).await;
        match receive(&sshd, &through(&sshd, &proxy), "tree").await {
            Ok((_, received)) => assert!(tree(&received) == sample, "cut after {after}"),
            Err(error) => {
                assert!(after < LOGGED_IN && matches!(error, Error::Unavailable { .. }), "cut after {after}: {error}");
            }
        }
        let passed = proxy.passed(Side::Server);
        assert!(passed <= bytes.len() as u64 + AGAIN, "cut after {after}: {passed} bytes came down");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_goes_on_over_many_connections_also_when_they_only_fall_silent() {
    let (sshd, sample) = (start().await, sample());
    let bytes = archive(&sample);
    let cut = |side, after| move |_| Some(Cut { side, after });
    let up = Proxy::start(sshd.endpoint().address, cut(Side::Client, 1_500_000)).await;
    replace(&sshd, &up, &bytes).await.expect("it arrives");
    assert!(on_disk(&sshd.shared_directory().join("tree")) == sample);
    let down = Proxy::start(sshd.endpoint().address, cut(Side::Server, 1_500_000)).await;
    let (_, received) = receive(&sshd, &through(&sshd, &down), "tree").await.expect("it arrives");
    assert!(tree(&received) == sample);
    assert!(up.connections() >= 4 && down.connections() >= 4, "{} and {}", up.connections(), down.connections());

    let up = Proxy::falling_silent(sshd.endpoint().address, cut(Side::Client, 3_000_000)).await;
    replace(&sshd, &up, &bytes).await.expect("it arrives");
    assert!(on_disk(&sshd.shared_directory().join("tree")) == sample);
    let down = Proxy::falling_silent(sshd.endpoint().address, cut(Side::Server, 3_000_000)).await;
    let (_, received) = receive(&sshd, &through(&sshd, &down), "tree").await.expect("it arrives");
    assert!(tree(&received) == sample);
    assert!(up.connections() >= 2 && down.connections() >= 2);
    until_names(&sshd, &["tree"]).await;
}

/// Where the machine checks the directory and puts it in place, a cut hides whether it has done so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_while_the_directory_is_put_in_place_neither_tears_nor_loses_it() {
    let (sshd, new) = (start().await, Tree::from([(b"a/new".to_vec(), (Some(b"new".to_vec()), 0o600))]));
    let new = Tree::from_iter(new.into_iter().chain([(b"a".to_vec(), (None, 0o555))]));
    let bytes = archive(&new);
    let whole = Proxy::cutting(sshd.endpoint().address, Vec::new()).await;
    replace(&sshd, &whole, &bytes).await.expect("it is sent");
    let all = whole.passed(Side::Client);
    let there = || on_disk(&sshd.shared_directory().join("tree"));
    for number in 0..cuts() {
        let after = all - number * (all - LOGGED_IN) / cuts();
        let proxy = Proxy::cutting(sshd.endpoint().address, vec![Cut { side: Side::Client, after }]).await;
        replace(&sshd, &proxy, &bytes).await.unwrap_or_else(|error| panic!("cut after {after} of {all}: {error}"));
        until_names(&sshd, &["tree"]).await;
        assert!(there() == new, "cut after {after} of {all}");
    }
    let mut placed = 0;
    for number in 0..4 {
        let proxy = Proxy::cutting(sshd.endpoint().address, away_after(all - number * 240)).await;
        let sent = replace(&sshd, &proxy, &bytes).await;
        until_names(&sshd, &["tree"]).await;
        match sent {
            Ok(()) => assert!(there() == new, "{number}"),
            Err(error) => assert!(there() == old() && matches!(error, Error::Unavailable { .. }), "{number}: {error}"),
        }
        placed += u32::from(there() == new);
    }
    assert!(placed > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_changed_between_two_connections_is_not_reported_as_whole() {
    let (sshd, sample) = (Sshd::start().await, sample());
    send(&sshd, &sshd.endpoint(), upload(&sshd, "tree"), archive(&sample)).await.expect("it is sent");
    let at = sshd.shared_directory().join("tree");
    for number in 0..3 {
        let changed = at.clone();
        let plan = move |connection| {
            if connection == 1 {
                match number {
                    0 => std::fs::write(changed.join("one more"), "more"),
                    1 => std::fs::remove_file(changed.join("zeros")),
                    _ => std::fs::write(changed.join("big"), "shorter"),
                }
                .expect("ours");
            }
            (connection == 0).then_some(Cut { side: Side::Server, after: 5_000_000 })
        };
        let proxy = Proxy::start(sshd.endpoint().address, plan).await;
        let received = receive(&sshd, &through(&sshd, &proxy), "tree").await;
        let said = |text: &str| text.contains("changed while it was read");
        assert!(matches!(&received, Err(Error::Conflict { reason, .. }) if said(reason)), "{number}: {received:?}");
    }
}

/// BusyBox as the machine's only tools: its `tar` knows fewer things, and its `head` takes more than it was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
async fn a_machine_with_busybox_alone_goes_on_too() {
    const BUSYBOX: &str = "/bin/busybox";
    if !std::path::Path::new(BUSYBOX).exists() {
        return eprintln!("skipped: there is no {BUSYBOX} (apt-get install busybox-static)");
    }
    let tools = tempfile::tempdir().expect("a temporary directory");
    std::fs::set_permissions(tools.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    let names = "sh tar xargs sha256sum dd cat mv rm chmod ls wc touch sleep mkdir rmdir sync";
    for tool in names.split(' ') {
        std::os::unix::fs::symlink(BUSYBOX, tools.path().join(tool)).expect("ours");
    }
    let sshd = Sshd::start_set(&format!("SetEnv PATH={}", tools.path().display())).await;
    let (bytes, sample) = (archive(&sample()), sample());
    for after in [1_000_000, 4_000_000, bytes.len() as u64 - 100_000] {
        let cut = |side| vec![Cut { side, after }];
        let up = Proxy::cutting(sshd.endpoint().address, cut(Side::Client)).await;
        let upload = vmm_core::remote::TreeUpload { replace: true, ..upload(&sshd, "tree") };
        send(&sshd, &through(&sshd, &up), upload, bytes.clone()).await.expect("it arrives");
        let there = on_disk(&sshd.shared_directory().join("tree"));
        let other: Vec<_> = there.iter().filter(|(path, what)| sample.get(*path) != Some(what)).collect();
        let names: Vec<_> = other.iter().map(|(path, (_, mode))| (String::from_utf8_lossy(path), *mode)).collect();
        assert!(there == sample, "{after}: {names:?}, {} and {}", there.len(), sample.len());
        let down = Proxy::cutting(sshd.endpoint().address, cut(Side::Server)).await;
        let (_, received) = receive(&sshd, &through(&sshd, &down), "tree").await.expect("it arrives");
        assert!(tree(&received) == sample, "{after}");
        assert!(up.connections() > 1 && down.connections() > 1);
    }
    until_names(&sshd, &["tree"]).await;
}
