//! File areas: the store keeps its promises, and an area and its store keep to each other.

use std::io::Cursor;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use uuid::Uuid;
use vmm_core::files::FileStore;
use vmm_core::files::directory::DirectoryFiles;
use vmm_core::model::{FileName, VmFilter, VmName};
use vmm_core::remote::{Credential, Login, Place, Progress};
use vmm_core::{Actor, Budget, Cargo, Direction, Error, ReceiveTo, SendFrom, Transfer};
use vmm_testkit::fixture::{FILE_LIMIT, FILE_QUOTA, TestDesk};

mod directory {
    use super::*;

    async fn store() -> (Arc<dyn FileStore>, TempDir) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        (Arc::new(DirectoryFiles::open(folder.path().join("files")).await.expect("a new store")), folder)
    }

    vmm_testkit::files_contract!(store);

    #[tokio::test]
    async fn only_its_owner_can_look_into_it_and_a_file_is_no_store() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let root = folder.path().join("files");
        DirectoryFiles::open(&root).await.expect("a new store");
        DirectoryFiles::open(&root).await.expect("the same store");
        assert_eq!(std::fs::metadata(&root).expect("it is there").permissions().mode() & 0o777, 0o700);
        std::fs::write(folder.path().join("a-file"), "").expect("room");
        for wrong in ["a-file", "a-file/below", "missing/below"] {
            let error = DirectoryFiles::open(folder.path().join(wrong)).await.expect_err("no directory");
            assert!(matches!(&error, Error::Unavailable { .. }) && error.to_string().contains(wrong), "{error}");
        }
    }
}

fn name(text: &str) -> FileName {
    FileName::new(text).expect("a name")
}

fn source(bytes: &[u8]) -> Box<Cursor<Vec<u8>>> {
    Box::new(Cursor::new(bytes.to_vec()))
}

async fn read(desk: &TestDesk, text: &str) -> Vec<u8> {
    let (_, mut content) = desk.vmm.open_file(&desk.user, &name(text), 0).await.expect("it is there");
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).await.expect("it is read");
    bytes
}

async fn stored(desk: &TestDesk) -> usize {
    desk.files.list().await.expect("an answer").len()
}

