//! The requests as the first documentation writes them.

use serde_json::json;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

#[tokio::test]
async fn a_bare_query_key_is_the_machine() {
    let app = App::new().await;
    app.provision().await;
    for path in ["/vm/monitor?web-1", "/vm/monitor?{web-1}", "/vm/monitor?%7Bweb-1%7D", "/vm/monitor?vm={web-1}"] {
        assert_eq!(app.get(Who::Bob, path).await.ok()["vm"]["name"], "web-1", "{path}");
    }
    let body = json!({"ssh": [{"command": "cloud-init status", "user": "vm-user", "password": "s3cretP4ss"}]});
    assert_eq!(app.post(Who::Bob, "/vm/ssh?web-1", body).await.ok()["ssh"][0]["exit_code"], 0);
}

#[tokio::test]
async fn update_and_the_spellings_of_a_password_change_are_accepted() {
    let app = App::new().await;
    for outer in ["update password", "update-password"] {
        for old in ["old=pass", "old-pass", "old-password"] {
            for method in ["UPDATE", "PUT"] {
                let body = json!({outer: [{"user": "alice", old: PASSWORD, "new-password": PASSWORD}]});
                let answer = app.call(Who::Alice, method, "/config/update-password", Some(body)).await;
                assert_eq!(answer.status, 204, "{method} {outer} {old}: {}", answer.text);
                app.forget_tokens();
            }
        }
    }
}

#[tokio::test]
async fn two_spellings_of_one_key_are_refused() {
    let app = App::new().await;
    for (one, other) in [("old-pass", "old-password"), ("old=pass", "old-pass"), ("old-password", "old_password")] {
        let item = json!({"user": "alice", one: PASSWORD, other: PASSWORD, "new-password": PASSWORD});
        let body = json!({ "update-password": [item] });
        let answer = app.call(Who::Alice, "PUT", "/config/update-password", Some(body)).await;
        answer.assert_problem(400);
        assert_eq!(answer.body["problems"][0]["field"], "update-password[0].old-password", "{}", answer.text);
        assert!(answer.text.contains(one) && !answer.text.contains(PASSWORD), "{}", answer.text);
    }
    let body = json!({"update password": [], "update-password": []});
    let answer = app.call(Who::Alice, "PUT", "/config/update-password", Some(body)).await;
    answer.assert_problem(400);
    assert_eq!(answer.body["problems"][0]["field"], "update-password", "{}", answer.text);
}

#[tokio::test]
async fn a_key_that_a_body_gives_twice_is_refused_with_its_place_and_nothing_is_done() {
    let app = App::new().await;
    app.provision().await;
    for (path, body, place) in [
        (
            "/vm/ssh?web-1",
            r#"{"ssh":[{"command":"echo one","command":"echo two","user":"u","password":"s3cretP4ss"}]}"#,
            "ssh[0].command",
        ),
        (
            "/db/user",
            r#"{"user":[{"name":"zoe","password":"s3cretP4ss","role":"user","role":"admin"}]}"#,
            "user[0].role",
        ),
        ("/session", r#"{"name":"alice","name":"root","password":"s3cretP4ss"}"#, "name"),
        ("/request-vm", r#"{"request-vm":[],"request-vm":[]}"#, "request-vm"),
    ] {
        let kind = "application/json";
        let answer = app.send_bytes(Who::Root, "POST", path, kind, body.as_bytes().to_vec()).await;
        answer.assert_problem(400);
        assert_eq!(answer.body["problems"][0]["field"], place, "{}", answer.text);
        assert!(!answer.text.contains("s3cretP4ss") && !answer.text.contains("echo"), "{}", answer.text);
    }
    let twice = r#"{"update-password":[{"user":"alice","old-password":"a","old-password":"b","new-password":"c"}]}"#;
    let body = twice.as_bytes().to_vec();
    let answer = app.send_bytes(Who::Alice, "PUT", "/config/update-password", "application/json", body).await;
    answer.assert_problem(400);
    assert!(app.desk.remote.calls().iter().all(|call| call.line.as_deref() != Some("echo two")));
    app.get(Who::Root, "/vm/monitor?web-1&vm=db-1").await.assert_problem(422);
}
