//! An invalid request is answered with a problem detail that names the field and repeats no value.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, Who};

#[tokio::test]
async fn every_wrong_field_is_named() {
    let app = App::new().await;
    for (body, fields) in [
        (json!({"user": [{"name": "zoe", "password": "s3cretP4ss", "admin": true}]}), vec!["user[0].admin"]),
        (json!({"user": [{"name": 5, "password": ["s3cretP4ss"]}]}), vec!["user[0].name", "user[0].password"]),
        (json!({"user": [{"name": true, "password": "s3cretP4ss"}]}), vec!["user[0].name"]),
        (json!({"user": [{"password": "s3cretP4ss", "role": "king"}]}), vec!["user[0].name", "user[0].role"]),
        (json!({"user": [{"name": "zoe", "password": "s3cretP4ss", "chat_id": 1.5}]}), vec!["user[0].chat_id"]),
        (json!({"user": [{"name": "x".repeat(200), "password": "s3cretP4ss"}]}), vec!["user[0].name"]),
        (json!({"user": [{"name": "z\u{7}e", "password": "s3cretP4ss"}]}), vec!["user[0].name"]),
        (json!({"user": {"name": "zoe"}}), vec!["user"]),
        (json!({"users": []}), vec!["user", "users"]),
        (json!([]), vec!["body"]),
        (json!({"user": []}), vec!["user"]),
    ] {
        let answer = app.post(Who::Root, "/db/user", body).await;
        assert_eq!(answer.problem_fields(), fields, "{}", answer.text);
        assert!(!answer.text.contains("s3cretP4ss"), "{}", answer.text);
    }
    assert_eq!(app.get(Who::Root, "/db/user").await.ok()["user"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Root, "/db/vm?status=asleep").await.problem_fields(), ["status"]);
    assert_eq!(app.get(Who::Root, "/db/vm?statsu=on").await.problem_fields(), ["statsu"]);
    assert_eq!(app.get(Who::Root, "/db/vm?status=on&status=off").await.problem_fields(), ["status"]);
    assert_eq!(app.get(Who::Root, "/job/first").await.problem_fields(), ["id"]);
    assert_eq!(app.call(Who::Root, "DELETE", "/db/vm", None).await.problem_fields(), ["name"]);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let app = App::new().await;
    app.get(Who::Root, "/nowhere").await.assert_problem(404);
    let answer = app.call(Who::Root, "PATCH", "/db/user", None).await;
    answer.assert_problem(405);
    assert_eq!(answer.header("allow"), "DELETE, GET, POST, PUT");
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let app = App::new().await;
    for (kind, body, status) in [
        ("application/json", "{\"user\": [", 400),
        ("application/json", "", 400),
        ("application/x-www-form-urlencoded", "user=x", 415),
    ] {
        let token = app.token(Who::Root).await.unwrap();
        let mut socket = TcpStream::connect(app.address).await.unwrap();
        let head = format!(
            "POST /db/user HTTP/1.1\r\nHost: vmm\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_is_never_kept_by_a_cache() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Root, "/db/user").await.header("cache-control"), "no-store");
    assert_eq!(app.get(Who::Anonymous, "/db/user").await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_what_it_is() {
    let app = App::new().await;
    let json: &[u8] = br#"{"user": []}"#;
    for (bytes, says) in [
        (b"".to_vec(), "is empty"),
        (b" \n".to_vec(), "is empty"),
        (vec![0x1f, 0x8b, 8, 0], "gzip"),
        ([b"\xef\xbb\xbf", json].concat(), "byte order mark"),
        ([b"\xff\xfe", json].concat(), "UTF-16"),
        (b"{".to_vec(), "see line 1, column 1"),
    ] {
        let answer = app.send_bytes(Who::Root, "POST", "/db/user", "application/json", bytes).await;
        answer.assert_problem(400);
        assert!(answer.text.contains(says), "{says}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_path_with_a_slash_at_its_end_is_told_without() {
    let app = App::new().await;
    for path in ["/db/vm", "/vm/script/run", "/vm/script/run/7"] {
        let answer = app.get(Who::Alice, &format!("{path}/")).await;
        answer.assert_problem(404);
        assert!(answer.text.contains(&format!("leave out the last slash: {path}")), "{}", answer.text);
    }
    let answer = app.get(Who::Alice, "/no/such/path/").await;
    assert!(!answer.text.contains("slash"), "{}", answer.text);
}
