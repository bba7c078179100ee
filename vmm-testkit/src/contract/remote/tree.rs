//! Directories there and back.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use tar::{Archive, Builder, EntryType, Header};
use tokio::io::AsyncReadExt;
use vmm_core::remote::tree::SkippedKind;
use vmm_core::remote::{Place, Progress, Source, TreeDownload, TreeTransferred, TreeUpload};
use vmm_core::{Error, Result};

use super::transfer::{at, cut, put, until_names};
use super::{Subject, hostile_names};
use crate::sample::sha256;

const PATIENCE: Duration = Duration::from_secs(30);

/// The contents of a directory: paths below it; content and permission bits of files, permission bits of directories.
pub type Tree = BTreeMap<Vec<u8>, (Option<Vec<u8>>, u32)>;

/// A tree with everything that is allowed in one.
pub fn sample_tree(names: usize) -> Tree {
    let mut tree = Tree::new();
    let mut file = |path: &[u8], content: &[u8], mode| tree.insert(path.to_vec(), (Some(content.to_vec()), mode));
    file(b"empty", b"", 0o644);
    file(b"program", b"#!/bin/sh\n", 0o755);
    file(b"secret", b"hush", 0o600);
    file(b"a/b/c/deep", b"deep", 0o644);
    file(b"big", &(0..3_000_003_u64).map(|at| ((at * at) >> 7) as u8).collect::<Vec<_>>(), 0o640);
    file(b"names/\xff\xfe not UTF-8 \x80", b"bytes", 0o644);
    file(format!("{}/{}", "x".repeat(255), "y".repeat(255)).as_bytes(), b"long", 0o644);
    for name in hostile_names(names) {
        file(format!("names/{name}").as_bytes(), format!("content of {name}").as_bytes(), 0o644);
    }
    for (path, mode) in [("a", 0o755), ("a/b", 0o700), ("a/b/c", 0o755), ("names", 0o755), ("nothing in it", 0o750)] {
        tree.insert(path.into(), (None, mode));
    }
    tree.insert("x".repeat(255).into(), (None, 0o755));
    tree
}

/// A tar archive of a tree.
///
/// # Panics
/// Never: it is made in memory.
pub fn archive(tree: &Tree) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, (content, mode)) in tree {
        let (kind, content) = match content {
            Some(content) => (EntryType::Regular, content.as_slice()),
            None => (EntryType::Directory, &b""[..]),
        };
        let mut header = header(kind, content.len());
        header.set_mode(*mode);
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        builder.append_data(&mut header, path, content).expect("written to memory");
    }
    builder.into_inner().expect("written to memory")
}

/// The tree in a tar archive, without the directory itself.
///
/// # Panics
/// If it is no archive of files and directories.
pub fn tree(archive: &[u8]) -> Tree {
    let mut tree = Tree::new();
    for entry in Archive::new(archive).entries().expect("an archive") {
        let mut entry = entry.expect("an archive");
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        let path = path.strip_suffix(b"/").unwrap_or(path).to_vec();
        let mode = entry.header().mode().expect("a mode");
        let content = match entry.header().entry_type() {
            EntryType::Regular => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).expect("an archive");
                Some(content)
            }
            EntryType::Directory => None,
            other => panic!("there is a {other:?} in it"),
        };
        if !path.is_empty() {
            assert!(tree.insert(path, (content, mode)).is_none(), "something is in it twice");
        }
    }
    tree
}

fn header(kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_mtime(1_000_000_000);
    header
}

/// An archive of one entry, with a name and a kind that a good program would not write.
fn evil(path: &[u8], kind: EntryType, link: &str) -> Vec<u8> {
    let mut header = header(kind, if kind == EntryType::Regular { 4 } else { 0 });
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut archive = header.as_bytes().to_vec();
    if kind == EntryType::Regular {
        archive.extend_from_slice(b"evil");
        archive.resize(1024, 0);
    }
    archive
}

fn ended(archives: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = archives.concat();
    archive.resize(archive.len() + 1024, 0);
    archive
}

fn upload(place: Place, replace: bool) -> TreeUpload {
    TreeUpload { place, replace, deadline: PATIENCE, progress: Progress::new() }
}

async fn send(subject: &dyn Subject, upload: &TreeUpload, source: Source) -> Result<TreeTransferred> {
    subject.remote().send_tree(&subject.endpoint(), &subject.login(), upload, source).await
}

