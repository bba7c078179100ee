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
    let before = app.get(Who::Root, &format!("/audit?action=user.create&before={}", row["id"])).await.ok();
    assert!(before["audit"].as_array().unwrap().iter().all(|older| older["id"].as_i64() < row["id"].as_i64()));
    assert_eq!(before["audit"][0]["outcome"], "done");
}

#[tokio::test]
async fn filters_are_checked() {
    let app = App::new().await;
    assert_eq!(app.get(Who::Root, "/audit?limit=0").await.problem_fields(), ["limit"]);
    assert_eq!(app.get(Who::Root, "/audit?before=x").await.problem_fields(), ["before"]);
    assert_eq!(app.get(Who::Root, "/audit?actor=bob").await.problem_fields(), ["actor"]);
}
