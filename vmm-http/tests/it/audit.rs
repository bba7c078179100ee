use serde_json::json;

use crate::app::{App, Who};

#[tokio::test]
async fn the_log_tells_who_did_what_and_who_was_denied() {
    let app = App::new().await;
    app.post(Who::Bob, "/db/user", json!({"user": [{"name": "eve", "password": "long enough"}]}))
        .await
        .assert_problem(403);
    let rows = app.get(Who::Root, "/audit?action=user.create&limit=1").await.ok();
    assert_eq!(rows["audit"].as_array().unwrap().len(), 1);
    let row = &rows["audit"][0];
    assert_eq!((&row["actor"], &row["outcome"], &row["target"]), (&json!("bob"), &json!("denied"), &json!("user eve")));
    let next = rows["next"].as_str().unwrap();
    let before = app.get(Who::Root, &format!("/audit?action=user.create&after={next}")).await.ok();
    assert!(before["audit"].as_array().unwrap().iter().all(|older| older["id"].as_i64() < row["id"].as_i64()));
    assert_eq!(before["audit"][0]["outcome"], "done");
}

#[tokio::test]
async fn filters_are_checked() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Root, "/audit?limit=0").await.problem_fields(), ["limit"]);
    assert_eq!(app.get(Who::Root, "/audit?after=x").await.problem_fields(), ["after"]);
    assert_eq!(app.get(Who::Root, "/audit?from=yesterday").await.problem_fields(), ["from"]);
    assert_eq!(app.get(Who::Root, "/audit?outcome=good").await.problem_fields(), ["outcome"]);
    assert_eq!(app.get(Who::Root, "/audit?actor=bob").await.problem_fields(), ["actor"]);
}

#[tokio::test]
async fn rows_are_found_by_target_outcome_and_time() {
    let app = App::new().await;
    app.post(Who::Bob, "/db/user", json!({"user": [{"name": "eve", "password": "long enough"}]})).await;
    let count = async |query: &str| {
        let rows = app.get(Who::Root, &format!("/audit?action=user.create&{query}")).await.ok();
        rows["audit"].as_array().unwrap().len()
    };
    assert_eq!((count("target=user%20eve").await, count("target=user%20zoe").await), (1, 0));
    assert_eq!((count("outcome=denied").await, count("outcome=failed").await), (1, 0));
    let denied = app.get(Who::Root, "/audit?outcome=denied").await.ok();
    let at = denied["audit"][0]["at"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(count(&format!("from={at}")).await, 1);
    assert_eq!(count(&format!("to={at}")).await, 3);
}
