//! The file area.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vmm_core::files::FileStore;
use vmm_http::{ConnectionLimits, Limits};
use vmm_testkit::fixture::{FILE_LIMIT, FILE_QUOTA};
use vmm_testkit::sample::sha256;

use crate::app::{Answer, App, Who};

const OCTETS: &str = "application/octet-stream";

pub(crate) async fn put(app: &App, who: Who, name: &str, bytes: &[u8]) -> Answer {
    app.send_bytes(who, "PUT", &format!("/files/{name}"), OCTETS, bytes.to_vec()).await
}

/// Returns the number of contents on the disk, whoever owns them.
async fn stored(app: &App) -> usize {
    app.desk.files.list().await.unwrap().len()
}

#[tokio::test]
async fn a_file_comes_back_as_it_went_with_its_checksum_and_is_no_page() {
    let app = App::new().await;
    for bytes in [vec![], vec![7], b"<script>alert(1)</script>".to_vec(), vec![0xff; 3_000_000]] {
        let made = put(&app, Who::Alice, "a.html", &bytes).await.ok();
        assert_eq!((&made["name"], &made["bytes"]), (&json!("a.html"), &json!(bytes.len())));
        assert_eq!(made["sha256"], sha256(&bytes));
        let answer = app.get(Who::Alice, "/files/a.html").await;
        assert_eq!((answer.status, answer.bytes.len()), (200, bytes.len()));
        assert!(answer.bytes == bytes);
        for (header, value) in [
            ("content-type", OCTETS.to_owned()),
            ("content-length", bytes.len().to_string()),
            ("content-disposition", "attachment; filename*=UTF-8''a.html".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("etag", format!("\"{}\"", sha256(&bytes))),
        ] {
            assert_eq!(answer.header(header), value, "{header}");
        }
    }
    assert_eq!(stored(&app).await, 1);
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let app = App::new().await;
    put(&app, Who::Alice, "digits", b"0123456789").await.ok();
    let token = app.token(Who::Alice).await;
    let get =
        async |range: &str| app.send_with(&[("range", range)], token.as_deref(), "GET", "/files/digits", None).await;
    for (range, status, part, content_range) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=8-100", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 200, "0123456789", ""),
        ("nonsense", 200, "0123456789", ""),
    ] {
        let answer = get(range).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, part), "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
    }
}

#[tokio::test]
async fn an_area_is_its_users_alone_also_for_admins() {
    let app = App::new().await;
    put(&app, Who::Alice, "a", b"alice").await.ok();
    put(&app, Who::Bob, "a", b"bob").await.ok();
    assert_eq!(app.get(Who::Alice, "/files/a").await.text, "alice");
    assert_eq!(app.get(Who::Bob, "/files/a").await.text, "bob");
    app.get(Who::Root, "/files/a").await.assert_problem(404);
    app.call(Who::Root, "DELETE", "/files/a", None).await.assert_problem(404);
    assert_eq!(app.call(Who::Bob, "DELETE", "/files/a", None).await.status, 204);
    app.get(Who::Bob, "/files/a").await.assert_problem(404);
    assert_eq!(app.get(Who::Alice, "/files/a").await.text, "alice");
    app.send_bytes(Who::Anonymous, "PUT", "/files/a", OCTETS, vec![1]).await.assert_problem(401);
}

