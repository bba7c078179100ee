//! Commands on many machines.

use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, Who};
use crate::ssh::commands;

/// A desk with machines, and their names and addresses.
async fn desk() -> (App, Vec<String>, Vec<SocketAddr>) {
    let app = App::new().await;
    app.provision().await;
    let vms = app.desk.vmm.vms(&app.desk.admin, &Default::default()).await.unwrap().items;
    assert!(vms.len() >= 2, "{vms:?}");
    let names = vms.iter().map(|vm| vm.name.to_string()).collect();
    (app, names, vms.iter().map(|vm| SocketAddr::new(vm.ip.unwrap(), 22)).collect())
}

fn on(vms: Value, lines: &[&str]) -> Value {
    json!({"vms": vms, "ssh": commands(lines)["ssh"]})
}

#[tokio::test]
async fn each_machine_has_its_results_and_what_fails_on_one_stops_no_other() {
    let (app, names, addresses) = desk().await;
    app.desk.remote.refuse_logins(addresses[0]);
    for address in &addresses[1..] {
        app.desk.remote.answer(*address, "uptime", Answer::stdout("up\n"));
        app.desk.remote.answer(*address, "sleep", Answer::hangs());
    }
    let mut twice = names.clone();
    twice.push(names[1].clone());
    let mut body = on(json!(twice), &["uptime", "sleep", "uptime"]);
    body["at_once"] = json!(64);
    let answer = app.post(Who::Bob, "/vm/ssh/many", body).await.ok();
    let told: Vec<_> = answer["vm"].as_array().unwrap().iter().map(|of| of["vm"].clone()).collect();
    assert_eq!(json!(told), json!(names), "each once, in the order of the call");
    let refused = &answer["vm"][0];
    assert_eq!(refused["problem"]["type"], "urn:vmm:problem:login-refused");
    assert_eq!(refused["ssh"], json!([]));
    let other = &answer["vm"][1];
    assert!(other.get("problem").is_none(), "{other}");
    assert_eq!((&other["ssh"][0]["exit_code"], &other["ssh"][0]["stdout"]), (&json!(0), &json!("up\n")));
    assert_eq!(other["ssh"][1]["error"]["type"], "urn:vmm:problem:timeout");
    assert!(other["ssh"][2]["error"]["detail"].as_str().unwrap().contains("not tried"));
    let audit = app.get(Who::Root, "/audit?action=vm.ssh").await;
    let ended = audit.body["audit"].as_array().unwrap().iter().filter(|row| row["outcome"] != "started").count();
    assert_eq!(ended, names.len(), "one for each machine");
    assert!(!audit.text.contains("s3cretP4ss"));
}

#[tokio::test]
async fn a_wrong_target_or_item_is_named_and_nothing_is_run() {
    let (app, names, _) = desk().await;
    let fields = async |body: Value| app.post(Who::Alice, "/vm/ssh/many", body).await.problem_fields();
    assert_eq!(fields(on(json!([names[0], "nowhere"]), &["true"])).await, ["vms"]);
    assert_eq!(fields(on(json!(["@nobody"]), &["true"])).await, ["vms"]);
    assert_eq!(fields(on(json!(["-rf"]), &["true"])).await, ["vms"]);
    assert_eq!(fields(on(json!([]), &["true"])).await, ["vms"]);
    assert_eq!(fields(on(json!([names[0]]), &["true", "a\0b"])).await, ["ssh[1].command"]);
    let mut body = on(json!([names[0]]), &["true"]);
    body["ssh"][0]["password"] = json!("a\0b");
    assert_eq!(fields(body).await, ["ssh[0].password"]);
    let mut body = on(json!([names[0]]), &["true"]);
    body["at_once"] = json!(65);
    assert_eq!(fields(body).await, ["at_once"]);
    assert!(app.desk.remote.calls().iter().all(|call| call.line.as_deref() != Some("true")));
}