async fn put_tree(subject: &dyn Subject, name: &str, replace: bool, archive: Vec<u8>) -> Result<TreeTransferred> {
    send(subject, &upload(at(subject, name), replace), Box::new(Cursor::new(archive))).await
}

async fn fetch(subject: &dyn Subject, place: Place, limit: u64) -> Result<(TreeTransferred, Tree)> {
    let (mut here, there) = tokio::io::duplex(100_000);
    let (remote, endpoint, login) = (subject.remote(), subject.endpoint(), subject.login());
    let download = TreeDownload { place, limit, deadline: PATIENCE, progress: Progress::new() };
    let receive = remote.receive_tree(&endpoint, &login, &download, Box::new(there));
    let mut archive = Vec::new();
    let (received, read) = tokio::join!(receive, here.read_to_end(&mut archive));
    read.expect("a pipe of our own");
    let received = received?;
    assert_eq!(download.progress.bytes(), received.bytes);
    Ok((received, tree(&archive)))
}

/// Files, directories, names and permissions come back; what is told of them is right.
pub async fn a_directory_comes_back_as_it_was_sent(subject: &dyn Subject) {
    let sample = sample_tree(0);
    let upload = upload(at(subject, "tree"), false);
    let sent = send(subject, &upload, Box::new(Cursor::new(archive(&sample)))).await.expect("it is sent");
    let contents: Vec<_> = sample.values().filter_map(|(content, _)| content.as_deref()).collect();
    assert_eq!((sent.files, sent.directories), (contents.len() as u64, (sample.len() - contents.len()) as u64));
    assert_eq!((sent.bytes, sent.sha256.as_str()), (contents.concat().len() as u64, &*sha256(&contents.concat())));
    assert_eq!((sent.skipped_count, upload.progress.bytes()), (0, sent.bytes));
    let (received, back) = fetch(subject, at(subject, "tree"), u64::MAX).await.expect("it is received");
    assert_eq!((received.files, received.directories, received.bytes), (sent.files, sent.directories, sent.bytes));
    assert!(back == sample, "{:?} came back", back.keys().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>());
    let error = fetch(subject, at(subject, "tree"), sent.bytes - 1).await.expect_err("it is too large");
    assert!(matches!(error, Error::TooLarge { limit } if limit == sent.bytes - 1), "{error}");

    let empty = put_tree(subject, "empty", false, ended(&[])).await.expect("it is sent");
    assert_eq!((empty.files, empty.sha256), (0, sha256(b"")));
    assert!(fetch(subject, at(subject, "empty"), 0).await.expect("it is received").1.is_empty());
    until_names(subject, &["empty", "tree"]).await;
}

/// Links, pipes and devices in an archive are not made, and not kept quiet about.
pub async fn what_is_neither_file_nor_directory_is_left_out_and_named(subject: &dyn Subject) {
    let archive = ended(&[
        evil(b"link", EntryType::Symlink, "/etc"),
        evil(b"link/passwd", EntryType::Regular, ""),
        evil(b"hard", EntryType::Link, "/etc/passwd"),
        evil(b"pipe", EntryType::Fifo, ""),
        evil(b"device", EntryType::Char, ""),
    ]);
    let sent = put_tree(subject, "tree", false, archive).await.expect("the rest is sent");
    let skipped: Vec<_> = sent.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.what)).collect();
    let wanted = [
        ("link", SkippedKind::SymbolicLink),
        ("hard", SkippedKind::HardLink),
        ("pipe", SkippedKind::Special),
        ("device", SkippedKind::Special),
    ];
    assert_eq!((skipped.as_slice(), sent.skipped_count, sent.files), (&wanted[..], 4, 1));
    let (_, back) = fetch(subject, at(subject, "tree"), u64::MAX).await.expect("it is received");
    assert_eq!(back[&b"link/passwd"[..]].0.as_deref(), Some(&b"evil"[..]), "the link is not there");
}