#[tokio::test]
async fn files_are_listed_in_pages() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Alice, "/files").await.ok(), json!({"file": []}));
    for name in ["c", "a", "d%20e", "b"] {
        put(&app, Who::Alice, name, b"x").await.ok();
    }
    let mut names = Vec::new();
    let mut path = "/files?limit=3".to_owned();
    loop {
        let page = app.get(Who::Alice, &path).await.ok();
        names.extend(page["file"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/files?limit=3&after={next}");
    }
    assert_eq!(names, ["a", "b", "c", "d e"]);
    assert_eq!(app.get(Who::Alice, "/files?after=a").await.problem_fields(), ["after"]);
}

#[tokio::test]
async fn a_name_is_never_a_path() {
    let app = App::new().await;
    for name in ["..%2Fa", "a%2Fb", "%2Fetc%2Fpasswd", "a%00", "a%0Ab", "%1B", "%7F", &"x".repeat(256)] {
        for method in ["PUT", "GET", "DELETE"] {
            let answer = app.call(Who::Alice, method, &format!("/files/{name}"), None).await;
            assert_eq!(answer.problem_fields(), ["name"], "{method} {name}");
        }
    }
    // HTTP libraries resolve dots before they send; a raw request shows what the server makes of them.
    for dots in ["..", ".", "%2e%2e", "../../etc/passwd"] {
        let token = app.token(Who::Alice).await.unwrap();
        let head = format!(
            "PUT /files/{dots} HTTP/1.1\r\nHost: vmm\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Length: 1\r\n\r\nx"
        );
        let answer = exchange(&app, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 422 ") || answer.starts_with("HTTP/1.1 404 "), "{dots}: {answer}");
    }
    for name in ["-rf", "%20", "it's", "%24(id)", "a%5Cb", "%C3%BC", "..."] {
        put(&app, Who::Alice, name, name.as_bytes()).await.ok();
        assert_eq!(app.get(Who::Alice, &format!("/files/{name}")).await.text, name);
    }
    assert_eq!(stored(&app).await, 7);
}

/// Sends raw bytes and reads to the end.
async fn exchange(app: &App, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(app.address).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn head(app: &App, name: &str, framing: &str) -> String {
    let token = app.token(Who::Alice).await.unwrap();
    format!(
        "PUT /files/{name} HTTP/1.1\r\nHost: vmm\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\n{framing}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_and_nothing_is_kept() {
    let app = App::new().await;
    let size = usize::try_from(FILE_LIMIT).unwrap() + 1;
    let told = head(&app, "big", &format!("Content-Length: {size}")).await;
    let answer = exchange(&app, told.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("too-large"), "{answer}");
    let mut chunked = head(&app, "big", "Transfer-Encoding: chunked").await.into_bytes();
    for _ in 0..=FILE_LIMIT / 0x10000 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.resize(chunked.len() + 0x10000, b'x');
        chunked.extend_from_slice(b"\r\n");
    }
    let answer = exchange(&app, &chunked).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    app.get(Who::Alice, "/files/big").await.assert_problem(404);
    app.desk.until("nothing is kept", async || stored(&app).await == 0).await;
    put(&app, Who::Alice, "big", &vec![1; size - 1]).await.ok();
}

#[tokio::test]
async fn a_full_area_is_a_conflict_that_says_what_to_do() {
    let app = App::new().await;
    let (whole, limit) = (vec![1; usize::try_from(FILE_LIMIT).unwrap()], FILE_QUOTA / FILE_LIMIT);
    for number in 0..limit {
        put(&app, Who::Alice, &format!("file-{number}"), &whole).await.ok();
    }
    let answer = put(&app, Who::Alice, "one-more", &whole).await;
    answer.assert_problem(429);
    assert_eq!(answer.body["budget"], "stored-bytes");
    assert!(answer.text.contains("delete some"), "{}", answer.text);
    put(&app, Who::Bob, "one-more", &whole).await.ok();
    app.call(Who::Alice, "DELETE", "/files/file-0", None).await;
    put(&app, Who::Alice, "one-more", &whole).await.ok();
}

#[tokio::test]
async fn an_upload_that_stalls_or_breaks_off_ends_and_leaves_what_was_there() {
    let mut connections = ConnectionLimits::default();
    connections.stall_deadline = Duration::from_millis(300);
    let app = App::behind(Limits::default(), connections).await;
    put(&app, Who::Alice, "a", b"before").await.ok();
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut begin = head(&app, "a", framing).await.into_bytes();
        begin.extend_from_slice(b"10000\r\n");
        begin.resize(begin.len() + 0x10000, b'x');
        begin.extend_from_slice(b"\r\n");
        let answer = exchange(&app, &begin).await;
        assert!(!answer.starts_with("HTTP/1.1 200 "), "{framing}: {answer}");
        let mut socket = TcpStream::connect(app.address).await.unwrap();
        socket.write_all(&begin).await.unwrap();
        drop(socket);
    }
    app.desk.until("nothing else is kept", async || stored(&app).await == 1).await;
    assert_eq!(app.get(Who::Alice, "/files/a").await.text, "before");
}

#[tokio::test]
async fn content_of_another_type_is_refused() {
    let app = App::new().await;
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        app.send_bytes(Who::Alice, "PUT", "/files/a", kind, vec![1]).await.assert_problem(415);
    }
    app.send_bytes(Who::Alice, "PUT", "/files/a", "Application/Octet-Stream; x=y", vec![1]).await.ok();
}

#[tokio::test]
async fn every_change_leaves_one_audit_row() {
    let app = App::new().await;
    put(&app, Who::Alice, "a", b"x").await.ok();
    app.call(Who::Alice, "DELETE", "/files/a", None).await;
    app.call(Who::Alice, "DELETE", "/files/a", None).await.assert_problem(404);
    let rows = app.get(Who::Root, "/audit?action=file.write").await.ok();
    let rows: Vec<_> = rows["audit"].as_array().unwrap().iter().map(|row| (&row["target"], &row["outcome"])).collect();
    let (target, done) = (json!("file a"), json!("done"));
    assert_eq!(rows, [(&target, &json!("failed")), (&target, &done), (&target, &done)]);
}

#[tokio::test]
async fn a_range_that_begins_behind_the_end_is_416_however_far() {
    let app = App::new().await;
    assert_eq!(put(&app, Who::Alice, "note", b"0123456789").await.status, 200);
    let token = app.token(Who::Alice).await;
    for from in ["10", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        let range = format!("bytes={from}-");
        let answer = app.send_with(&[("Range", &range)], token.as_deref(), "GET", "/files/note", None).await;
        answer.assert_problem(416);
        assert_eq!(answer.header("content-range"), "bytes */10", "{range}");
    }
}
