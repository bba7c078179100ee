use serde_json::{Value, json};
use vmm_testkit::fixture::PASSWORD;

use crate::app::{Answer, App, Who};

async fn make(app: &App, who: Who, item: Value) -> Answer {
    app.post(who, "/token", json!({"token": [item]})).await
}

async fn secret(app: &App, who: Who) -> String {
    make(app, who, json!({"name": "ci"})).await.ok()["token"][0]["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_is_deleted() {
    let app = App::new().await;
    let secret = secret(&app, Who::Alice).await;
    assert!(secret.starts_with("vmm_") && secret.len() == 47);
    assert_eq!(app.send(Some(&secret), "GET", "/db/os", None).await.status, 200);
    let listed = app.get(Who::Alice, "/token").await;
    assert!(!listed.text.contains(&secret[4..]));
    let listed = listed.ok();
    assert!(listed["token"][0]["name"] == "ci" && listed["token"][0]["last_used_at"].is_string());
    assert_eq!(app.get(Who::Bob, "/token").await.ok()["token"], json!([]));
    assert_eq!(app.get(Who::Root, "/token?user=alice").await.ok(), listed);
    app.get(Who::Bob, "/token?user=alice").await.assert_problem(403);
    app.call(Who::Bob, "DELETE", "/token?name=ci", None).await.assert_problem(404);
    app.call(Who::Bob, "DELETE", "/token?name=ci&user=alice", None).await.assert_problem(403);
    assert_eq!(app.call(Who::Alice, "DELETE", "/token?name=ci", None).await.status, 204);
    app.send(Some(&secret), "GET", "/db/os", None).await.assert_problem(401);
}

#[tokio::test]
async fn what_is_stolen_with_a_token_ends_with_it() {
    let app = App::new().await;
    let secret = secret(&app, Who::Root).await;
    let send = async |method: &str, path: &str, body| app.send(Some(&secret), method, path, body).await;
    send("POST", "/token", Some(json!({"token": [{"name": "more"}]}))).await.assert_problem(403);
    for user in ["root", "bob"] {
        let change = json!({"update-password": [
            {"user": user, "old-password": PASSWORD, "new-password": "another long one"},
        ]});
        send("PUT", "/config/update-password", Some(change)).await.assert_problem(403);
        let change = json!({"user": [{"name": user, "password": "another long one", "chat_id": 7}]});
        send("PUT", "/db/user", Some(change)).await.assert_problem(403);
    }
    assert!(app.get(Who::Root, "/db/user/bob").await.ok().get("chat_id").is_none());
    app.login(Who::Bob, PASSWORD).await.ok();
    send("DELETE", "/session", None).await.assert_problem(409);
    let rows = app.get(Who::Root, "/audit?action=user.password&limit=1").await.ok();
    assert_eq!(
        (&rows["audit"][0]["actor"], &rows["audit"][0]["outcome"]),
        (&json!("root (token ci)"), &json!("denied"))
    );
}

#[tokio::test]
async fn a_deleted_account_or_another_one_s_secret_is_of_no_use() {
    let app = App::new().await;
    let secret = secret(&app, Who::Bob).await;
    let cut = &secret[..46];
    for wrong in [cut, &format!("{cut}!"), "vmm_", &secret.to_uppercase(), &secret[4..]] {
        app.send(Some(wrong), "GET", "/db/os", None).await.assert_problem(401);
    }
    assert_eq!(app.call(Who::Root, "DELETE", "/db/user?name=bob", None).await.status, 204);
    app.send(Some(&secret), "GET", "/db/os", None).await.assert_problem(401);
}

#[tokio::test]
async fn names_and_lifetimes_are_checked() {
    let app = App::new().await;
    for (item, field) in [
        (json!({"name": ""}), "token[0].name"),
        (json!({"name": "a b"}), "token[0].name"),
        (json!({"name": "ci", "expires_in_days": 0}), "token[0].expires_in_days"),
        (json!({"name": "ci", "expires_in_days": 3651}), "token[0].expires_in_days"),
        (json!({"name": "ci", "role": "admin"}), "token[0].role"),
        (json!({"name": "ci", "user": "root"}), "token[0].user"),
    ] {
        assert_eq!(make(&app, Who::Bob, item).await.problem_fields(), [field]);
    }
    make(&app, Who::Bob, json!({"name": "ci", "expires_in_days": 3650})).await.ok();
    make(&app, Who::Bob, json!({"name": "ci"})).await.assert_problem(409);
}

#[tokio::test]
async fn what_has_leaked_is_of_no_use_after_one_call() {
    let app = App::new().await;
    let tokens =
        [secret(&app, Who::Alice).await, app.login(Who::Alice, PASSWORD).await.ok()["token"].as_str().unwrap().into()];
    let bobs = secret(&app, Who::Bob).await;
    let code = app.call(Who::Alice, "POST", "/link-code", None).await.ok()["code"].as_str().unwrap().to_owned();
    // A new password ends the logins alone.
    let change =
        json!({"update-password": [{"user": "alice", "old-password": PASSWORD, "new-password": "another long one"}]});
    assert_eq!(app.call(Who::Alice, "PUT", "/config/update-password", Some(change)).await.status, 204);
    let [api, login]: [String; 2] = tokens;
    app.send(Some(&login), "GET", "/db/os", None).await.assert_problem(401);
    assert_eq!(app.send(Some(&api), "GET", "/db/os", None).await.status, 200);

    let login = app.login(Who::Alice, "another long one").await.ok()["token"].as_str().unwrap().to_owned();
    app.send(Some(&bobs), "DELETE", "/access?user=alice", None).await.assert_problem(403);
    app.send(Some(&login), "DELETE", "/access", None).await.ok();
    for token in [&api, &login] {
        app.send(Some(token), "GET", "/db/os", None).await.assert_problem(401);
    }
    assert!(app.desk.vmm.link_chat(&code.into(), 7).await.is_err());
    assert_eq!(app.send(Some(&bobs), "GET", "/db/os", None).await.status, 200);
    app.call(Who::Root, "DELETE", "/access?user=bob", None).await.ok();
    app.send(Some(&bobs), "GET", "/db/os", None).await.assert_problem(401);
}

#[tokio::test]
async fn what_is_left_after_a_leak_is_told_and_can_end() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "up.sh", vmm_testkit::fake::remote::Answer::hangs());
    let script = json!({"script": [{
        "name": "up", "file": "up.sh", "content": "true", "command": "sh", "vm": ["web-1"], "user": "root", "password": "p",
    }]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let schedule = json!({"schedule": [{"script": "up", "cron": "0 4 1 1 *"}]});
    app.post(Who::Alice, "/vm/script/schedule", schedule).await.ok();
    app.post(Who::Alice, "/vm/script/run", json!({"run": [{"script": "up"}]})).await.ok();
    app.call(Who::Root, "PUT", "/db/user", Some(json!({"user": [{"name": "alice", "chat_id": 7}]}))).await.ok();
    let api = secret(&app, Who::Alice).await;
    let refused = app.send(Some(&api), "DELETE", "/access?everything=true", None).await;
    refused.assert_problem(403);
    assert!(refused.text.contains("sign in with name and password"), "{}", refused.text);

    let revoked = app.send(Some(&api), "DELETE", "/access", None).await.ok();
    let left = json!({"sessions": 0, "tokens": [], "link_code": false, "chat_id": 7, "schedules": [1], "runs": [1]});
    assert_eq!((&revoked["ended"]["tokens"], &revoked["left"]), (&json!(["ci"]), &left));
    app.renew_token(Who::Alice).await;
    let revoked = app.call(Who::Alice, "DELETE", "/access?everything=true", None).await.ok();
    let nothing = json!({"sessions": 0, "tokens": [], "link_code": false, "schedules": [], "runs": []});
    assert_eq!((&revoked["ended"]["chat_id"], &revoked["left"]), (&json!(7), &nothing));
    let ended = async || app.get(Who::Root, "/vm/script/run/1").await.body["state"] == "cancelled";
    app.desk.until("the run ends", ended).await;
    assert_eq!(app.get(Who::Root, "/vm/script/schedule/1").await.ok()["enabled"], false);
    assert!(app.get(Who::Root, "/db/user/alice").await.ok().get("chat_id").is_none());
}
