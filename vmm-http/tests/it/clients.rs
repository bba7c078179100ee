//! Clients that others' tools generate from the committed specification do the main job against a server.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};

/// The first run makes the tools' environments.
const PATIENCE: Duration = Duration::from_secs(1800);

/// `tests/clients/tools` with these arguments, for a server.
pub(crate) fn tools(app: &App, arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/tools"));
    command.args(arguments).env("VMM_URL", format!("http://{}", app.address)).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end, and shows what it printed if it fails.
pub(crate) async fn succeeds(mut command: Command) {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
}

async fn does_the_main_job(client: &str) {
    let app = App::new().await;
    let machine = app.machine().await;
    app.desk.remote.answer(machine, "uname", Answer::stdout("Linux\n"));
    let mut command = tools(&app, &["client", client]);
    command.env("VMM_NAME", Who::Alice.name()).env("VMM_PASSWORD", PASSWORD).env("VMM_VM", "web-1");
    succeeds(command).await;
}

#[tokio::test]
async fn openapi_python_client() {
    does_the_main_job("openapi-python-client").await;
}

#[tokio::test]
async fn openapi_generator() {
    does_the_main_job("openapi-generator").await;
}

#[tokio::test]
async fn openapi_typescript() {
    does_the_main_job("openapi-typescript").await;
}

#[tokio::test]
async fn progenitor() {
    does_the_main_job("progenitor").await;
}
