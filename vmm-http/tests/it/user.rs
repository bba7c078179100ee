use serde_json::{Value, json};
use vmm_testkit::fixture::PASSWORD;

use crate::app::{Answer, App, Who};

#[tokio::test]
async fn a_batch_makes_users_in_order_and_never_shows_a_password() {
    let app = App::new().await;
    let batch = json!({"user": [
        {"name": "zoe", "password": PASSWORD, "chat_id": 42},
        {"name": "adam", "password": PASSWORD, "role": "admin"},
    ]});
    let answer = app.post(Who::Root, "/db/user", batch).await;
    assert!(!answer.text.contains(PASSWORD) && !answer.text.contains("argon2"));
    let made = answer.ok();
    assert_eq!(made["user"][0]["name"], "zoe");
    assert_eq!((&made["user"][0]["chat_id"], &made["user"][0]["role"]), (&json!(42), &json!("user")));
    assert_eq!((&made["user"][1]["name"], &made["user"][1]["role"]), (&json!("adam"), &json!("admin")));
    let listed = app.get(Who::Root, "/db/user").await.ok();
    let names: Vec<_> = listed["user"].as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["adam", "alice", "bob", "root", "zoe"]);
}

#[tokio::test]
async fn a_wrong_item_stops_the_batch_before_anything_is_done() {
    let app = App::new().await;
    let batch = json!({"user": [{"name": "zoe", "password": PASSWORD}, {"name": "no spaces", "password": PASSWORD}]});
    assert_eq!(app.post(Who::Root, "/db/user", batch).await.problem_fields(), ["user[1].name"]);
    assert_eq!(app.get(Who::Root, "/db/user").await.ok()["user"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_item_that_cannot_be_done_is_named_and_those_before_it_are_done() {
    let app = App::new().await;
    let batch = json!({"user": [{"name": "zoe", "password": PASSWORD}, {"name": "ALICE", "password": PASSWORD}]});
    let answer = app.post(Who::Root, "/db/user", batch).await;
    answer.assert_problem(409);
    assert_eq!(answer.body["item"], 1);
    assert_eq!(app.get(Who::Root, "/db/user").await.ok()["user"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_short_password_is_a_problem_of_its_field() {
    let app = App::new().await;
    let batch = json!({"user": [{"name": "zoe", "password": "short"}]});
    assert_eq!(app.post(Who::Root, "/db/user", batch).await.problem_fields(), ["user[0].password"]);
}

#[tokio::test]
async fn a_changed_password_ends_the_logins_made_with_the_former() {
    let app = App::new().await;
    let token = app.token(Who::Alice).await;
    let change = json!({"update-password": [{
        "user": "alice", "old-password": PASSWORD, "new-password": "another long one",
    }]});
    assert_eq!(app.call(Who::Alice, "PUT", "/config/update-password", Some(change)).await.status, 204);
    app.send(token.as_deref(), "GET", "/db/os", None).await.assert_problem(401);
    app.login(Who::Alice, PASSWORD).await.assert_problem(401);
    app.login(Who::Alice, "another long one").await.ok();
}

#[tokio::test]
async fn a_user_can_be_deleted_but_not_the_last_admin() {
    let app = App::new().await;
    assert_eq!(app.call(Who::Root, "DELETE", "/db/user?name=bob", None).await.status, 204);
    app.call(Who::Root, "DELETE", "/db/user?name=bob", None).await.assert_problem(404);
    app.call(Who::Root, "DELETE", "/db/user?name=root", None).await.assert_problem(409);
}

#[tokio::test]
async fn a_change_leaves_what_it_does_not_name_and_null_clears() {
    let app = App::new().await;
    let changed =
        update(&app, json!({"name": "bob", "new_name": "robert", "chat_id": 42})).await.ok()["user"][0].take();
    assert_eq!(
        (&changed["name"], &changed["chat_id"], &changed["role"]),
        (&json!("robert"), &json!(42), &json!("user"))
    );
    let changed = update(&app, json!({"name": "robert", "chat_id": null, "role": "admin"})).await;
    assert!(changed.ok()["user"][0].get("chat_id").is_none());
    let seen = app.get(Who::Root, "/db/user/robert").await.ok();
    assert_eq!((&seen["role"], &seen["disabled"], seen.get("chat_id")), (&json!("admin"), &json!(false), None));
    app.get(Who::Root, "/db/user/bob").await.assert_problem(404);
    update(&app, json!({"name": "bob"})).await.assert_problem(404);
    assert_eq!(update(&app, json!({"name": "robert", "id": 1})).await.problem_fields(), ["user[0].id"]);
    assert_eq!(update(&app, json!({"name": "robert", "new_name": "-"})).await.problem_fields(), ["user[0].new_name"]);
}

#[tokio::test]
async fn a_disabled_account_is_treated_like_an_unknown_one() {
    let app = App::new().await;
    let token = app.token(Who::Bob).await;
    update(&app, json!({"name": "bob", "disabled": true})).await.ok();
    app.send(token.as_deref(), "GET", "/db/os", None).await.assert_problem(401);
    let disabled = app.login(Who::Bob, PASSWORD).await;
    let unknown = app.send(None, "POST", "/session", Some(json!({"name": "nobody", "password": PASSWORD}))).await;
    disabled.assert_problem(401);
    assert_eq!(disabled.text, unknown.text);
    update(&app, json!({"name": "bob", "disabled": false})).await.ok();
    app.send(token.as_deref(), "GET", "/db/os", None).await.assert_problem(401);
    app.login(Who::Bob, PASSWORD).await.ok();
}

#[tokio::test]
async fn another_role_counts_at_once_and_ends_the_logins_made_before() {
    let app = App::new().await;
    let token = app.token(Who::Bob).await;
    update(&app, json!({"name": "bob", "role": "admin"})).await.ok();
    app.send(token.as_deref(), "GET", "/db/os", None).await.assert_problem(401);
    app.forget_tokens();
    app.get(Who::Bob, "/db/user").await.ok();
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let app = App::new().await;
    for change in [json!({"name": "root", "role": "user"}), json!({"name": "root", "disabled": true})] {
        update(&app, change).await.assert_problem(409);
    }
    app.get(Who::Root, "/db/user").await.ok();
}

async fn update(app: &App, item: Value) -> Answer {
    app.call(Who::Root, "PUT", "/db/user", Some(json!({"user": [item]}))).await
}