#[tokio::test]
async fn an_area_is_its_users_alone_and_a_file_is_replaced_with_its_content() {
    let desk = TestDesk::without_image().await;
    for content in [&b"first"[..], b"second, and longer", b""] {
        desk.vmm.put_file(&desk.user, name("a"), None, source(content)).await.expect("there is room");
        assert_eq!((read(&desk, "a").await, stored(&desk).await), (content.to_vec(), 1));
    }
    let others = desk.vmm.open_file(&desk.admin, &name("a"), 0).await;
    assert!(matches!(others, Err(Error::NotFound { .. })));
    assert!(desk.vmm.files(&desk.admin, None, 10).await.expect("an answer").is_empty());
    for nobody in [Actor::Anonymous, Actor::System] {
        let refused = desk.vmm.put_file(&nobody, name("a"), None, source(b"x")).await;
        assert!(matches!(refused, Err(Error::Unauthenticated | Error::Unsupported(_))));
    }
    desk.vmm.delete_file(&desk.user, &name("a")).await.expect("it is there");
    assert_eq!(stored(&desk).await, 0);
    assert!(matches!(desk.vmm.delete_file(&desk.user, &name("a")).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn limit_and_quota_hold_whether_the_size_is_told_or_not() {
    let desk = TestDesk::without_image().await;
    let put = async |text: &str, size: u64, told: bool| {
        let content = Box::new(tokio::io::repeat(7).take(size));
        desk.vmm.put_file(&desk.user, name(text), told.then_some(size), content).await.map(|file| file.bytes)
    };
    for told in [true, false] {
        let error = put("big", FILE_LIMIT + 1, told).await.expect_err("too large");
        assert!(matches!(error, Error::TooLarge { limit: FILE_LIMIT }), "{error}");
    }
    assert_eq!(put("a", FILE_LIMIT, true).await.expect("just right"), FILE_LIMIT);
    put("b", FILE_LIMIT, false).await.expect("just right");
    for told in [true, false] {
        let error = put("c", FILE_QUOTA - 2 * FILE_LIMIT + 1, told).await.expect_err("the area is full");
        assert!(matches!(&error, Error::OverBudget { budget: Budget::StoredBytes, .. }), "{error}");
        assert!(error.to_string().contains("delete some"), "{error}");
    }
    put("c", FILE_QUOTA - 2 * FILE_LIMIT, true).await.expect("the rest");
    put("a", FILE_LIMIT, true).await.expect("in place of one as large");
    assert_eq!(stored(&desk).await, 3);
}

#[tokio::test]
async fn what_a_dead_process_or_a_removed_account_left_is_tidied_up_and_nothing_else() {
    let mut desk = TestDesk::without_image().await;
    desk.vmm.put_file(&desk.user, name("kept"), None, source(b"kept")).await.expect("there is room");
    let owner = desk.user.user_id().expect("an account");
    // A draft of a living process is kept, one whose process is gone has lost its lock, and so has left-over content.
    let draft = desk.files.create(owner, 100, source(b"draft")).await.expect("there is room");
    let left = desk.files.create(owner, 100, source(b"left")).await.expect("there is room");
    left.keep();
    assert_eq!(stored(&desk).await, 2);
    desk.start_worker();
    desk.until("the area is tidied up", async || stored(&desk).await == 1).await;
    assert_eq!(read(&desk, "kept").await, b"kept");
    assert!(desk.files.open(owner, draft.content, 0).await.is_ok());
    assert!(desk.files.open(owner, vmm_core::model::ContentId(Uuid::nil()), 0).await.is_err());
}

#[tokio::test]
async fn a_file_goes_to_a_machine_and_back_and_a_cut_changes_nothing() {
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os,vcpu,memory\nweb-1,debian:12,1,512\n").await;
    let vm = desk.vmm.vms(&desk.user, &VmFilter::default()).await.expect("machines").items.remove(0);
    let address = (vm.ip.expect("it runs"), 22).into();
    let web = VmName::new("web-1").expect("a name");
    let transfer = |file: &str| Transfer {
        cargo: Cargo::File,
        place: Place::new("/tmp", file).expect("a place"),
        login: Login { user: "vmm".to_owned(), credential: Credential::Password("secret".into()) },
        deadline: std::time::Duration::from_secs(10),
        progress: Progress::new(),
    };
    let content: Vec<u8> = (0..1_000_000_u32).map(|at| (at % 251) as u8).collect();
    desk.vmm.put_file(&desk.user, name("a"), None, source(&content)).await.expect("there is room");
    let carry = async |file: &str, direction| desk.vmm.carry(&desk.user, &web, transfer(file), direction).await?.one();
    let receive = async |file: &str| carry(file, Direction::Receive(ReceiveTo::FileArea)).await;
    let sent = carry("a", Direction::Send(SendFrom::FileArea)).await.expect("it is sent");
    assert_eq!(sent.bytes, 1_000_000);
    assert!(desk.remote.file(address, &transfer("a").place).expect("it is there").0 == content);
    desk.vmm.delete_file(&desk.user, &name("a")).await.expect("it is there");
    let received = receive("a").await.expect("it is received");
    assert_eq!((received.bytes, received.sha256), (sent.bytes, sent.sha256));
    assert!(read(&desk, "a").await == content);

    desk.remote.put_file(address, &transfer("a").place, vec![1; 500_000]);
    desk.remote.put_file(address, &transfer("big").place, vec![1; 5 << 20]);
    desk.remote.break_transfers(address, 300_000);
    let cut = receive("a").await;
    assert!(matches!(cut, Err(Error::Unavailable { .. })), "{cut:?}");
    desk.remote.break_transfers(address, usize::MAX);
    let big = receive("big").await;
    assert!(matches!(big, Err(Error::TooLarge { .. })), "{big:?}");
    assert!(read(&desk, "a").await == content, "what was there stays");
    assert_eq!(stored(&desk).await, 1);
}

#[tokio::test]
async fn a_directory_of_this_computer_goes_to_a_machine_and_back() {
    let desk = TestDesk::new().await;
    desk.provision("r1", "name,os,vcpu,memory\nweb-1,debian:12,1,512\n").await;
    let web = VmName::new("web-1").expect("a name");
    let progress = Progress::new();
    let transfer = |name: &str| Transfer {
        cargo: Cargo::Tree { replace: false },
        place: Place::new("/tmp", name).expect("a place"),
        login: Login { user: "vmm".to_owned(), credential: Credential::Password("secret".into()) },
        deadline: std::time::Duration::from_secs(30),
        progress: progress.clone(),
    };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let at = |path: &str| folder.path().join(path);
    std::fs::create_dir_all(at("site/a/b")).expect("ours");
    std::fs::write(at("site/a/b/it's a file\n"), "content").expect("ours");
    std::fs::write(at("site/run"), vec![7; 3_000_000]).expect("ours");
    std::fs::set_permissions(at("site/run"), std::fs::Permissions::from_mode(0o750)).expect("ours");
    std::fs::set_permissions(at("site/a/b"), std::fs::Permissions::from_mode(0o500)).expect("ours");
    std::os::unix::fs::symlink("/etc", at("site/link")).expect("ours");

    let carry = async |transfer, direction| desk.vmm.carry(&desk.user, &web, transfer, direction).await?.one();
    let from = Direction::Send(SendFrom::Directory(at("site")));
    let sent = carry(transfer("site"), from).await.expect("it is sent");
    let tree = sent.tree.expect("a directory");
    assert_eq!((tree.files, tree.directories, sent.bytes), (2, 2, 3_000_007));
    assert_eq!((tree.skipped[0].path.as_str(), tree.skipped_count), ("link", 1));
    assert_eq!(progress.bytes(), 3_000_007);
    let receive = async |name: &str, to: &str, replace, limit| {
        let transfer = Transfer { cargo: Cargo::Tree { replace }, ..transfer(name) };
        carry(transfer, Direction::Receive(ReceiveTo::Directory { path: at(to), limit })).await
    };
    let received = receive("site", "back", false, u64::MAX).await.expect("it is received");
    assert_eq!((received.bytes, &received.sha256), (sent.bytes, &sent.sha256));
    let mode = |path: &str| std::fs::metadata(at(path)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("back/run"), mode("back/a/b")), (0o750, 0o500));
    assert_eq!(std::fs::read(at("back/a/b/it's a file\n")).expect("it is there"), b"content");
    assert!(!at("back/link").exists());

    std::fs::write(at("back/mine"), "mine").expect("ours");
    let there = receive("site", "back", false, u64::MAX).await;
    assert!(matches!(there, Err(Error::Conflict { .. })), "{there:?}");
    assert!(at("back/mine").exists());
    let large = receive("site", "back", true, 3_000_006).await;
    assert!(matches!(large, Err(Error::TooLarge { limit: 3_000_006 })), "{large:?}");
    let nowhere = receive("site", "not/there", true, u64::MAX).await;
    assert!(matches!(&nowhere, Err(Error::Invalid(problems)) if problems[0].field == "local"), "{nowhere:?}");
    let missing = receive("missing", "back", true, u64::MAX).await;
    assert!(matches!(&missing, Err(Error::Invalid(problems)) if problems[0].field == "file"), "{missing:?}");
    assert!(at("back/mine").exists());
    receive("site", "back", true, u64::MAX).await.expect("it is replaced");
    assert!(!at("back/mine").exists() && at("back/run").exists());
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).expect("ours").map(|entry| entry.expect("ours").file_name()).collect();
    names.sort();
    assert_eq!(names, ["back", "site"], "nothing temporary is left");
}
