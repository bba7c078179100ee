//! Requests that come to no good end.

use vmm_core::{Error, Kind};

use super::{Chat, EDITED, settled, shows};
use crate::app::App;

#[tokio::test]
async fn the_manual_shows_a_rejection() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (mut of_alice, mut of_root) = (Chat::new(&alice), Chat::new(&root));
    let csv = b"name,os,vcpu,memory,disk\nbig-1,debian:12,16,64GiB,20\n";
    alice.uploads("machines.csv", csv, "for a try");
    let preview = alice.sees("Press Submit to ask for these machines as request").await;
    alice.presses(&preview, "Submit").answer().await;
    let card = alice.sees_edit(&preview, "waits for an admin").await;
    of_alice.said();
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Reject").answer().await;
    root.sees("Why do you reject").await;
    root.says("16 vCPU are too many for a try; ask again with 2");
    let rejected = || root.transcript().matches("was rejected by root").count();
    app.telegram.until("it is answered, and the notice has changed", |_| rejected() == 2).await;
    alice.sees_edit(&card, "was rejected by root").await;
    alice.sees("was rejected by root").await;
    // The notice becomes the same as the answer, before it or after it.
    let answer = format!("vmm: {}\n    [Show]\n", root.latest().unwrap().text);
    shows("The admin gives a reason:", &of_root.said().replace(&format!("{EDITED}{answer}"), ""));
    shows("The requester reads it:", &of_alice.said());
}

/// The worker is away until all that an approval leads to is shown.
#[tokio::test]
async fn the_manual_shows_a_machine_that_cannot_be_made() {
    let mut app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    app.desk.stop_worker().await;
    let request = app.desk.submit("r-shop-7", "name,os,vcpu,memory,disk\nweb-7,debian:12,2,2GiB,20\n").await;
    let mut chat = Chat::new(&alice);
    let taken =
        Error::conflict(Kind::Domain, "web-7", "another domain with this name exists on the host; choose another name");
    app.desk.hypervisor.fail_next("definitions.define", taken);
    app.desk.approve(&request).await;
    let progress = alice.sees("0 of 1 machine is ready").await;
    app.desk.start_worker();
    alice.sees_edit(&progress, "failed").await;
    alice.sees("failed").await;
    shows("### A machine that cannot be made", &settled(&chat.said()));
}
