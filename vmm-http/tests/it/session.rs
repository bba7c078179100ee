use std::net::IpAddr;

use serde_json::json;
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
async fn unknown_and_expired_tokens_and_those_of_disabled_accounts_are_refused_alike() {
    let app = App::new().await;
    let unknown = app.send(Some("never"), "GET", "/db/os", None).await;
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    for who in [Who::Expired, Who::Disabled] {
        let refused = app.get(who, "/db/os").await;
        refused.assert_problem(401);
        assert_eq!(refused.text, unknown.text);
    }
}

#[tokio::test]
async fn one_sees_and_ends_one_s_own_logins_and_an_admin_anybody_s() {
    let app = App::new().await;
    let first = app.login(Who::Bob, PASSWORD).await.ok()["token"].as_str().unwrap().to_owned();
    let list = async |who, query: &str| app.get(who, &format!("/session{query}")).await;
    let seen = list(Who::Bob, "").await.ok();
    let sessions = seen["session"].as_array().unwrap();
    assert_eq!(sessions.iter().map(|s| &s["current"]).collect::<Vec<_>>(), [&json!(false), &json!(true)]);
    assert!(!seen.to_string().contains(&first));
    assert_eq!(list(Who::Root, "?user=bob").await.ok()["session"].as_array().unwrap().len(), 2);
    assert_eq!(list(Who::Bob, "?user=BOB&limit=1").await.ok()["session"][0], sessions[0]);
    list(Who::Alice, "?user=bob").await.assert_problem(403);
    list(Who::Alice, "?user=no-such-account").await.assert_problem(403);
    list(Who::Root, "?user=no-such-account").await.assert_problem(404);

    let end = format!("/session/{}", sessions[0]["id"]);
    app.call(Who::Alice, "DELETE", &end, None).await.assert_problem(404);
    assert_eq!(app.send(Some(&first), "GET", "/db/os", None).await.status, 200);
    assert_eq!(app.call(Who::Bob, "DELETE", &end, None).await.status, 204);
    app.send(Some(&first), "GET", "/db/os", None).await.assert_problem(401);
    app.call(Who::Bob, "DELETE", &end, None).await.assert_problem(404);
    let other = format!("/session/{}", sessions[1]["id"]);
    assert_eq!(app.call(Who::Root, "DELETE", &other, None).await.status, 204);
    app.get(Who::Bob, "/db/os").await.assert_problem(401);
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
