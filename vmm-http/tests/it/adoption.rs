use std::net::SocketAddr;

use serde_json::{Value, json};
use vmm_core::Error;
use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::DeskId;
use vmm_testkit::fake::remote::Answer as Said;
use vmm_testkit::sample;

use crate::app::{Answer, App, Who};

/// A key that nobody has the private half of.
pub(crate) const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyIuSjyh1AORnM7Hqz0ZrFmfMGPmH9H7nNZ0rPqvW2t root@old";
const ADDRESS: &str = "192.0.2.77";

fn adoption(more: &Value) -> Value {
    let mut vm = json!({"domain": "Old Web!", "name": "old-1", "host_key": HOST_KEY, "login": "admin", "ip": ADDRESS});
    vm.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"vm": [vm]})
}

async fn adopt(app: &App, more: Value) -> Answer {
    app.post(Who::Root, "/db/vm", adoption(&more)).await
}

async fn state(app: &App, job: &Value) -> Value {
    let path = format!("/job/{job}");
    let over = ["done", "failed", "cancelled", "stuck"];
    app.desk
        .until("the job ends", async || over.contains(&app.get(Who::Root, &path).await.body["state"].as_str().unwrap()))
        .await;
    app.get(Who::Root, &path).await.ok()["state"].take()
}

/// Adopts the domain and waits until it is done.
async fn adopted(app: &App) -> Value {
    let vm = adopt(app, json!({"user": "alice", "group_name": "old", "os": "debian"})).await.ok()["vm"][0].take();
    assert_eq!(state(app, &vm["job"]).await, "done");
    vm
}

