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
        assert_eq!(answer.problem_fields(), ["update-password[0].old-password"], "{}", answer.text);
        assert!(answer.text.contains(one) && !answer.text.contains(PASSWORD), "{}", answer.text);
    }
    let body = json!({"update password": [], "update-password": []});
    let answer = app.call(Who::Alice, "PUT", "/config/update-password", Some(body)).await;
    assert_eq!(answer.problem_fields(), ["update-password"], "{}", answer.text);
}
