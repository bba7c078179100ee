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
    app.login(Who::Alice, "canary-login").await.assert_problem(401);
    let change =
        json!({"update password": [{"user": "alice", "old=pass": PASSWORD, "new-password": "canary-changed"}]});
    assert_eq!(app.call(Who::Alice, "UPDATE", "/config/update-password", Some(change)).await.status, 204);
    let audit = app.get(Who::Root, "/audit?limit=1000").await.text;

    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/vm/ssh") && log.contains("status=422"), "the log is not captured");
    let password = login["password"].as_str().unwrap();
    for secret in [PASSWORD, &token, password, "canary-ssh", "canary-login", "canary-changed"] {
        assert!(!log.contains(secret), "{secret} stands in the log");
        assert!(!audit.contains(secret), "{secret} stands in the audit log");
    }
}
