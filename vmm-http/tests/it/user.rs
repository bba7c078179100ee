use serde_json::json;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

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
