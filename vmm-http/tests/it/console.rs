//! The web console in a real browser, on a desk of fakes. The tests in the browser stand in `console/tests/browser`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use vmm_core::model::{RequestFilter, RequestState};
use vmm_testkit::fixture::{PASSWORD, TestDesk};

use crate::app::{App, Who};
use crate::clients::succeeds;

#[tokio::test]
async fn people_do_their_work_in_a_browser() {
    let app = App::new().await;
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("console/check"));
    command.arg("browser").env("VMM_URL", format!("http://{}", app.address));
    command.env("VMM_NAME", Who::Root.name()).env("VMM_PASSWORD", PASSWORD);
    command.stdin(Stdio::null()).kill_on_drop(true);
    tokio::select! {
        () = succeeds(command) => {}
        () = let_new_machines_be_reached(&app.desk) => {}
    }
}

/// Lets the machines of each request be reached while they are made. Never ends.
async fn let_new_machines_be_reached(desk: &TestDesk) {
    loop {
        let requests = desk.vmm.requests(&desk.admin, &RequestFilter::default()).await.unwrap();
        let begun = requests.iter().filter(|r| matches!(r.state, RequestState::Approved | RequestState::Running));
        begun.for_each(|request| desk.let_be_reached(request));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
