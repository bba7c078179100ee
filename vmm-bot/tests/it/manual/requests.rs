//! What becomes of a request that an admin does not want.

use super::{Chat, EDITED, shows};
use crate::app::App;

#[tokio::test]
async fn the_manual_shows_a_rejection() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (mut of_alice, mut of_root) = (Chat::new(&alice), Chat::new(&root));
    let csv = b"name,os,vcpu,memory,disk\nbig-1,debian:12,16,64GiB,20\n";
    alice.uploads("machines.csv", csv, "for a try");
    let preview = alice.sees("Submitted, this becomes request").await;
    alice.presses(&preview, "Submit").answer().await;
    let card = alice.sees_edit(&preview, "waits for an admin").await;
    of_alice.said();
    let notice = root.sees("waits for an admin").await;
    root.presses(&notice, "Reject").answer().await;
    root.sees("Why is").await;
    root.says("16 vCPU are too many for a try; ask again with 2");
    let rejected = || root.transcript().matches("was rejected by root").count();
    app.telegram.until("it is answered, and the notice has changed", |_| rejected() == 2).await;
    alice.sees_edit(&card, "was rejected by root").await;
    alice.sees("was rejected by root").await;
    // The notice becomes the same as the answer, before it or after it.
    let answer = format!("vmm: {}\n    [Show]\n", root.latest().unwrap().text);
    shows("An admin says why:", &of_root.said().replace(&format!("{EDITED}{answer}"), ""));
    shows("The requester is told:", &of_alice.said());
}
