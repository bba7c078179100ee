//! Authority is that of this moment, and of nobody's name: what tokens cannot do, what asks for the present password,
//! and what a refusal tells.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::model::VmFilter;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::PASSWORD;

use crate::adoption::HOST_KEY;
use crate::app::{App, SPEC, Who};
use crate::stream::Stream;

const ANOTHER: &str = "another long password";

/// An API token of this account.
async fn token(app: &App, who: Who) -> String {
    let made = app.post(who, "/token", json!({"token": [{"name": "ci"}]})).await.ok();
    made["token"][0]["secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_changes_no_chat_role_password_or_account_and_is_told_to_sign_in() {
    let app = App::new().await;
    let token = token(&app, Who::Root).await;
    let change = |of: Value| ("PUT", "/db/user", Some(json!({"user": [of]})));
    let password = json!({"user": "root", "old-password": PASSWORD, "new-password": ANOTHER});
    for (method, path, body) in [
        change(json!({"name": "bob", "chat_id": 7})),
        change(json!({"name": "bob", "chat_id": null})),
        change(json!({"name": "bob", "role": "admin"})),
        change(json!({"name": "bob", "new_name": "robert"})),
        change(json!({"name": "bob", "disabled": true})),
        change(json!({"name": "bob", "password": ANOTHER})),
        change(json!({"name": "root", "password": ANOTHER, "old_password": PASSWORD})),
        ("PUT", "/config/update-password", Some(json!({"update-password": [password]}))),
        ("POST", "/db/user", Some(json!({"user": [{"name": "thief", "password": ANOTHER, "role": "admin"}]}))),
        ("DELETE", "/db/user?name=bob", None),
        ("POST", "/token", Some(json!({"token": [{"name": "more"}]}))),
        ("POST", "/link-code", None),
        ("POST", "/link-code?user=bob", None),
        ("DELETE", "/link", None),
        ("DELETE", "/link?user=bob", None),
    ] {
        let answer = app.send(Some(&token), method, path, body.clone()).await;
        answer.assert_problem(403);
        assert!(answer.text.contains("sign in with name and password"), "{method} {path}: {}", answer.text);
    }
    // Whoever has not the right, signed in or not, is not sent to sign in.
    let bobs = self::token(&app, Who::Bob).await;
    let refused = app.send(Some(&bobs), "DELETE", "/db/user?name=alice", None).await;
    refused.assert_problem(403);
    assert!(refused.text.contains("ask an admin"), "{}", refused.text);
}

#[tokio::test]
async fn an_account_s_own_password_changes_with_the_present_one_alone_in_every_operation() {
    let app = App::new().await;
    let set = async |name: &str, old: Option<&str>| {
        let mut change = json!({"name": name, "password": ANOTHER});
        if let Some(old) = old {
            change["old_password"] = json!(old);
        }
        app.call(Who::Root, "PUT", "/db/user", Some(json!({"user": [change]}))).await
    };
    for old in [None, Some("not the present one")] {
        assert_eq!(set("root", old).await.problem_fields(), ["user[0].old_password"]);
        let mut change = json!({"user": "root", "new-password": ANOTHER});
        if let Some(old) = old {
            change["old-password"] = json!(old);
        }
        let change = json!({"update-password": [change]});
        let refused = app.call(Who::Root, "PUT", "/config/update-password", Some(change)).await;
        assert_eq!(refused.problem_fields(), ["update-password[0].old-password"]);
    }
    set("bob", None).await.ok();
    app.login(Who::Bob, ANOTHER).await.ok();
    set("root", Some(PASSWORD)).await.ok();
    app.login(Who::Root, ANOTHER).await.ok();
    app.login(Who::Root, PASSWORD).await.assert_problem(401);
}

/// Every operation that names an account, with a body that is good but for the right to it.
fn naming(name: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let user = |change: Value| Some(json!({"user": [change]}));
    let query = |path: &str| format!("{path}?user={name}");
    let password = |old: Option<&str>| {
        let mut change = json!({"user": name, "new-password": ANOTHER});
        if let Some(old) = old {
            change["old-password"] = json!(old);
        }
        Some(json!({"update-password": [change]}))
    };
    let adoption = json!({"domain": "old-1", "host_key": HOST_KEY, "login": "root", "user": name});
    vec![
        ("POST", "/db/user".to_owned(), user(json!({"name": name, "password": ANOTHER}))),
        ("GET", format!("/db/user/{name}"), None),
        ("PUT", "/db/user".to_owned(), user(json!({"name": name, "chat_id": 7}))),
        ("PUT", "/db/user".to_owned(), user(json!({"name": name, "password": ANOTHER}))),
        ("PUT", "/db/user".to_owned(), user(json!({"name": name, "password": "short"}))),
        ("PUT", "/db/user".to_owned(), user(json!({"name": "bob", "new_name": name}))),
        ("DELETE", format!("/db/user?name={name}"), None),
        ("PUT", "/config/update-password".to_owned(), password(None)),
        ("PUT", "/config/update-password".to_owned(), password(Some(PASSWORD))),
        ("GET", query("/session"), None),
        ("GET", query("/token"), None),
        ("GET", query("/second-factor"), None),
        ("DELETE", query("/second-factor"), None),
        ("DELETE", format!("/token?name=ci&user={name}"), None),
        ("POST", query("/link-code"), None),
        ("DELETE", query("/link"), None),
        ("DELETE", query("/access"), None),
        ("GET", query("/audit"), None),
        (
            "POST",
            "/request-vm".to_owned(),
            Some(json!({"request-vm": [{"id": "r9", "requester": name, "spec": SPEC}]})),
        ),
        ("GET", format!("/request-vm?requester={name}"), None),
        ("POST", "/db/vm".to_owned(), Some(json!({"vm": [adoption]}))),
        ("PUT", "/db/vm".to_owned(), Some(json!({"vm": [{"name": "web-1", "user": name}]}))),
        ("GET", query("/db/vm"), None),
    ]
}

#[tokio::test]
async fn what_is_refused_does_not_tell_whether_an_account_exists() {
    let app = App::new().await;
    app.provision().await;
    let token = token(&app, Who::Bob).await;
    let session = app.token(Who::Bob).await.unwrap();
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for ((method, path, body), (_, no_path, no_body)) in naming("root").into_iter().zip(naming("nobody-1")) {
        for secret in [&session, &token] {
            let there = app.send(Some(secret), method, &path, body.clone()).await;
            let nowhere = app.send(Some(secret), method, &no_path, no_body.clone()).await;
            refused += usize::from(there.status == 403);
            let text = nowhere.text.replace("nobody-1", "root");
            if (there.status, &there.text) != (nowhere.status, &text) || ![200, 403].contains(&there.status) {
                wrong.push(format!("{method} {path}: {} {}\n  {} {text}", there.status, there.text, nowhere.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 30, "{refused}");
}

#[test]
fn every_operation_that_names_an_account_is_asked_about_accounts_that_do_not_exist() {
    let spec: Value = serde_json::from_str(&vmm_http::openapi()).unwrap();
    let named = naming("alice");
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let text = operation["parameters"].to_string();
            if text.contains("\"name\":\"user\"") || text.contains("\"name\":\"requester\"") {
                let there = named.iter().any(|(known, place, _)| {
                    known.eq_ignore_ascii_case(method) && place.split('?').next() == Some(path.as_str())
                });
                assert!(there, "{method} {path} names an account");
            }
        }
    }
}

#[tokio::test]
async fn guesses_at_names_do_not_use_up_the_attempts_at_a_present_password() {
    let app = App::new().await;
    for _ in 0..40 {
        let guess = json!({"name": "old password of bob", "password": "guess"});
        assert!([401, 429].contains(&app.send(None, "POST", "/session", Some(guess)).await.status));
    }
    let change = json!({"user": "bob", "old-password": PASSWORD, "new-password": ANOTHER});
    let change = json!({"update-password": [change]});
    assert_eq!(app.call(Who::Bob, "PUT", "/config/update-password", Some(change)).await.status, 204);
}

/// A desk on which a script of alice's ran with this argument, on `web-1` in vain.
async fn run_in_vain(argument: &str) -> App {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.refuse_logins(address);
    let script =
        json!({"script": [{"name": "up", "file": "up.sh", "content": "true", "command": "sh", "vm": ["web-1"]}]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"script": "up", "arguments": [argument], "user": "root", "password": "p"});
    app.post(Who::Alice, "/vm/script/run", json!({"run": [run]})).await.ok();
    app.desk.until("the run ends", async || app.get(Who::Alice, "/vm/script/run/1").await.body["ended"] == 1).await;
    app
}

#[tokio::test]
async fn running_again_needs_the_right_to_see_the_arguments() {
    let app = run_in_vain("s3cret-argument").await;
    let again = json!({"user": "root", "password": "p"});
    let refused = app.post(Who::Bob, "/vm/script/run/1/rerun", again.clone()).await;
    refused.assert_problem(403);
    for path in ["/vm/script/run", "/vm/script/run/1"] {
        assert!(!app.get(Who::Bob, path).await.text.contains("s3cret-argument"));
    }
    for who in [Who::Alice, Who::Root] {
        assert_eq!(app.post(who, "/vm/script/run/1/rerun", again.clone()).await.status, 202, "{who:?}");
    }
}

/// A desk with a run of alice's that wrote something on `web-1` and goes on on `web-2`.
async fn long_run() -> App {
    let app = App::new().await;
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap();
    let [one, two] = [0, 1].map(|index: usize| SocketAddr::new(vms[index].ip.unwrap(), 22));
    app.desk.remote.answer(one, "up.sh", Answer::stdout("s3cret-output\n"));
    app.desk.remote.answer(two, "up.sh", Answer::hangs());
    let script = json!({"script": [{"name": "up", "file": "up.sh", "content": "true", "command": "sh"}]});
    app.post(Who::Alice, "/vm/script", script).await.ok();
    let run = json!({"script": "up", "vm": ["web-1", "web-2"], "user": "root", "password": "p"});
    app.post(Who::Alice, "/vm/script/run", json!({"run": [run]})).await.ok();
    app
}

#[tokio::test]
async fn a_stream_ends_with_the_right_to_it() {
    let app = long_run().await;
    let promote = |role: &str| json!({"user": [{"name": "bob", "role": role}]});
    app.call(Who::Root, "PUT", "/db/user", Some(promote("admin"))).await.ok();
    app.renew_token(Who::Bob).await;
    let mut stream = Stream::open(&app, Who::Bob, "/vm/script/run/1/events", None).await;
    while stream.next().await.expect("it goes on").1["stdout"] != "s3cret-output\n" {}
    app.call(Who::Root, "PUT", "/db/user", Some(promote("user"))).await.ok();
    assert_eq!(app.post(Who::Alice, "/vm/script/run/1/cancel", Value::Null).await.status, 202);
    // The login ended with the role, and the cancelled machine is told to nobody.
    while let Some((name, data)) = stream.next().await {
        assert!(data.get("state").is_none_or(|state| state != "cancelled"), "{name}: {data}");
    }
}

#[tokio::test]
async fn each_change_of_a_watched_run_is_shown_with_the_rights_of_that_moment() {
    let app = long_run().await;
    let promote = |role: &str| json!({"user": [{"name": "bob", "role": role}]});
    app.call(Who::Root, "PUT", "/db/user", Some(promote("admin"))).await.ok();
    let actor = app.desk.vmm.actor(&"bob".parse().unwrap()).await.unwrap();
    let done = async || app.get(Who::Alice, "/vm/script/run/1").await.body["ended"] == 1;
    app.desk.until("web-1 has ended", done).await;
    let mut watch = app.desk.vmm.watch_run(&actor, vmm_core::model::RunId(1)).await.unwrap();
    let vmm_core::RunChange::Run(run) = watch.next().await.unwrap().unwrap() else { panic!("the run comes first") };
    assert!(run.arguments.is_some());
    // What waits to be taken was read before the role was lowered, longer ago than rights are taken for granted.
    app.call(Who::Root, "PUT", "/db/user", Some(promote("user"))).await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let vmm_core::RunChange::Machine(machine) = watch.next().await.unwrap().unwrap() else { panic!("a machine") };
    assert!(machine.output.is_none());
    app.call(Who::Root, "PUT", "/db/user", Some(json!({"user": [{"name": "bob", "disabled": true}]}))).await.ok();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(matches!(watch.next().await, Err(vmm_core::Error::Unauthenticated)));
}
