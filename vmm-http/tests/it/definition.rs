//! Definitions of machines: looked at, and accepted by admins.

use serde_json::json;
use vmm_core::model::{VmFilter, VmName};

use crate::app::{App, Who};

/// A desk with a machine `web-1` that is off, and its id on the host.
async fn desk() -> (App, uuid::Uuid) {
    let app = App::new().await;
    app.provision().await;
    app.post(Who::Root, "/vm/power?vm=web-1", json!({"action": "stop"})).await.ok();
    let vms = app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap().items;
    let uuid = vms.iter().find(|vm| vm.name == VmName::new("web-1").unwrap()).unwrap().uuid;
    (app, uuid)
}

#[tokio::test]
async fn a_changed_machine_is_left_alone_until_an_admin_accepts_what_was_looked_at() {
    let (app, uuid) = desk().await;
    let before = app.get(Who::Bob, "/vm/definition?vm=web-1").await.ok();
    assert_eq!((&before["matches"], &before["differences"]), (&json!(true), &json!([])));
    let memory = app.get(Who::Bob, "/db/vm/web-1").await.ok()["memory"].as_u64().unwrap();
    app.desk.hypervisor.change_definition(uuid, |spec| spec.memory *= 2);

    let disk = json!({"disk": [{"vm": "web-1", "disk_size": 1}]});
    let refused = app.post(Who::Alice, "/db/disk", disk.clone()).await;
    refused.assert_problem(409);
    let sentence = format!("memory is {} MiB where vmm last saw {memory} MiB", 2 * memory);
    assert!(
        refused.text.contains(&sentence) && refused.text.contains("PUT /vm/definition?vm=web-1"),
        "{}",
        refused.text
    );

    let seen = app.get(Who::Bob, "/vm/definition?vm=web-1").await.ok();
    assert_eq!((&seen["matches"], &seen["differences"][0]["text"]), (&json!(false), &json!(sentence)));
    let accept = json!({"digest": seen["digest"]});
    let other = json!({"digest": before["digest"]});
    app.call(Who::Alice, "PUT", "/vm/definition?vm=web-1", Some(accept.clone())).await.assert_problem(403);
    app.call(Who::Root, "PUT", "/vm/definition?vm=web-1", Some(other)).await.assert_problem(409);
    let vm = app.call(Who::Root, "PUT", "/vm/definition?vm=web-1", Some(accept.clone())).await.ok();
    assert_eq!(vm["memory"], json!(2 * memory));
    app.call(Who::Root, "PUT", "/vm/definition?vm=web-1", Some(accept)).await.assert_problem(409);
    app.post(Who::Alice, "/db/disk", disk).await.ok();
    let audit = app.get(Who::Root, "/audit?action=vm.definition&outcome=done").await;
    assert!(audit.text.contains(&sentence), "{}", audit.text);
}

#[tokio::test]
async fn a_digest_that_is_none_is_refused() {
    let (app, _) = desk().await;
    for digest in ["", "zz", &"g".repeat(64)] {
        let answer = app.call(Who::Root, "PUT", "/vm/definition?vm=web-1", Some(json!({"digest": digest}))).await;
        assert_eq!(answer.problem_fields(), ["digest"], "{digest:?}");
    }
}
