//! A change can say which state of a record it is for.

use serde_json::{Value, json};

use crate::app::{Answer, App, Who};

/// Each record's place, its deletion, and a change of it.
fn records() -> [(&'static str, &'static str, &'static str, Value); 3] {
    [
        ("/db/user/bob", "/db/user?name=bob", "/db/user", json!({"user": [{"name": "bob", "chat_id": 7}]})),
        ("/db/os/1", "/db/os?id=1", "/db/os", json!({"os": [{"id": 1, "description": "stable"}]})),
        ("/db/vm/web-1", "/db/vm?name=web-1", "/db/vm", json!({"vm": [{"name": "web-1", "description": "shop"}]})),
    ]
}

async fn send(app: &App, tag: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let token = app.token(Who::Root).await;
    app.send_with(&[("If-Match", tag)], token.as_deref(), method, path, body).await
}

#[tokio::test]
async fn a_change_of_another_state_than_was_read_changes_nothing() {
    let app = App::new().await;
    app.provision().await;
    for (place, deletion, path, change) in records() {
        let read = app.get(Who::Root, place).await;
        let (first, before) = (read.header("etag").to_owned(), read.ok());
        assert_eq!(first, format!("\"{}\"", before["revision"]), "{place}");
        send(&app, &first, "PUT", path, Some(change.clone())).await.ok();
        let stale = send(&app, &first, "PUT", path, Some(change.clone())).await;
        stale.assert_problem(412);
        assert_eq!(stale.body["type"], "urn:vmm:problem:stale");
        send(&app, &first, "DELETE", deletion, None).await.assert_problem(412);
        let after = app.get(Who::Root, place).await;
        assert_eq!(after.body["revision"].as_i64(), before["revision"].as_i64().map(|revision| revision + 1));
        send(&app, "*", "PUT", path, Some(change)).await.ok();
    }
    let last = app.get(Who::Root, "/db/vm/web-1").await.header("etag").to_owned();
    assert_eq!(send(&app, &last, "DELETE", "/db/vm?name=web-1", None).await.status, 202);
}

#[tokio::test]
async fn a_tag_that_cannot_be_read_is_refused_and_not_passed_over() {
    let app = App::new().await;
    let change = json!({"user": [{"name": "bob", "chat_id": 7}]});
    for wrong in ["1", "\"x\"", "W/\"1\"", "\"1\", \"2\"", "", "\"ü\""] {
        let answer = send(&app, wrong, "PUT", "/db/user", Some(change.clone())).await;
        assert_eq!(answer.problem_fields(), ["If-Match"], "{wrong}");
    }
    let token = app.token(Who::Root).await;
    let twice = [("If-Match", "\"1\""), ("If-Match", "\"1\"")];
    let answer = app.send_with(&twice, token.as_deref(), "PUT", "/db/user", Some(change)).await;
    assert_eq!(answer.problem_fields(), ["If-Match"]);
    assert_eq!(app.get(Who::Root, "/db/user/bob").await.ok()["revision"], 1);
}

#[tokio::test]
async fn a_tag_goes_with_one_record() {
    let app = App::new().await;
    let two = json!({"user": [{"name": "bob", "chat_id": 7}, {"name": "alice", "chat_id": 8}]});
    let answer = send(&app, "\"1\"", "PUT", "/db/user", Some(two.clone())).await;
    assert_eq!(answer.problem_fields(), ["If-Match"]);
    assert!(answer.text.contains("the batch has 2"), "{}", answer.text);
    send(&app, "*", "PUT", "/db/user", Some(two)).await.ok();
}
