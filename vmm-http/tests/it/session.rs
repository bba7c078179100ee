use std::net::IpAddr;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use vmm_core::model::{AuditEntry, NewSession, Outcome, TokenHash};
use vmm_core::repository::Repository;
use vmm_http::Limits;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

#[tokio::test]
async fn a_login_gives_a_token_that_works_until_the_logout() {
    let app = App::new().await;
    let login = app.login(Who::Alice, PASSWORD).await.ok();
    assert_eq!(login["user"]["name"], "alice");
    assert!(login["user"].get("password").is_none());
    let token = login["token"].as_str().unwrap();
    assert_eq!(app.send(Some(token), "GET", "/db/os", None).await.status, 200);
    assert_eq!(app.send(Some(token), "DELETE", "/session", None).await.status, 204);
    app.send(Some(token), "GET", "/db/os", None).await.assert_problem(401);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_get_the_same_answer() {
    let app = App::new().await;
    let wrong = |name: &str| json!({"name": name, "password": "not the password"});
    let known = app.send(None, "POST", "/session", Some(wrong("alice"))).await;
    let unknown = app.send(None, "POST", "/session", Some(wrong("nobody-at-all"))).await;
    let impossible = app.send(None, "POST", "/session", Some(wrong("<script>"))).await;
    known.assert_problem(401);
    assert_eq!((&known.text, known.status), (&unknown.text, unknown.status));
    assert_eq!((&known.text, known.status), (&impossible.text, impossible.status));
}

#[tokio::test]
async fn unknown_and_expired_tokens_are_refused_alike() {
    let app = App::new().await;
    let user = app.desk.user.user_id().unwrap();
    let expires_at = chrono::Utc::now() - Duration::from_secs(1);
    let session = NewSession { user, token: TokenHash(Sha256::digest(b"old").into()), expires_at };
    let audit = AuditEntry {
        user: Some(user),
        actor: "alice".to_owned(),
        action: "session.login",
        target: String::new(),
        outcome: Outcome::Done,
        detail: String::new(),
        finishes: None,
    };
    app.desk.repository.sessions().create(session, audit).await.unwrap();

    let expired = app.send(Some("old"), "GET", "/db/os", None).await;
    let unknown = app.send(Some("never"), "GET", "/db/os", None).await;
    expired.assert_problem(401);
    assert_eq!(expired.text, unknown.text);
    assert_eq!(expired.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn wrong_passwords_come_to_an_end_and_the_answer_says_when_to_go_on() {
    let app = App::new().await;
    for name in ["alice", "nobody-at-all"] {
        let wrong = || app.send(None, "POST", "/session", Some(json!({"name": name, "password": "not the password"})));
        for _ in 0..5 {
            wrong().await.assert_problem(401);
        }
        let refused = wrong().await;
        refused.assert_problem(429);
        assert!((1..=60).contains(&refused.header("retry-after").parse::<u32>().unwrap()), "{refused:?}");
    }
    // Another account is not touched, and neither is a login that is under way.
    assert_eq!(app.login(Who::Bob, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_proxy_that_is_trusted() {
    for (trusted, status) in [(false, 429), (true, 401)] {
        let mut limits = Limits::default();
        limits.trusted_proxies.extend(trusted.then_some(IpAddr::from([127, 0, 0, 1])));
        let app = App::with(limits).await;
        let mut last = 0;
        for client in 1..=6 {
            let request = reqwest::Client::new()
                .post(format!("http://{}/session", app.address))
                .header("X-Forwarded-For", format!("127.0.0.1, 192.0.2.{client}"))
                .json(&json!({"name": "alice", "password": "not the password"}));
            last = request.send().await.unwrap().status().as_u16();
        }
        assert_eq!(last, status);
    }
}
