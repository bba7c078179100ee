//! Files there and back.

use std::io::{Cursor, Error as IoError};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use vmm_core::remote::{Download, Endpoint, Login, Place, Progress, Source, Transferred, Upload};
use vmm_core::{Error, Part, Result};

use super::{Subject, hostile_names};
use crate::sshd::{free_address, other_host_key};

const MIB: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes that repeat nowhere nearby.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(next).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}

pub(super) fn at(subject: &dyn Subject, file: &str) -> Place {
    Place::new(subject.directory(), file).expect("a place for a file")
}

fn upload(place: Place) -> Upload {
    Upload { place, mode: None, deadline: PATIENCE, progress: Progress::new() }
}

fn download(place: Place) -> Download {
    Download { place, deadline: PATIENCE, progress: Progress::new() }
}

async fn send(subject: &dyn Subject, place: Place, source: Source) -> Result<Transferred> {
    subject.remote().send(&subject.endpoint(), &subject.login(), &upload(place), source).await
}

pub(super) async fn put(subject: &dyn Subject, place: Place, bytes: &[u8]) -> Result<Transferred> {
    send(subject, place, Box::new(Cursor::new(bytes.to_vec()))).await
}

async fn fetch(subject: &dyn Subject, place: Place) -> Result<(Transferred, Vec<u8>)> {
    let (mut here, there) = tokio::io::duplex(100_000);
    let (endpoint, login, download) = (subject.endpoint(), subject.login(), download(place));
    let remote = subject.remote();
    let receive = remote.receive(&endpoint, &login, &download, Box::new(there));
    let mut bytes = Vec::new();
    let (transferred, read) = tokio::join!(receive, here.read_to_end(&mut bytes));
    read.expect("a pipe of our own");
    Ok((transferred?, bytes))
}

/// Gives some bytes, then does nothing or fails.
struct Cut {
    left: usize,
    fails: bool,
}

impl AsyncRead for Cut {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let count = self.left.min(buffer.remaining()).min(50_000);
        if count == 0 {
            return if self.fails { Poll::Ready(Err(IoError::other("cut"))) } else { Poll::Pending };
        }
        buffer.put_slice(&vec![b'x'; count]);
        self.left -= count;
        Poll::Ready(Ok(()))
    }
}

pub(super) fn cut(after: usize, fails: bool) -> Source {
    Box::new(Cut { left: after, fails })
}

/// Waits until the directory holds these names and nothing else, since tidying up may outlive the call.
pub(super) async fn until_names(subject: &dyn Subject, wanted: &[&str]) {
    let began = Instant::now();
    loop {
        let mut names = subject.names().await;
        names.sort();
        if names == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "there are {names:?} and not {wanted:?}");
        tokio::task::yield_now().await;
    }
}

