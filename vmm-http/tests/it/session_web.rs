//! Logins of the web console, which a cookie holds.

use serde_json::json;
use vmm_core::config::{SettingValue, WebAccess};
use vmm_testkit::fixture::PASSWORD;

use crate::app::{Answer, App, Who};

/// A browser that is signed in, or is not yet.
struct Browser<'a> {
    app: &'a App,
    origin: String,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn new(app: &'a App) -> Self {
        Self { app, origin: format!("http://{}", app.address), cookie: String::new() }
    }

    async fn signed_in(app: &'a App, who: Who) -> Self {
        let mut browser = Self::new(app);
        let answer = browser.sign_in(who).await;
        answer.header("set-cookie").split(';').next().unwrap().clone_into(&mut browser.cookie);
        answer.ok();
        browser
    }

    async fn sign_in(&self, who: Who) -> Answer {
        let body = json!({"name": who.name(), "password": PASSWORD});
        self.app.send_with(&[("Origin", &self.origin)], None, "POST", "/web-session", Some(body)).await
    }

    /// As the console's script does.
    async fn call(&self, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
        self.with(&[("X-Vmm-Console", "1"), ("Origin", &self.origin)], method, path, body).await
    }

    async fn with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> Answer {
        let headers = [headers, &[("Cookie", &self.cookie)]].concat();
        self.app.send_with(&headers, None, method, path, body).await
    }
}

#[tokio::test]
async fn a_browser_signs_in_by_a_cookie_that_no_script_reads_and_out_again() {
    let app = App::new().await;
    let answer = Browser::new(&app).sign_in(Who::Root).await;
    let set = answer.header("set-cookie").to_owned();
    for attribute in ["vmm_session=", "Path=/", "HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "that is for TLS: {set}");
    let token = set.split(['=', ';']).nth(1).unwrap();
    assert!(!answer.text.contains(token), "the token is in the cookie alone");
    let shown = answer.ok();
    assert_eq!((&shown["user"]["name"], &shown["access"]), (&json!("root"), &json!("all")));

    let browser = Browser::signed_in(&app, Who::Root).await;
    assert_eq!(browser.call("GET", "/web-session", None).await.ok()["user"]["role"], "admin");
    let zoe = json!({"user": [{"name": "zoe", "password": PASSWORD}]});
    let key = [("X-Vmm-Console", "1"), ("Origin", browser.origin.as_str()), ("Idempotency-Key", "once")];
    for _ in 0..2 {
        browser.with(&key, "POST", "/db/user", Some(zoe.clone())).await.ok();
    }
    let out = browser.call("DELETE", "/web-session", None).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    browser.call("GET", "/web-session", None).await.assert_problem(401);
    app.send(Some(browser.cookie.split_once('=').unwrap().1), "GET", "/db/os", None).await.assert_problem(401);
}

#[tokio::test]
async fn the_cookie_counts_for_our_own_pages_alone() {
    let app = App::new().await;
    let browser = Browser::signed_in(&app, Who::Root).await;
    let own = browser.origin.as_str();
    let ours = ("X-Vmm-Console", "1");
    let zoe = || Some(json!({"user": [{"name": "zoe", "password": PASSWORD}]}));
    for headers in [
        vec![("Origin", own)],
        vec![ours],
        vec![ours, ("Origin", "null")],
        vec![ours, ("Origin", "https://elsewhere.example")],
        vec![ours, ("Origin", "http://127.0.0.1")],
        vec![ours, ("Origin", own), ("Sec-Fetch-Site", "cross-site")],
        vec![ours, ("Origin", own), ("Sec-Fetch-Site", "same-site")],
    ] {
        browser.with(&headers, "POST", "/db/user", zoe()).await.assert_problem(401);
    }
    for headers in [vec![], vec![("Origin", own)], vec![ours, ("Origin", "https://elsewhere.example")]] {
        browser.with(&headers, "GET", "/db/user", None).await.assert_problem(401);
    }
    // A browser states no origin where a page reads from its own.
    browser.with(&[ours, ("Sec-Fetch-Site", "same-origin")], "GET", "/db/user", None).await.ok();
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_in() {
    let app = App::new().await;
    let body = || Some(json!({"name": "root", "password": PASSWORD}));
    for origin in [Some("https://elsewhere.example"), Some("null"), None] {
        let headers: Vec<_> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
        let refused = app.send_with(&headers, None, "POST", "/web-session", body()).await;
        refused.assert_problem(400);
        assert_eq!(refused.header("set-cookie"), "");
    }
}

#[tokio::test]
async fn an_account_that_may_not_use_the_web_gets_its_own_page() {
    let app = App::new().await;
    app.provision().await;
    let alice = Browser::signed_in(&app, Who::Alice).await;
    assert_eq!(alice.call("GET", "/web-session", None).await.ok()["access"], "own");
    for path in ["/session", "/token", "/limits", "/vm/login?vm=web-1"] {
        alice.call("GET", path, None).await.ok();
    }
    for path in ["/db/vm", "/request-vm", "/files"] {
        alice.call("GET", path, None).await.assert_problem(403);
    }
    // Another role ends the login, and the next one has its rights.
    let admin = json!({"user": [{"name": "alice", "role": "admin"}]});
    app.call(Who::Root, "PUT", "/db/user", Some(admin)).await.ok();
    alice.call("GET", "/db/vm", None).await.assert_problem(401);
    let alice = Browser::signed_in(&app, Who::Alice).await;
    alice.call("GET", "/db/vm", None).await.ok();
}

#[tokio::test]
async fn everybody_gets_the_web_where_a_setting_says_so() {
    let app = App::with_settings(|settings| settings.web_access = WebAccess::Everyone).await;
    let alice = Browser::signed_in(&app, Who::Alice).await;
    assert_eq!(alice.call("GET", "/web-session", None).await.ok()["access"], "all");
    alice.call("GET", "/db/vm", None).await.ok();
    alice.call("GET", "/db/user", None).await.assert_problem(403);
}

#[tokio::test]
async fn behind_a_proxy_the_public_address_is_the_one_that_counts() {
    let url = "https://vmm.example.org";
    let app = App::with_settings(|settings| settings.public_url = SettingValue::from_text(url)).await;
    Browser::new(&app).sign_in(Who::Root).await.assert_problem(400);
    let browser = Browser { origin: url.to_owned(), ..Browser::new(&app) };
    let set = browser.sign_in(Who::Root).await.header("set-cookie").to_owned();
    assert!(set.starts_with("__Host-vmm_session=") && set.contains("; Secure"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    let browser = Browser { cookie, ..browser };
    browser.call("GET", "/db/vm", None).await.ok();
}

#[tokio::test]
async fn an_api_token_is_no_login_of_the_console() {
    let app = App::new().await;
    let made = app.post(Who::Alice, "/token", json!({"token": [{"name": "ci"}]})).await.ok();
    let token = made["token"][0]["secret"].as_str().unwrap();
    app.send(Some(token), "GET", "/web-session", None).await.assert_problem(409);
}