async fn adoptable(app: &App) -> Vec<Value> {
    app.get(Who::Root, "/db/vm/adoptable").await.ok()["domain"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_adopted_machine_is_worked_on_like_any_other() {
    let app = App::new().await;
    let uuid = app.desk.hypervisor.add_foreign("Old Web!");
    let listed = adoptable(&app).await;
    assert_eq!((&listed[0]["name"], &listed[0]["state"]), (&json!("Old Web!"), &json!("running")));
    assert_eq!((&listed[0]["vcpu"], &listed[0]["memory"]), (&json!(1), &json!(64)));
    assert_eq!((listed.len(), listed[0]["mac"].as_array().unwrap().len()), (1, 1));

    let vm = adopted(&app).await;
    assert_eq!((&vm["status"], &vm["adopted"], &vm["user"]), (&json!("request"), &json!(true), &json!("alice")));
    assert_eq!((&vm["uuid"], &vm["os"], &vm["hostname"]), (&json!(uuid.to_string()), &json!(1), &json!("old-1")));
    assert_eq!(adoptable(&app).await, [Value::Null; 0]);
    let shown = app.get(Who::Bob, "/db/vm/old-1").await.ok();
    assert_eq!((&shown["status"], &shown["ip"], &shown["vcpu"]), (&json!("on"), &json!(ADDRESS), &json!(1)));
    assert_eq!((&shown["disk"][0]["disk_size"], &shown["disk"][0]["volume"]), (&json!(10), &Value::Null));

    let figures = app.get(Who::Bob, "/vm/monitor?vm=old-1").await.ok();
    assert_eq!((&figures["state"], &figures["uptime"]), (&json!("running"), &Value::Null));
    let endpoint = SocketAddr::new(ADDRESS.parse().unwrap(), 22);
    app.desk.remote.machine(endpoint, HOST_KEY.parse().unwrap());
    app.desk.remote.answer(endpoint, "hostname", Said::stdout("old\n"));
    let ssh = json!({"ssh": [{"command": "hostname", "user": "admin", "password": "p"}]});
    assert_eq!(app.post(Who::Bob, "/vm/ssh?vm=old-1", ssh.clone()).await.ok()["ssh"][0]["stdout"], "old\n");
    app.desk.remote.show_host_key(endpoint, sample::host_key("somebody else's"));
    app.post(Who::Bob, "/vm/ssh?vm=old-1", ssh).await.assert_problem(502);
    for (action, state) in [("stop", DomainState::Off), ("start", DomainState::Running)] {
        app.post(Who::Alice, "/vm/power?vm=old-1", json!({"action": action})).await.ok();
        assert_eq!(app.desk.hypervisor.domains().by_id(uuid).await.unwrap().unwrap().state, state);
    }
    assert!(app.get(Who::Bob, "/vm/monitor?vm=old-1").await.ok()["uptime"].is_u64(), "vmm started it itself");
    app.get(Who::Alice, "/vm/login?vm=old-1").await.assert_problem(409);
    let audit = app.get(Who::Root, "/audit?action=vm.adopt").await.ok();
    let row = &audit["audit"][0];
    assert_eq!((&row["target"], &row["outcome"]), (&json!("domain Old Web!"), &json!("done")));
    assert!(row["detail"].as_str().unwrap().contains("vm old-1, host key SHA256:"));
}

#[tokio::test]
async fn what_is_not_vmms_is_left_alone_when_the_machine_is_let_go() {
    let app = App::new().await;
    let uuid = app.desk.hypervisor.add_foreign("Old Web!");
    adopted(&app).await;
    app.post(Who::Root, "/vm/power?vm=old-1", json!({"action": "stop"})).await.ok();
    let disk = app.get(Who::Root, "/db/disk?vm=old-1").await.ok()["disk"][0]["id"].take();
    for (method, path, body) in [
        ("POST", "/db/disk".to_owned(), Some(json!({"disk": [{"vm": "old-1", "disk_size": 1}]}))),
        ("PUT", "/db/disk".to_owned(), Some(json!({"disk": [{"id": disk, "disk_size": 20}]}))),
        ("DELETE", format!("/db/disk?id={disk}"), None),
    ] {
        app.call(Who::Root, method, &path, body).await.assert_problem(409);
    }
    let deletes = app.desk.hypervisor.calls("volumes.delete");
    let job = app.call(Who::Root, "DELETE", "/db/vm?name=old-1", None).await.ok();
    assert_eq!(state(&app, &job["job"]).await, "done");
    app.get(Who::Bob, "/db/vm/old-1").await.assert_problem(404);
    assert!(app.desk.hypervisor.is_defined(uuid));
    assert_eq!(
        (app.desk.hypervisor.calls("definitions.undefine"), app.desk.hypervisor.calls("volumes.delete")),
        (0, deletes)
    );
    assert_eq!(adoptable(&app).await[0]["state"], "off");
    adopted(&app).await;
}

#[tokio::test]
async fn a_domain_is_adopted_once_and_by_one_desk() {
    let app = App::new().await;
    app.provision().await;
    let uuid = app.desk.hypervisor.add_foreign("Old Web!");
    adopt(&app, json!({"domain": "web-1", "name": "mine"})).await.assert_problem(409);
    adopt(&app, json!({"domain": "nobody"})).await.assert_problem(404);
    adopt(&app, json!({"name": "web-1"})).await.assert_problem(409);
    let other = app.desk.hypervisor.for_desk(DeskId(uuid::Uuid::new_v4()));
    other.adoption().adopt(uuid).await.unwrap();
    adopt(&app, json!({})).await.assert_problem(409);
    other.adoption().release(uuid).await.unwrap();
    adopted(&app).await;
    adopt(&app, json!({"name": "old-2"})).await.assert_problem(409);
    assert!(matches!(other.adoption().adopt(uuid).await, Err(Error::Conflict { .. })));
}

#[tokio::test]
async fn what_a_machine_cannot_be_is_told() {
    let app = App::new().await;
    app.desk.hypervisor.add_foreign("Old Web!");
    for (more, field) in [
        (json!({"name": null}), "name"),
        (json!({"name": "Old"}), "name"),
        (json!({"host_key": "trust me"}), "host_key"),
        (json!({"login": "-x"}), "login"),
        (json!({"ip": "10.0.0"}), "ip"),
        (json!({"os": "99"}), "os"),
        (json!({"os": "debian:99"}), "os"),
        (json!({"user": "nobody"}), "user"),
        (json!({"hostname": "-"}), "hostname"),
        (json!({"domain": "a\u{1b}b"}), "domain"),
        (json!({"key": "x"}), "key"),
    ] {
        assert_eq!(adopt(&app, more).await.problem_fields(), [format!("vm[0].{field}")]);
    }
    assert_eq!(adoptable(&app).await.len(), 1);
    assert_eq!(app.get(Who::Root, "/db/vm").await.ok()["vm"], json!([]));
}

#[tokio::test]
async fn an_adoption_that_fails_leaves_the_domain_as_it_was() {
    let app = App::new().await;
    let uuid = app.desk.hypervisor.add_foreign("Old Web!");
    app.desk.hypervisor.fail_next("adoption.adopt", Error::internal("a fault of the test", "adopt"));
    let job = adopt(&app, json!({})).await.ok()["vm"][0]["job"].take();
    assert_eq!(state(&app, &job).await, "failed");
    assert_eq!((adoptable(&app).await.len(), app.desk.hypervisor.domains().by_id(uuid).await.unwrap()), (1, None));
    // A tag without a record, as a lost database leaves it.
    app.desk.hypervisor.adoption().adopt(uuid).await.unwrap();
    assert_eq!(adoptable(&app).await.len(), 1);
    adopted(&app).await;
}

#[tokio::test]
async fn nothing_is_done_to_a_machine_that_is_being_adopted() {
    let mut app = App::new().await;
    app.desk.hypervisor.add_foreign("Old Web!");
    app.desk.stop_worker().await;
    adopt(&app, json!({})).await.ok();
    app.post(Who::Root, "/vm/power?vm=old-1", json!({"action": "stop"})).await.assert_problem(409);
    app.get(Who::Root, "/vm/monitor?vm=old-1").await.assert_problem(409);
    let delete = app.call(Who::Root, "DELETE", "/db/vm?name=old-1", None).await;
    delete.assert_problem(409);
    assert!(delete.text.contains("adopt-vm"), "{}", delete.text);
}
