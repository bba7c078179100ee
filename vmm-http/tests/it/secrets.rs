//! Secrets that pass through the API stay out of the log and the audit log.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

/// What every test of this program logs. One subscriber for all, since a program has one, and since tests with and
/// without one in parallel switch each other's log lines off.
static LOG: LazyLock<Captured> = LazyLock::new(|| {
    let log = Captured::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_writer(log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

/// Begins to keep what is logged, in every thread.
pub(crate) fn capture_log() {
    LazyLock::force(&LOG);
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_reaches_the_log() {
    let app = App::new().await;
    app.provision().await;
    let token = app.token(Who::Alice).await.unwrap();
    let login = app.get(Who::Alice, "/vm/login?vm=web-1").await.ok();
    let ssh = json!({"ssh": [{"command": "nothing", "user": "vm-user", "password": "canary-ssh"}]});
    app.post(Who::Alice, "/vm/ssh?vm=web-1", ssh).await;
    app.post(Who::Alice, "/vm/ssh?vm=web-1", json!({"ssh": ["canary-ssh"]})).await.assert_problem(422);
    let script = json!({"script": [{
        "name": "up", "file": "up.sh", "content": "uptime", "command": "sh", "vm": ["web-1"],
        "user": "root", "password": "canary-stored",
    }]});
    let mut answers = vec![app.post(Who::Alice, "/vm/script", script).await.text];
    let change = json!({"script": [{"name": "up", "password": "canary-restored"}]});
    answers.push(app.call(Who::Alice, "PUT", "/vm/script", Some(change)).await.text);
    for run in [json!({"script": "up"}), json!({"script": "up", "user": "root", "password": "canary-given"})] {
        let started = app.post(Who::Alice, "/vm/script/run", json!({"run": [run]})).await;
        let path = format!("/vm/script/run/{}", started.body["run"][0]["id"]);
        app.desk.until("the run ends", async || app.get(Who::Alice, &path).await.body["ended"] == 1).await;
        answers.extend([started.text, app.get(Who::Alice, &path).await.text]);
    }
    let half = json!({"run": [{"script": "up", "password": "canary-given"}]});
    answers.push(app.post(Who::Alice, "/vm/script/run", half).await.text);
    for path in ["/vm/script", "/vm/script/up", "/vm/script/run"] {
        answers.push(app.get(Who::Root, path).await.text);
    }
    app.login(Who::Alice, "canary-login").await.assert_problem(401);
    let change =
        json!({"update password": [{"user": "alice", "old=pass": PASSWORD, "new-password": "canary-changed"}]});
    assert_eq!(app.call(Who::Alice, "UPDATE", "/config/update-password", Some(change)).await.status, 204);
    let audit = app.get(Who::Root, "/audit?limit=1000").await.text;

    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/vm/ssh") && log.contains("status=422"), "the log is not captured");
    let password = login["password"].as_str().unwrap();
    for secret in [
        PASSWORD,
        &token,
        password,
        "canary-ssh",
        "canary-login",
        "canary-changed",
        "canary-stored",
        "canary-restored",
        "canary-given",
    ] {
        assert!(!log.contains(secret), "{secret} stands in the log");
        assert!(!audit.contains(secret), "{secret} stands in the audit log");
        assert!(answers.iter().all(|answer| !answer.contains(secret)), "{secret} stands in an answer");
    }
}
