//! The promises of every [`FileStore`]. [`files_contract!`](crate::files_contract) makes a test of each promise.

use std::io::{Cursor, Error as IoError};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use uuid::Uuid;
use vmm_core::files::{Draft, FileStore};
use vmm_core::model::{ContentId, UserId};
use vmm_core::{Error, Part};

use crate::sample::sha256;

const USER: UserId = UserId(7);
const LIMIT: u64 = 3_000_000;

async fn create(store: &dyn FileStore, bytes: &[u8]) -> vmm_core::Result<Draft> {
    store.create(USER, LIMIT, Box::new(Cursor::new(bytes.to_vec()))).await
}

async fn read(store: &dyn FileStore, content: ContentId, from: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut source = store.open(USER, content, from).await.expect("it is there");
    source.read_to_end(&mut bytes).await.expect("it is read");
    bytes
}

/// Content reads as it was stored, from any byte on, with its size and checksum.
pub async fn content_reads_as_it_was_stored(store: Arc<dyn FileStore>) {
    for size in [0_usize, 1, 262_144, 1_000_001] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let draft = create(&*store, &bytes).await.expect("there is room");
        assert_eq!((draft.bytes, draft.sha256.clone()), (size as u64, sha256(&bytes)));
        let content = draft.content;
        draft.keep();
        for from in [0, size / 2, size, size + 1] {
            assert_eq!(read(&*store, content, from as u64).await, bytes.get(from..).unwrap_or_default());
        }
    }
    assert_eq!(store.list().await.expect("an answer").len(), 4);
}

/// A draft is not listed, cannot be removed by others, and is gone when it is dropped.
pub async fn a_draft_that_is_dropped_is_gone(store: Arc<dyn FileStore>) {
    let draft = create(&*store, b"content").await.expect("there is room");
    let content = draft.content;
    assert!(store.list().await.expect("an answer").is_empty());
    store.remove(USER, content).await.expect("that is no error");
    assert_eq!(read(&*store, content, 0).await, b"content");
    drop(draft);
    let gone = store.open(USER, content, 0).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })));
}

/// Removed content is gone, but not from under a reader; removing it again is no error.
pub async fn removed_content_is_gone(store: Arc<dyn FileStore>) {
    let draft = create(&*store, b"content").await.expect("there is room");
    let content = draft.content;
    draft.keep();
    assert_eq!(store.list().await.expect("an answer"), [(USER, content)]);
    let mut reader = store.open(USER, content, 0).await.expect("it is there");
    let file = store.file(USER, content).await.expect("it is there");
    for _ in 0..2 {
        store.remove(USER, content).await.expect("that is no error");
    }
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).await.expect("it is read");
    assert_eq!(bytes, b"content");
    let mut end = [0; 3];
    file.read_exact_at(&mut end, 4).expect("it is read");
    assert_eq!(&end, b"ent");
    assert!(matches!(store.file(USER, content).await, Err(Error::NotFound { .. })));
    assert!(store.list().await.expect("an answer").is_empty());
    assert!(matches!(store.open(USER, content, 0).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.open(UserId(8), ContentId(Uuid::nil()), 0).await, Err(Error::NotFound { .. })));
}

/// Content over the limit is refused and nothing of it stays, however long it goes on.
pub async fn content_over_the_limit_is_refused(store: Arc<dyn FileStore>) {
    let whole = vec![1; usize::try_from(LIMIT).expect("small")];
    create(&*store, &whole).await.expect("it is just right");
    let endless = store.create(USER, LIMIT, Box::new(tokio::io::repeat(1))).await;
    assert!(matches!(endless, Err(Error::TooLarge { limit: LIMIT })), "{endless:?}");
    assert!(store.list().await.expect("an answer").is_empty());
}

/// Content that breaks off, or whose caller stops waiting, does not stay.
pub async fn content_that_breaks_off_does_not_stay(store: Arc<dyn FileStore>) {
    struct Fails;
    impl AsyncRead for Fails {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Err(IoError::other("cut")))
        }
    }
    let broken = store.create(USER, LIMIT, Box::new(Cursor::new(vec![1; 500_000]).chain(Fails))).await;
    assert!(matches!(broken, Err(Error::Unavailable { part: Part::Desk, .. })), "{broken:?}");
    let (_open, silent) = tokio::io::duplex(10);
    let left = store.create(USER, LIMIT, Box::new(Cursor::new(vec![1; 500_000]).chain(silent)));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(200), left).await.is_err());
    assert!(store.list().await.expect("an answer").is_empty());
}

/// Makes one test of each promise. The argument is an async function that gives an empty `Arc<dyn FileStore>`, and
/// whatever has to live as long.
#[macro_export]
macro_rules! files_contract {
    ($store:path) => {
        $crate::files_contract!($store:
            content_reads_as_it_was_stored,
            a_draft_that_is_dropped_is_gone,
            removed_content_is_gone,
            content_over_the_limit_is_refused,
            content_that_breaks_off_does_not_stay,
        );
    };
    ($store:path: $($promise:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (store, _alive) = $store().await;
                $crate::contract::files::$promise(store).await;
            }
        )+
    };
}
