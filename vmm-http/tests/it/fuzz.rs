//! Whatever is sent to an operation, it answers as the specification says, and never with a fault of the server.

use serde_json::json;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, Who};
use crate::clients::{succeeds, tools};

/// Sends requests that the specification makes possible, and ones that it makes impossible, from an account of this
/// role. `VMM_FUZZ_EXAMPLES` tells how many of each operation; the file of settings has the default.
async fn keeps_its_word_to(role: Option<&str>) {
    let app = App::new().await;
    let machine = app.machine().await;
    let pending = json!({"request-vm": [{"id": "shop-1", "spec": "name,os,vcpu,memory\nshop-1,debian:12,1,512\n"}]});
    app.post(Who::Alice, "/request-vm", pending).await.ok();
    app.desk.remote.answer(machine, "uname -a", Answer::stdout("Linux\n"));
    let mut command = tools(&app, &["fuzz"]);
    if let Ok(count) = std::env::var("VMM_FUZZ_EXAMPLES") {
        command.args(["--max-examples", &count]);
    }
    if let Some(role) = role {
        let account = json!({"user": [{"name": "fuzzer", "password": PASSWORD, "role": role}]});
        app.post(Who::Root, "/db/user", account).await.ok();
        command.env("VMM_NAME", "fuzzer").env("VMM_PASSWORD", PASSWORD);
    }
    succeeds(command).await;
}

#[tokio::test]
async fn it_keeps_its_word_to_nobody() {
    keeps_its_word_to(None).await;
}

#[tokio::test]
async fn it_keeps_its_word_to_users() {
    keeps_its_word_to(Some("user")).await;
}

#[tokio::test]
async fn it_keeps_its_word_to_admins() {
    keeps_its_word_to(Some("admin")).await;
}
