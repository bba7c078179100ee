//! Secrets that pass through the API stay out of the log and the audit log.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

/// The log of every test of this program. One subscriber for all, since a program has one, and since tests with and
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

/// Every file below a directory, as it is on the disk: the records, their write-ahead log and the file area.
fn files_of(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_of(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            files.push((path, bytes));
        }
    }
    files
}

#[tokio::test]
async fn no_secret_reaches_a_log_an_answer_or_a_file() {
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
    let created = json!({"user": [{"name": "carol", "password": "canary-created"}]});
    let root = app.token(Who::Root).await;
    let made = app.send_with(&[("Idempotency-Key", "one")], root.as_deref(), "POST", "/db/user", Some(created)).await;
    answers.push(made.text);
    let change = json!({"user": [{"name": "carol", "password": "canary-set"}]});
    answers.push(app.call(Who::Root, "PUT", "/db/user", Some(change)).await.text);
    let ft = json!({"ft": [{"file": "note", "directory": "/tmp", "user": "root", "password": "canary-carried"}]});
    crate::file::put(&app, Who::Alice, "note", b"a note").await;
    app.post(Who::Alice, "/vm/ft?direction=send&vm=web-1", ft).await;
    let audit = app.get(Who::Root, "/audit?limit=1000").await.text;

    let log = String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/vm/ssh") && log.contains("status=422"), "the log is not captured");
    let password = login["password"].as_str().unwrap();
    let stored = files_of(app.desk.database().parent().unwrap());
    assert!(stored.len() > 2, "{stored:?}");
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
        "canary-created",
        "canary-set",
        "canary-carried",
    ] {
        for (path, bytes) in &stored {
            let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds, "{secret} stands in {}", path.display());
        }
        assert!(!log.contains(secret), "{secret} stands in the log");
        assert!(!audit.contains(secret), "{secret} stands in the audit log");
        assert!(answers.iter().all(|answer| !answer.contains(secret)), "{secret} stands in an answer");
    }
}
