//! Second factors over HTTP.

use serde_json::{Value, json};
use vmm_core::{ExposeSecret, SecretString};
use vmm_testkit::fake::authenticator::FakeAuthenticator;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{Answer, App, Who};

/// Begins a second factor, and gives the app that has its secret.
pub(crate) async fn begin(app: &App, who: Who) -> FakeAuthenticator {
    let begun = app.post(who, "/second-factor", json!({"password": PASSWORD})).await.ok();
    FakeAuthenticator::new(&SecretString::from(begun["secret"].as_str().unwrap()))
}

pub(crate) fn code(authenticator: &FakeAuthenticator, steps_from_now: i64) -> Value {
    json!({"code": authenticator.code(steps_from_now).expose_secret()})
}

async fn sign_in(app: &App, path: &str, code: Option<&SecretString>) -> Answer {
    let mut body = json!({"name": "alice", "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code.expose_secret());
    }
    app.send(None, "POST", path, Some(body)).await
}

#[tokio::test]
async fn an_account_with_a_second_factor_signs_in_with_its_code_everywhere() {
    let app = App::new().await;
    let authenticator = begin(&app, Who::Alice).await;
    assert!(app.get(Who::Alice, "/second-factor").await.ok().get("confirmed_at").is_none());
    let wrong = app.call(Who::Alice, "PUT", "/second-factor", Some(json!({"code": "000000"}))).await;
    wrong.assert_problem(422);
    let confirmed = app.call(Who::Alice, "PUT", "/second-factor", Some(code(&authenticator, 0))).await.ok();
    assert_eq!(confirmed["recovery_code"].as_array().unwrap().len(), 10);
    assert_eq!(app.get(Who::Root, "/db/user/alice").await.ok()["second_factor"], true);

    for path in ["/session", "/web-session"] {
        let missing = sign_in(&app, path, None).await;
        missing.assert_problem(403);
        assert_eq!(missing.body["type"], "urn:vmm:problem:second-factor", "{path}");
        sign_in(&app, path, Some(&SecretString::from("000000"))).await.assert_problem(422);
    }
    sign_in(&app, "/session", Some(&authenticator.code(1))).await.ok();
    let recovery = SecretString::from(confirmed["recovery_code"][0].as_str().unwrap());
    sign_in(&app, "/web-session", Some(&recovery)).await.ok();
    assert_eq!(app.get(Who::Alice, "/second-factor").await.ok()["recovery_codes"], 9);
}

#[tokio::test]
async fn the_form_of_the_api_page_takes_the_code_too() {
    let app = App::new().await;
    let authenticator = begin(&app, Who::Root).await;
    app.call(Who::Root, "PUT", "/second-factor", Some(code(&authenticator, 0))).await.ok();
    let form = async |code: &str| {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = format!("name=root&password={}&code={code}", PASSWORD.replace(' ', "+"));
        let request = client.post(format!("http://{}/docs", app.address)).body(form);
        request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap()
    };
    let missing = form("").await;
    assert_eq!(missing.status(), 403);
    assert!(missing.text().await.unwrap().contains("second factor"));
    assert_eq!(form("000000").await.status(), 403);
    assert_eq!(form(authenticator.code(1).expose_secret()).await.status(), 303);
}
