//! The promises of a [`FileRepository`](vmm_core::repository::FileRepository).

use std::sync::Arc;

use uuid::Uuid;
use vmm_core::model::{ContentId, FileName, NewFile, StoredFile, UserId};
use vmm_core::repository::Repository;
use vmm_core::{Budget, Stored};

use super::{assert_not_found, assert_over, audited, unaudited};
use crate::sample::{self, Desk};

/// Room for a thousand bytes in ten files.
const ROOM: Stored = Stored { files: 10, file_bytes: 1000, scripts: 0, script_bytes: 0, open_requests: 0 };

fn name(text: &str) -> FileName {
    FileName::new(text).expect("a sample's name is valid")
}

fn new(user: UserId, text: &str, bytes: u64) -> NewFile {
    NewFile { user, name: name(text), content: ContentId(Uuid::new_v4()), bytes, sha256: "0".repeat(64) }
}

async fn put(repository: &Arc<dyn Repository>, file: NewFile) -> StoredFile {
    repository.files().put(file, ROOM, sample::audit("put")).await.expect("there is room").0
}

/// A recorded file is found under its name, by its user alone.
pub async fn a_file_reads_as_it_was_recorded(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let wanted = new(desk.user.id, "it's a file.txt", 7);
    let (file, replaced) = audited(&repository, 1, async {
        repository.files().put(wanted.clone(), ROOM, sample::audit("put")).await.expect("there is room")
    })
    .await;
    assert_eq!(replaced, None);
    let StoredFile { user, name, content, bytes, sha256, .. } = file.clone();
    assert_eq!(NewFile { user, name, content, bytes, sha256 }, wanted);
    let found = async |user| repository.files().by_name(user, &wanted.name).await.expect("an answer");
    assert_eq!(found(desk.user.id).await, Some(file.clone()));
    assert_eq!(found(desk.admin.id).await, None);
    assert_eq!(repository.files().contents().await.expect("an answer"), [file.content]);
}

/// A file of the same name is another file, and gives back the content of the one before.
pub async fn a_file_of_the_same_name_is_replaced(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let before = put(&repository, new(desk.user.id, "a", 900)).await;
    put(&repository, new(desk.admin.id, "a", 900)).await;
    let (after, replaced) =
        repository.files().put(new(desk.user.id, "a", 1000), ROOM, sample::audit("put")).await.expect("there is room");
    assert_eq!(replaced, Some(before.content));
    assert_ne!(after.id, before.id);
    assert_eq!(repository.files().used(desk.user.id).await.expect("an answer"), 1000);
    assert_eq!(repository.files().contents().await.expect("an answer").len(), 2);
}

/// More bytes than the user may have are refused and change nothing.
pub async fn a_quota_holds(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    put(&repository, new(desk.user.id, "a", 600)).await;
    put(&repository, new(desk.user.id, "b", 400)).await;
    unaudited(&repository, async {
        for file in [new(desk.user.id, "c", 1), new(desk.user.id, "b", 401), new(desk.user.id, "c", u64::MAX)] {
            let refused = repository.files().put(file, ROOM, sample::audit("put")).await;
            assert_over(refused, Budget::StoredBytes);
        }
    })
    .await;
    assert_eq!(repository.files().used(desk.user.id).await.expect("an answer"), 1000);
    put(&repository, new(desk.admin.id, "c", 1000)).await;
}

/// More files than the user may have are refused, whatever their size, and one of a name that is there is no further
/// one.
pub async fn a_user_has_so_many_files_at_most(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for text in ["a", "b", "c", "d", "f", "g", "h", "i", "j", "k"] {
        put(&repository, new(desk.user.id, text, 0)).await;
    }
    unaudited(&repository, async {
        let refused = repository.files().put(new(desk.user.id, "e", 0), ROOM, sample::audit("put")).await;
        assert_over(refused, Budget::Files);
    })
    .await;
    put(&repository, new(desk.user.id, "a", 1)).await;
    put(&repository, new(desk.admin.id, "e", 0)).await;
    let stored = repository.users().stored(desk.user.id).await.expect("an answer");
    assert_eq!((stored.files, stored.file_bytes), (10, 1));
}

/// Files are listed in order of name, from behind any name on.
pub async fn files_are_listed_in_order_of_name(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for text in ["b", "a", "ä", "B", "c"] {
        put(&repository, new(desk.user.id, text, 1)).await;
    }
    put(&repository, new(desk.admin.id, "other", 1)).await;
    let list = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(name);
        let files = repository.files().list(desk.user.id, after.as_ref(), limit).await.expect("an answer");
        files.iter().map(|file| file.name.to_string()).collect()
    };
    assert_eq!(list(None, 100).await, ["B", "a", "b", "c", "ä"]);
    assert_eq!(list(None, 2).await, ["B", "a"]);
    assert_eq!(list(Some("a"), 2).await, ["b", "c"]);
    assert_eq!(list(Some("aa"), 1).await, ["b"]);
    assert!(list(Some("ä"), 100).await.is_empty());
}

/// A removed file is gone, and is not found again.
pub async fn a_removed_file_is_gone(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let file = put(&repository, new(desk.user.id, "a", 600)).await;
    audited(&repository, 1, async {
        repository.files().delete(file.id, sample::audit("delete")).await.expect("it is there");
    })
    .await;
    assert_eq!(repository.files().by_name(desk.user.id, &file.name).await.expect("an answer"), None);
    assert_eq!(repository.files().used(desk.user.id).await.expect("an answer"), 0);
    unaudited(&repository, async {
        assert_not_found(repository.files().delete(file.id, sample::audit("delete")).await);
    })
    .await;
}

/// A removed account's files are forgotten.
pub async fn files_go_with_their_user(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    put(&repository, new(desk.user.id, "a", 1)).await;
    repository.users().delete(desk.user.id, None, sample::audit("user.delete")).await.expect("nothing names it");
    assert!(repository.files().contents().await.expect("an answer").is_empty());
}