/// A file that is sent comes back byte for byte, whatever its size, with its size and checksum.
pub async fn what_is_sent_comes_back(subject: &dyn Subject) {
    let mut names = Vec::new();
    for size in [0, 1, 29_999, 30_000, 240_001, MIB, 5 * MIB + 3] {
        let (name, bytes) = (format!("file-{size}"), content(size));
        let sent = put(subject, at(subject, &name), &bytes).await.expect("it is sent");
        let (received, back) = fetch(subject, at(subject, &name)).await.expect("it is received");
        assert!(back == bytes, "{size} bytes came back as {} others", back.len());
        assert_eq!((sent.bytes, &sent), (size as u64, &received));
        names.push(name);
    }
    names.sort();
    until_names(subject, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Progress is told in bytes, never runs ahead of what was given or taken, and ends at the file's size.
pub async fn progress_is_told_in_bytes(subject: &dyn Subject) {
    const SIZE: usize = 5 * MIB + 3;
    const PIPE: usize = 4096;
    let (up, down) = (Progress::new(), Progress::new());
    let upload = Upload { progress: up.clone(), ..upload(at(subject, "file")) };
    let (here, mut there) = tokio::io::duplex(MIB);
    let (remote, endpoint, login, content) = (subject.remote(), subject.endpoint(), subject.login(), content(SIZE));
    let send = remote.send(&endpoint, &login, &upload, Box::new(here));
    let feed = async {
        let mut seen = up.watch();
        there.write_all(&content[..4 * MIB]).await.expect("it is taken");
        let moving = tokio::time::timeout(PATIENCE, seen.wait_for(|bytes| *bytes > 0)).await;
        let bytes = *moving.expect("in time").expect("it goes on");
        assert!(bytes <= 4 * MIB as u64, "{bytes} of the bytes that were there");
        there.write_all(&content[4 * MIB..]).await.expect("it is taken");
        drop(there);
    };
    let (sent, ()) = tokio::join!(send, feed);
    assert_eq!((sent.expect("it is sent").bytes, up.bytes()), (SIZE as u64, SIZE as u64));
    let download = Download { progress: down.clone(), ..download(at(subject, "file")) };
    let (mut here, there) = tokio::io::duplex(PIPE);
    let receive = remote.receive(&endpoint, &login, &download, Box::new(there));
    let take = async {
        let (mut taken, mut piece) = (0, vec![0; PIPE]);
        while taken < SIZE {
            taken += here.read(&mut piece).await.expect("a pipe of our own");
            let bytes = down.bytes();
            assert!(bytes <= (taken + PIPE) as u64, "{bytes} when {taken} were taken");
        }
    };
    let (received, ()) = tokio::join!(receive, take);
    assert_eq!(received.expect("it is received").bytes, SIZE as u64);
    assert_eq!((down.bytes(), down.total()), (SIZE as u64, Some(SIZE as u64)));
}

/// A file that is there is replaced, by a shorter one too.
pub async fn a_file_that_is_there_is_replaced(subject: &dyn Subject) {
    for bytes in [content(300_000), content(7), Vec::new(), content(90_001)] {
        put(subject, at(subject, "file"), &bytes).await.expect("it is sent");
        let (_, back) = fetch(subject, at(subject, "file")).await.expect("it is received");
        assert!(back == bytes);
    }
    until_names(subject, &["file"]).await;
}

/// A name is never taken for anything but a name.
pub async fn hostile_names_arrive_byte_for_byte(subject: &dyn Subject) {
    let mut names = hostile_names(0);
    for name in &names {
        let bytes = format!("content of {name}").into_bytes();
        put(subject, at(subject, name), &bytes).await.unwrap_or_else(|error| panic!("{name:?}: {error}"));
    }
    names.sort();
    until_names(subject, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // The directory has told the names already.
    for name in names.iter().step_by(4) {
        let (_, back) = fetch(subject, at(subject, name)).await.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(back, format!("content of {name}").into_bytes());
    }
}

/// A directory or file that cannot be is named, and nothing is left.
pub async fn a_wrong_place_is_refused_and_named(subject: &dyn Subject) {
    let field = |error: &Error| match error {
        Error::Invalid(problems) => problems.iter().map(|problem| problem.field.clone()).collect(),
        other => format!("{other}"),
    };
    put(subject, at(subject, "file"), b"there").await.expect("it is sent");
    subject.make_directory("directory").await;
    subject.make_pipe("pipe").await;
    let below = |name: &str| format!("{}/{name}", subject.directory());
    let place = |directory: String, file: &str| Place::new(directory, file).expect("a place");
    for (wrong, place) in [
        ("directory", place(below("missing"), "new")),
        ("directory", place(below("file"), "new")),
        ("file", at(subject, "directory")),
        ("file", at(subject, "pipe")),
    ] {
        let error = put(subject, place.clone(), b"content").await.expect_err("it has no place there");
        assert_eq!(field(&error), wrong, "sending {place}: {error}");
    }
    for (wrong, place) in [
        ("directory", place(below("missing"), "new")),
        ("directory", place(below("file"), "new")),
        ("file", at(subject, "missing")),
        ("file", at(subject, "directory")),
        ("file", at(subject, "pipe")),
    ] {
        let error = fetch(subject, place.clone()).await.expect_err("it is not there");
        assert_eq!(field(&error), wrong, "receiving {place}: {error}");
    }
    until_names(subject, &["directory", "file", "pipe"]).await;
    subject.close_directory().await;
    for name in ["file", "new"] {
        let error = put(subject, at(subject, name), b"content").await.expect_err("the directory is closed");
        assert_eq!(field(&error), "directory", "sending {name}: {error}");
    }
    until_names(subject, &["directory", "file", "pipe"]).await;
}

/// A source that breaks off leaves what was there, and nothing else.
pub async fn content_that_breaks_off_leaves_nothing(subject: &dyn Subject) {
    put(subject, at(subject, "file"), b"before").await.expect("it is sent");
    for (name, after) in [("file", 0), ("file", 3 * MIB), ("new", 2 * MIB)] {
        let error = send(subject, at(subject, name), cut(after, true)).await.expect_err("it is cut");
        assert!(matches!(error, Error::Unavailable { part: Part::Desk, .. }), "{error}");
    }
    until_names(subject, &["file"]).await;
    assert_eq!(fetch(subject, at(subject, "file")).await.expect("it is there").1, b"before");
}

/// A caller who goes away leaves what was there, and nothing else.
pub async fn a_caller_who_stops_waiting_leaves_nothing(subject: &dyn Subject) {
    put(subject, at(subject, "file"), b"before").await.expect("it is sent");
    for after in [0, MIB, 4 * MIB] {
        let call = send(subject, at(subject, "file"), cut(after, false));
        assert!(tokio::time::timeout(Duration::from_millis(700), call).await.is_err());
        until_names(subject, &["file"]).await;
    }
    assert_eq!(fetch(subject, at(subject, "file")).await.expect("it is there").1, b"before");
}

/// Content that does not come, and content that is not taken, end at the deadline.
pub async fn transfers_end_at_their_deadline(subject: &dyn Subject) {
    let limit = Duration::from_secs(1);
    put(subject, at(subject, "file"), &content(3 * MIB)).await.expect("it is sent");
    let on_time = |what: &str, began: Instant, error: Error| {
        let took = began.elapsed();
        assert!(matches!(error, Error::Timeout { after, .. } if after == limit), "{what}: {error}");
        assert!(limit <= took && took <= limit + Duration::from_secs(1), "{what} took {took:?}");
    };
    for (what, source) in [
        ("silence", cut(0, false)),
        ("silence after a part", cut(2 * MIB, false)),
        ("no end", Box::new(tokio::io::repeat(7)) as Source),
    ] {
        let (began, upload) = (Instant::now(), Upload { deadline: limit, ..upload(at(subject, "file")) });
        let call = subject.remote().send(&subject.endpoint(), &subject.login(), &upload, source).await;
        on_time(what, began, call.expect_err("it does not end by itself"));
    }
    let (_unread, sink) = tokio::io::duplex(1000);
    let (began, download) = (Instant::now(), Download { deadline: limit, ..download(at(subject, "file")) });
    let call = subject.remote().receive(&subject.endpoint(), &subject.login(), &download, Box::new(sink)).await;
    on_time("an unread sink", began, call.expect_err("nobody takes it"));
    until_names(subject, &["file"]).await;
    assert!(fetch(subject, at(subject, "file")).await.expect("it is there").1 == content(3 * MIB));
}

/// Host key, login and reach are judged for transfers as for commands.
pub async fn transfers_are_refused_like_commands(subject: &dyn Subject) {
    async fn both(subject: &dyn Subject, endpoint: &Endpoint, login: &Login) -> [Error; 2] {
        let (upload, download) = (upload(at(subject, "file")), download(at(subject, "file")));
        let remote = subject.remote();
        let sent = remote.send(endpoint, login, &upload, Box::new(Cursor::new(vec![0; 10]))).await;
        let received = remote.receive(endpoint, login, &download, Box::new(tokio::io::sink())).await;
        [sent.expect_err("refused"), received.expect_err("refused")]
    }
    let other = Endpoint { host_key: other_host_key(), ..subject.endpoint() };
    for error in both(subject, &other, &subject.login()).await {
        assert!(matches!(error, Error::HostKeyChanged { .. }), "{error}");
    }
    assert_eq!(subject.login_attempts().await, 0);
    for error in both(subject, &subject.endpoint(), &subject.wrong_login()).await {
        assert!(matches!(error, Error::LoginRefused { .. }), "{error}");
    }
    assert_eq!(subject.login_attempts().await, 2);
    let nowhere = Endpoint { address: free_address(), ..subject.endpoint() };
    for error in both(subject, &nowhere, &subject.login()).await {
        assert!(matches!(error, Error::Unavailable { part: Part::Connection, .. }), "{error}");
    }
    until_names(subject, &[]).await;
}

/// Transfers at once do not meet each other, also when they go to the same place.
pub async fn many_transfers_at_once_do_not_meet(subject: &dyn Subject) {
    let (all, mut calls) = (subject.remote(), tokio::task::JoinSet::new());
    for number in 0..8 {
        for (name, size) in [(format!("own-{number}"), 200_000 + number), ("shared".to_owned(), 400_000 + number)] {
            let (remote, endpoint, login) = (Arc::clone(&all), subject.endpoint(), subject.login());
            let upload = upload(at(subject, &name));
            let source = Box::new(Cursor::new(content(size)));
            calls.spawn(async move { remote.send(&endpoint, &login, &upload, source).await });
        }
    }
    for call in calls.join_all().await {
        call.expect("it is sent");
    }
    for number in 0..8 {
        let (_, back) = fetch(subject, at(subject, &format!("own-{number}"))).await.expect("it is there");
        assert!(back == content(200_000 + number));
    }
    let (shared, back) = fetch(subject, at(subject, "shared")).await.expect("it is there");
    assert!((400_000..400_008).contains(&shared.bytes) && back == content(back.len()));
}
