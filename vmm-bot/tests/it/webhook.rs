//! Updates that Telegram sends by itself.

use rusqlite::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vmm_bot::Webhook;
use vmm_testkit::fake::telegram::{Event, FakeTelegram, Fault};

use crate::app::{App, Mode};

/// Returns the secret that Telegram was given.
fn secret(telegram: &FakeTelegram) -> String {
    let set = telegram.calls("setWebhook").pop().unwrap();
    set.parameters["secret_token"].as_str().unwrap().to_owned()
}

/// The status line and all else that is answered to this.
async fn ask(app: &App, request: &str) -> String {
    let mut socket = TcpStream::connect(app.address.unwrap()).await.unwrap();
    // Who is cut off may not get rid of all.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn request(method: &str, path: &str, secret: &str, body: &str) -> String {
    let (header, length) = (Webhook::HEADER, body.len());
    format!(
        "{method} {path} HTTP/1.1\r\nHost: vmm\r\nConnection: close\r\n{header}: {secret}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn people_are_bound_and_answered_by_webhook() {
    let mut app = App::by(Mode::Webhook).await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.says("/vms");
    let list = alice.sees("Machines").await;
    alice.presses(&list, "web-1").answer().await;
    alice.sees_edit(&list, "web-1 is on").await;
    let set = app.telegram.calls("setWebhook");
    assert_eq!((set.len(), app.telegram.call_count("getUpdates")), (1, 0));
    assert!(set[0].parameters.get("drop_pending_updates").is_none());
    let first = secret(&app.telegram);
    app.stop().await;
    app.start_by(Mode::Webhook).await;
    alice.says("/help");
    alice.sees("/vms").await;
    assert_eq!(secret(&app.telegram), first, "the same after a start");
}

#[tokio::test]
async fn strangers_learn_nothing_and_change_nothing() {
    let app = App::by(Mode::Webhook).await;
    let alice = app.telegram.person("Alice");
    alice.says("/help");
    alice.sees("not linked to an account yet").await;
    let (right, update) = (secret(&app.telegram), r#"{"update_id":1,"message":{"text":"hello"}}"#);
    let nothing = ask(&app, &request("GET", "/", "", "")).await;
    assert!(nothing.starts_with("HTTP/1.1 404 Not Found\r\n") && nothing.ends_with("\r\n\r\n"), "{nothing}");
    assert!(nothing.contains("\r\ncontent-length: 0\r\n"), "{nothing}");
    let undated =
        |answer: &str| answer.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n");
    for (method, path, secret) in [
        ("POST", "/hook", ""),
        ("POST", "/hook", "wrong"),
        ("POST", "/hook", &right[1..]),
        ("GET", "/hook", &right),
        ("POST", "/hook/", &right),
        ("POST", "/", &right),
    ] {
        let answer = ask(&app, &request(method, path, secret, update)).await;
        assert_eq!(undated(&answer), undated(&nothing), "{method} {path} {secret}");
    }
    assert_eq!(app.desk.vmm.bot_mail(app.bot()).open_updates().await.unwrap(), []);
    assert!(ask(&app, &request("POST", "/hook", &right, "{")).await.starts_with("HTTP/1.1 400 "));
    let huge = format!("{{\"update_id\":1,\"x\":\"{}\"}}", "x".repeat(Webhook::LARGEST_UPDATE));
    let answer = ask(&app, &request("POST", "/hook", &right, &huge)).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let unknown = ask(&app, &request("POST", "/hook", "wrong", &huge)).await;
    assert!(unknown.is_empty() || unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    alice.says("/vms");
    alice.sees("not linked to an account yet").await;
}

#[tokio::test]
async fn an_update_that_comes_twice_is_answered_once() {
    let app = App::by(Mode::Webhook).await;
    let alice = app.telegram.person("Alice");
    for fault in [Fault::Twice, Fault::CutAfter] {
        app.telegram.fail_next("webhook", fault);
        alice.says("/help");
        alice.sees("not linked to an account yet").await;
        app.telegram.until("it is confirmed", |telegram| telegram.waiting_updates() == 0).await;
    }
    alice.says("/vms");
    alice.sees("not linked to an account yet").await;
    let sent = alice.messages().len();
    assert_eq!(sent, 3, "{}", alice.transcript());
    assert!(!alice.unread().iter().any(|event| matches!(event, Event::Sent(_))));
}

#[tokio::test]
async fn what_cannot_be_stored_is_sent_again() {
    let app = App::by(Mode::Webhook).await;
    let alice = app.telegram.person("Alice");
    let database = Connection::open(app.desk.database()).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON bot_update BEGIN SELECT RAISE(ABORT, 'on purpose'); END";
    database.execute_batch(refuse).unwrap();
    alice.says("/help");
    let refused = |telegram: &FakeTelegram| telegram.deliveries().iter().any(|delivery| delivery.status == Some(503));
    app.telegram.until("it is refused", refused).await;
    assert_eq!(app.telegram.waiting_updates(), 1);
    database.execute_batch("DROP TRIGGER refuse").unwrap();
    alice.sees("not linked to an account yet").await;
    app.telegram.until("it is confirmed", |telegram| telegram.waiting_updates() == 0).await;
}

#[tokio::test]
async fn nothing_is_lost_from_polling_to_a_webhook_and_back() {
    let mut app = App::new().await;
    let (alice, bob) = (app.telegram.person("Alice"), app.telegram.person("Bob"));
    alice.says("/help");
    alice.sees("not linked to an account yet").await;
    app.stop().await;
    alice.says("/vm -between");
    app.start_by(Mode::Webhook).await;
    alice.sees("-between").await;
    // Alice's does not come through; Bob's has a greater number and does.
    app.telegram.until("all is confirmed", |telegram| telegram.waiting_updates() == 0).await;
    app.telegram.fail_next("webhook", Fault::Hang);
    alice.says("/vm -stuck");
    app.telegram.until("it is under way", |telegram| telegram.planned_faults() == 0).await;
    bob.says("/vm -later");
    bob.sees("-later").await;
    app.stop().await;
    bob.says("/vm -last");
    app.start_by(Mode::Poll).await;
    alice.sees("-stuck").await;
    bob.sees("-last").await;
    app.telegram.until("all is confirmed", |telegram| telegram.waiting_updates() == 0).await;
    assert_eq!((alice.messages().len(), bob.messages().len()), (3, 2), "{}{}", alice.transcript(), bob.transcript());
    let dropped =
        |method| app.telegram.calls(method).iter().any(|call| call.parameters.contains_key("drop_pending_updates"));
    assert!(!dropped("setWebhook") && !dropped("deleteWebhook"));
}

#[tokio::test]
async fn a_webhook_that_somebody_removes_is_set_again() {
    let app = App::by(Mode::Webhook).await;
    let alice = app.telegram.person("Alice");
    alice.says("/help");
    alice.sees("not linked to an account yet").await;
    let call = format!("{}bot{}/deleteWebhook", app.telegram.url(), app.telegram.token());
    let (authority, path) = call.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(authority).await.unwrap();
    socket.write_all(format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").as_bytes()).await.unwrap();
    app.telegram.until("it is set again", |telegram| telegram.call_count("setWebhook") == 2).await;
    alice.says("/vms");
    alice.sees("not linked to an account yet").await;
}

#[tokio::test]
async fn one_who_asks_gives_way_to_a_webhook() {
    let mut app = App::new().await;
    let (alice, asks) = (app.telegram.person("Alice"), app.split());
    app.start_by(Mode::Webhook).await;
    app.telegram
        .until("both have met", |telegram| {
            telegram
                .calls("getUpdates")
                .iter()
                .any(|call| call.refused.as_deref().is_some_and(|why| why.contains("ebhook")))
        })
        .await;
    for number in 0..5 {
        alice.says(&format!("/vm -question{number}"));
        alice.sees(&format!("-question{number}")).await;
    }
    assert_eq!(alice.messages().len(), 5, "{}", alice.transcript());
    App::end(asks).await;
}
