//! The page of the API, for admins.

use reqwest::{Client, Response, redirect};
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

struct Browser {
    client: Client,
    base: String,
}

impl Browser {
    fn new(app: &App) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { client, base: format!("http://{}/docs", app.address) }
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).header("Cookie", cookie).send().await.unwrap()
    }

    async fn post(&self, path: &str, cookie: &str, origin: Option<&str>, form: &str) -> Response {
        let request = self.client.post(format!("{}{path}", self.base)).header("Cookie", cookie);
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        let request = request.header("Content-Type", "application/x-www-form-urlencoded").body(form.to_owned());
        request.send().await.unwrap()
    }

    async fn log_in(&self, name: &str, password: &str) -> Response {
        self.post("", "", None, &format!("name={name}&password={}", password.replace(' ', "+"))).await
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn an_admin_logs_in_sees_the_page_and_logs_out() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    let login = browser.log_in("root", PASSWORD).await;
    assert_eq!((login.status().as_u16(), header(&login, "location")), (303, "/docs".to_owned()));
    let set = header(&login, "set-cookie");
    for attribute in ["Path=/docs", "HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "that is for TLS: {set}");
    let cookie = set.split(';').next().unwrap();

    let page = browser.get("", cookie).await;
    assert_eq!(page.status(), 200);
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    assert_eq!(header(&page, "referrer-policy"), "same-origin", "else a browser hides where its form comes from");
    let text = page.text().await.unwrap();
    assert!(text.contains("swagger-ui.js") && !text.contains("http://") && !text.contains("https://"), "{text}");
    for (part, kind) in
        [("/start.js", "text/javascript"), ("/swagger-ui.js", "text/javascript"), ("/swagger-ui.css", "text/css")]
    {
        let answer = browser.get(part, cookie).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type").as_str()), (200, kind), "{part}");
    }
    let token = cookie.split_once('=').unwrap().1;
    assert_eq!(
        browser
            .client
            .get(format!("http://{}/db/user", app.address))
            .header("Cookie", cookie)
            .send()
            .await
            .unwrap()
            .status(),
        401
    );

    let out = browser.post("/logout", cookie, None, "").await;
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));
    assert!(!browser.get("", cookie).await.text().await.unwrap().contains("swagger-ui"));
    app.send(Some(token), "GET", "/db/os", None).await.assert_problem(401);
}

/// The token that the page's script gets for a cookie.
async fn page_token(app: &App, browser: &Browser, cookie: &str) -> String {
    let answer = browser.post("/token", cookie, Some(&format!("http://{}", app.address)), "").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    answer.json::<serde_json::Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_is_signed_in_at_the_page_tries_operations_without_signing_in_once_more() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    let set = header(&browser.log_in("root", PASSWORD).await, "set-cookie");
    let cookie = set.split(';').next().unwrap();
    let (first, second) = (page_token(&app, &browser, cookie).await, page_token(&app, &browser, cookie).await);
    assert_ne!(first, second, "each page has its own");
    assert!(!first.contains(cookie.split_once('=').unwrap().1), "it is not the cookie's");
    for token in [&first, &second] {
        assert_eq!(app.send(Some(token), "GET", "/db/user", None).await.ok()["user"][0]["name"], "alice");
    }
    let key = [("Idempotency-Key", "once")];
    let zoe = serde_json::json!({"user": [{"name": "zoe", "password": PASSWORD}]});
    for _ in 0..2 {
        app.send_with(&key, Some(&first), "POST", "/db/user", Some(zoe.clone())).await.ok();
    }
    let start = browser.get("/start.js", cookie).await.text().await.unwrap();
    assert!(start.contains("/docs/token") && !start.contains("localStorage"), "{start}");
    assert!(!browser.get("", cookie).await.text().await.unwrap().contains("POST /session"));

    browser.post("/logout", cookie, None, "").await;
    for token in [&first, &second] {
        app.send(Some(token), "GET", "/db/os", None).await.assert_problem(401);
    }
    assert_eq!(browser.post("/token", cookie, Some(&format!("http://{}", app.address)), "").await.status(), 401);
}

#[tokio::test]
async fn the_pages_token_is_given_to_the_page_alone() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    let own = format!("http://{}", app.address);
    let set = header(&browser.log_in("root", PASSWORD).await, "set-cookie");
    let cookie = set.split(';').next().unwrap();
    for origin in [None, Some("https://evil.example"), Some("null")] {
        assert_eq!(browser.post("/token", cookie, origin, "").await.status(), 400, "{origin:?}");
    }
    assert_eq!(browser.get("/token", cookie).await.status(), 405);
    let user = app.token(Who::Alice).await.unwrap();
    for cookie in ["", "vmm_docs=nonsense", &format!("vmm_docs={user}")] {
        assert_eq!(browser.post("/token", cookie, Some(&own), "").await.status(), 401, "{cookie}");
    }
    for forged in ["vmm-page.", "vmm-page.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        app.send(Some(forged), "GET", "/db/os", None).await.assert_problem(401);
    }
}

#[tokio::test]
async fn nobody_but_an_admin_sees_it() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    let user = app.token(Who::Alice).await.unwrap();
    for cookie in ["", "vmm_docs=nonsense", &format!("vmm_docs={user}")] {
        let page = browser.get("", cookie).await;
        assert_eq!(page.status(), 200, "the form");
        assert!(!page.text().await.unwrap().contains("swagger-ui"));
        for part in ["/start.js", "/swagger-ui.js", "/swagger-ui.css"] {
            assert_eq!(browser.get(part, cookie).await.status(), 401, "{part}");
        }
    }
    let refused = browser.log_in("alice", PASSWORD).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "set-cookie").as_str()), (403, ""));
    let wrong = browser.log_in("root", "not the password").await;
    assert_eq!((wrong.status().as_u16(), header(&wrong, "set-cookie").as_str()), (401, ""));
    assert!(wrong.text().await.unwrap().contains("The name or the password is wrong."));
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    let form = format!("name=root&password={}", PASSWORD.replace(' ', "+"));
    let own = format!("http://{}", app.address);
    assert_eq!(browser.post("", "", Some("https://evil.example"), &form).await.status(), 400);
    assert_eq!(browser.post("", "", Some("null"), &form).await.status(), 400);
    assert_eq!(browser.post("", "", Some(&own), &form).await.status(), 303);
}

#[tokio::test]
async fn guesses_are_limited_as_everywhere() {
    let app = App::new().await;
    let browser = Browser::new(&app);
    for _ in 0..10 {
        assert_eq!(browser.log_in("root", "not the password").await.status(), 401);
    }
    let refused = browser.log_in("root", "not the password").await;
    assert_eq!(refused.status(), 429);
    assert!(!header(&refused, "retry-after").is_empty());
}
