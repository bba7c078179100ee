//! Calls with an `Idempotency-Key` are made once.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use vmm_core::model::{Claimed, Fingerprint, IdempotencyKey};
use vmm_core::{Actor, Budget, Holder};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::{Answer, App, SPEC, Who};

fn carol() -> Value {
    json!({"user": [{"name": "carol", "password": PASSWORD}]})
}

async fn users(app: &App) -> usize {
    app.get(Who::Root, "/db/user").await.ok()["user"].as_array().unwrap().len()
}

async fn post(app: &App, who: Who, path: &str, key: &str, body: Value) -> Answer {
    let token = app.token(who).await;
    app.send_with(&[("Idempotency-Key", key)], token.as_deref(), "POST", path, Some(body)).await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_makes_nothing() {
    let app = App::new().await;
    let first = post(&app, Who::Root, "/db/user", "one", carol()).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, ""));
    let before = users(&app).await;
    let again = post(&app, Who::Root, "/db/user", "one", carol()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    assert_eq!((&again.text, again.header("content-type")), (&first.text, first.header("content-type")));
    assert_eq!(users(&app).await, before);
    // Without the key, or with another one, it is another call.
    post(&app, Who::Root, "/db/user", "two", carol()).await.assert_problem(409);
    app.post(Who::Root, "/db/user", carol()).await.assert_problem(409);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_also_when_the_account_has_as_many_runs_as_it_may() {
    let app = App::new().await;
    app.machine().await;
    let script = json!({"script": [{"name": "job", "file": "s.sh", "command": "sh", "content": "true"}]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"run": [{"script": "job", "vm": ["web-1"], "user": "root", "password": "p"}]});
    let first = post(&app, Who::Alice, "/vm/script/run", "one", run.clone()).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let alice = app.desk.vmm.user(&app.desk.admin, &sample::user_name("alice")).await.unwrap();
    let holder = Holder::from(&Actor::from(&alice));
    let _held: Vec<_> = std::iter::from_fn(|| app.desk.vmm.take_place(Budget::Runs, holder).ok()).collect();
    let again = post(&app, Who::Alice, "/vm/script/run", "one", run).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
}

#[tokio::test]
async fn a_refusal_for_what_the_call_says_is_repeated_too() {
    let app = App::new().await;
    let taken = json!({"user": [{"name": "bob", "password": PASSWORD}]});
    post(&app, Who::Root, "/db/user", "one", taken.clone()).await.assert_problem(409);
    let again = post(&app, Who::Root, "/db/user", "one", taken).await;
    again.assert_problem(409);
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn a_refusal_for_who_calls_leaves_the_key_free() {
    let app = App::new().await;
    for _ in 0..2 {
        let refused = post(&app, Who::Bob, "/db/user", "one", carol()).await;
        refused.assert_problem(403);
        assert_eq!(refused.header("idempotency-replayed"), "");
    }
    post(&app, Who::Anonymous, "/db/user", "one", carol()).await.assert_problem(401);
}

#[tokio::test]
async fn a_key_is_an_accounts_own_and_stands_for_one_call() {
    let app = App::new().await;
    let request = |id: &str| json!({"request-vm": [{"id": id, "spec": SPEC}]});
    post(&app, Who::Alice, "/request-vm", "one", request("r1")).await.ok();
    let other = post(&app, Who::Alice, "/request-vm", "one", request("r2")).await;
    other.assert_problem(409);
    assert!(other.body["detail"].as_str().unwrap().contains("another call"), "{}", other.text);
    // Another account's key of the same name is another key: the names of the machines are taken, which it may not
    // hide.
    let stranger = post(&app, Who::Bob, "/request-vm", "one", request("r2")).await;
    assert_eq!((stranger.status, stranger.header("idempotency-replayed")), (422, ""), "{}", stranger.text);
}

#[tokio::test]
async fn a_repeat_of_a_call_that_runs_is_told_to_come_again() {
    let app = App::new().await;
    let key = IdempotencyKey::new("one").unwrap();
    let call = Fingerprint::of(&[b"POST", b"/db/user", carol().to_string().as_bytes()]);
    let claimed = app.desk.vmm.claim_key(&app.desk.admin, key, call).await.unwrap();
    let Claimed::First(claim) = claimed else { panic!("{claimed:?}") };
    let early = post(&app, Who::Root, "/db/user", "one", carol()).await;
    early.assert_problem(409);
    assert!(early.body["detail"].as_str().unwrap().contains("is in progress"), "{}", early.text);
    assert_eq!(early.header("retry-after"), "2");
    app.desk.vmm.release_key(claim).await.unwrap();
    post(&app, Who::Root, "/db/user", "one", carol()).await.ok();
}

#[tokio::test]
async fn an_answer_that_was_not_kept_is_not_given_and_nothing_is_made_again() {
    let app = App::new().await;
    let key = IdempotencyKey::new("one").unwrap();
    let call = Fingerprint::of(&[b"POST", b"/db/user", carol().to_string().as_bytes()]);
    let claimed = app.desk.vmm.claim_key(&app.desk.admin, key, call).await.unwrap();
    let Claimed::First(claim) = claimed else { panic!("{claimed:?}") };
    app.desk.vmm.keep_answer(claim, None).await.unwrap();
    let before = users(&app).await;
    let repeat = post(&app, Who::Root, "/db/user", "one", carol()).await;
    repeat.assert_problem(409);
    assert!(repeat.body["detail"].as_str().unwrap().contains("was made"), "{}", repeat.text);
    assert_eq!(users(&app).await, before);
}

#[tokio::test]
async fn a_call_whose_client_goes_away_is_made_once_all_the_same() {
    let app = App::new().await;
    let (token, body) = (app.token(Who::Root).await.unwrap(), carol().to_string());
    let before = users(&app).await;
    let mut socket = TcpStream::connect(app.address).await.unwrap();
    let head = format!(
        "POST /db/user HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n\
         Idempotency-Key: one\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    drop(socket);
    let made = async || post(&app, Who::Root, "/db/user", "one", carol()).await.status == 200;
    app.desk.until("the call is made", made).await;
    assert_eq!(users(&app).await, before + 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let app = App::new().await;
    for key in ["", "two words", &"x".repeat(256)] {
        let answer = post(&app, Who::Root, "/db/user", key, carol()).await;
        assert_eq!(answer.problem_fields(), ["idempotency-key"], "{key}");
    }
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_with_the_rights_of_that_moment_alone() {
    let app = App::new().await;
    let role = |role: &str| json!({"user": [{"name": "bob", "role": role}]});
    app.call(Who::Root, "PUT", "/db/user", Some(role("admin"))).await.ok();
    app.renew_token(Who::Bob).await;
    assert_eq!(post(&app, Who::Bob, "/db/user", "one", carol()).await.status, 200);
    let again = post(&app, Who::Bob, "/db/user", "one", carol()).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
    app.call(Who::Root, "PUT", "/db/user", Some(role("user"))).await.ok();
    app.renew_token(Who::Bob).await;
    let refused = post(&app, Who::Bob, "/db/user", "one", carol()).await;
    refused.assert_problem(403);
    assert!(!refused.text.contains("carol"), "{}", refused.text);
    let rows = app.get(Who::Root, "/audit?action=user.create&limit=1").await.ok();
    assert_eq!((&rows["audit"][0]["actor"], &rows["audit"][0]["outcome"]), (&json!("bob"), &json!("denied")));
    // So does an API token of the same account, which may not do it either.
    app.call(Who::Root, "PUT", "/db/user", Some(role("admin"))).await.ok();
    app.renew_token(Who::Bob).await;
    let token = app.post(Who::Bob, "/token", json!({"token": [{"name": "ci"}]})).await.ok();
    let token = token["token"][0]["secret"].as_str().unwrap();
    let refused = app.send_with(&[("Idempotency-Key", "one")], Some(token), "POST", "/db/user", Some(carol())).await;
    refused.assert_problem(403);
}

#[tokio::test]
async fn nothing_is_stored_of_a_call_that_a_guess_at_its_password_can_be_compared_with() {
    let app = App::new().await;
    post(&app, Who::Root, "/db/user", "one", carol()).await.ok();
    let unkeyed = Fingerprint::of(&[b"POST", b"/db/user", carol().to_string().as_bytes()]).0;
    for suffix in ["", "-wal"] {
        let stored = std::fs::read(format!("{}{suffix}", app.desk.database().display())).unwrap();
        assert!(!stored.windows(32).any(|window| window == unkeyed), "vmm.db{suffix}");
    }
}