/// No name leads outside; what is no archive, or not all of one, is none.
pub async fn an_archive_that_leads_elsewhere_is_refused(subject: &dyn Subject) {
    put(subject, at(subject, "file"), b"before").await.expect("it is sent");
    let mut archives: Vec<_> = ["../file", "/tmp/file", "..", "a/../../file", "a/..", "./../file", "/"]
        .map(|path| ended(&[evil(path.as_bytes(), EntryType::Regular, "")]))
        .into();
    archives.push(ended(&[evil(b"ok", EntryType::Regular, ""), evil(b"../d", EntryType::Directory, "")]));
    archives.push(evil(b"no end", EntryType::Regular, ""));
    archives.push(archive(&sample_tree(0))[..2_000_000].to_vec());
    archives.push(b"no archive at all".repeat(1000));
    archives.push(Vec::new());
    for (number, archive) in archives.into_iter().enumerate() {
        let error = put_tree(subject, "tree", false, archive).await.expect_err("it is refused");
        let named = matches!(&error, Error::Invalid(problems) if problems[0].field == "file");
        assert!(named, "archive {number}: {error}");
    }
    until_names(subject, &["file"]).await;
}

/// Nothing that is there goes without being asked.
pub async fn a_directory_that_is_there_is_replaced_only_if_that_was_asked_for(subject: &dyn Subject) {
    let one = ended(&[evil(b"one", EntryType::Regular, "")]);
    let other = ended(&[evil(b"other", EntryType::Regular, "")]);
    let names = async || {
        let (_, tree) = fetch(subject, at(subject, "tree"), u64::MAX).await.expect("it is there");
        tree.into_keys().collect::<Vec<_>>()
    };
    subject.make_directory("tree").await;
    put_tree(subject, "tree", false, one).await.expect("an empty directory is no loss");
    assert_eq!(names().await, [b"one"]);
    let error = put_tree(subject, "tree", false, other.clone()).await.expect_err("it is there");
    assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains("exists and is not empty")), "{error}");
    assert_eq!(names().await, [b"one"]);
    put_tree(subject, "tree", true, other).await.expect("it is replaced");
    assert_eq!(names().await, [b"other"]);
    until_names(subject, &["tree"]).await;
}

/// A place that cannot be is named, and nothing is left.
pub async fn a_wrong_place_for_a_directory_is_refused_and_named(subject: &dyn Subject) {
    let field = |error: &Error| match error {
        Error::Invalid(problems) => problems.iter().map(|problem| problem.field.clone()).collect(),
        other => format!("{other}"),
    };
    put(subject, at(subject, "file"), b"there").await.expect("it is sent");
    let below = |name: &str| format!("{}/{name}", subject.directory());
    let place = |directory: String, name: &str| Place::new(directory, name).expect("a place");
    let missing = ("directory", place(below("missing"), "new"));
    let below_file = ("directory", place(below("file"), "new"));
    for (wrong, place) in [missing.clone(), below_file.clone(), ("file", at(subject, "file"))] {
        for replace in [false, true] {
            let upload = upload(place.clone(), replace);
            let error = send(subject, &upload, Box::new(Cursor::new(ended(&[])))).await.expect_err("no place there");
            assert_eq!(field(&error), wrong, "sending {place}: {error}");
        }
    }
    for (wrong, place) in [missing, below_file, ("file", at(subject, "file")), ("file", at(subject, "missing"))] {
        let error = fetch(subject, place.clone(), u64::MAX).await.expect_err("it is not there");
        assert_eq!(field(&error), wrong, "receiving {place}: {error}");
    }
    subject.close_directory().await;
    let error = put_tree(subject, "new", false, ended(&[])).await.expect_err("the directory is closed");
    assert_eq!(field(&error), "directory", "{error}");
    until_names(subject, &["file"]).await;
}

/// An archive that breaks off, does not end, or is given up leaves nothing.
pub async fn a_directory_of_which_a_part_came_leaves_nothing(subject: &dyn Subject) {
    let begin = || Cursor::new(archive(&sample_tree(0))[..1_000_000].to_vec());
    let broken = Box::new(AsyncReadExt::chain(begin(), cut(0, true)));
    let error = send(subject, &upload(at(subject, "tree"), false), broken).await.expect_err("it is cut");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    until_names(subject, &[]).await;
    let silent = upload(at(subject, "tree"), false);
    let call = send(subject, &silent, Box::new(AsyncReadExt::chain(begin(), cut(0, false))));
    assert!(tokio::time::timeout(Duration::from_millis(700), call).await.is_err());
    until_names(subject, &[]).await;
    let limit = Duration::from_secs(1);
    let late = TreeUpload { deadline: limit, ..silent };
    let error =
        send(subject, &late, Box::new(AsyncReadExt::chain(begin(), cut(0, false)))).await.expect_err("no end comes");
    assert!(matches!(error, Error::Timeout { after, .. } if after == limit), "{error}");
    until_names(subject, &[]).await;
}
