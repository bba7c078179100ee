//! Host keys of machines: looked at, and accepted by admins.

use serde_json::json;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::sshd::other_host_key;

use crate::app::{App, Who};
use crate::ssh::commands;

#[tokio::test]
async fn a_machine_that_was_installed_anew_is_worked_on_once_its_key_is_accepted() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.answer(address, "true", Answer::code(0));
    let before = app.get(Who::Alice, "/vm/host-key?vm=web-1").await.ok();
    assert_eq!((&before["matches"], &before["recorded"]), (&json!(true), &before["shown"]));

    let rebuilt = other_host_key();
    app.desk.remote.show_host_key(address, rebuilt.clone());
    let refused = app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true"])).await;
    refused.assert_problem(502);
    assert!(refused.text.contains("/vm/host-key"), "{}", refused.text);
    let seen = app.get(Who::Alice, "/vm/host-key?vm=web-1").await.ok();
    assert_eq!((&seen["matches"], &seen["recorded"]), (&json!(false), &before["recorded"]));
    assert_eq!(seen["shown"]["fingerprint"], rebuilt.fingerprint());

    let accept = json!({"host_key": seen["shown"]["key"]});
    app.call(Who::Alice, "PUT", "/vm/host-key?vm=web-1", Some(accept.clone())).await.assert_problem(403);
    app.call(Who::Root, "PUT", "/vm/host-key?vm=web-1", Some(accept.clone())).await.ok();
    app.post(Who::Alice, "/vm/ssh?vm=web-1", commands(&["true"])).await.ok();
    app.call(Who::Root, "PUT", "/vm/host-key?vm=web-1", Some(accept)).await.assert_problem(409);
    let audit = app.get(Who::Root, "/audit?action=vm.host-key&outcome=done").await;
    assert!(audit.text.contains(&rebuilt.fingerprint()), "{}", audit.text);
}

#[tokio::test]
async fn a_machine_that_shows_no_key_says_why() {
    let app = App::new().await;
    let address = app.machine().await;
    app.desk.remote.unreachable(address);
    let seen = app.get(Who::Alice, "/vm/host-key?vm=web-1").await.ok();
    assert_eq!((&seen["matches"], seen.get("shown")), (&json!(false), None));
    assert_eq!(seen["error"]["type"], "urn:vmm:problem:unavailable");
    for (key, fields) in [("nonsense", vec!["host_key"]), ("", vec!["host_key"])] {
        let answer = app.call(Who::Root, "PUT", "/vm/host-key?vm=web-1", Some(json!({"host_key": key}))).await;
        assert_eq!(answer.problem_fields(), fields, "{key:?}");
    }
}
