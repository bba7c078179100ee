//! The states of a machine on a real libvirt: what somebody does with virsh is shown and settled over HTTP.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vmm_testkit::lab::Lab;
use vmm_testkit::served::Served;

const PATIENCE: Duration = Duration::from_secs(180);

struct Scene {
    desk: Served,
    lab: Lab,
    name: String,
}

impl Scene {
    /// A desk with one machine that is on.
    async fn new(lab: Lab, image: &std::path::Path) -> Self {
        let name = format!("state-{}", std::process::id());
        let desk = Served::new(env!("CARGO_BIN_EXE_vmm-http"), &lab).await;
        desk.import("tiny", image).await;
        let spec = format!("name,os,memory,disk\n{name},tiny,128,1;1\n");
        let body = json!({ "request-vm": [{ "id": name, "spec": spec }] });
        let submitted = desk.post("/request-vm", &body).await.expect_ok();
        let hash = submitted["request-vm"][0]["plan_hash"].clone();
        desk.post(&format!("/request-vm/{name}/approve"), &json!({ "plan_hash": hash })).await.expect_ok();
        let is_over = |body: &Value| body["state"] == "done" || body["state"] == "failed";
        let request = desk.until(&format!("/request-vm/{name}"), PATIENCE, is_over).await;
        assert_eq!(request["state"], "done", "{request}");
        Self { desk, lab, name }
    }

    fn virsh(&self, command: &str) {
        let done = Command::new("virsh").args(["-q", "-c", &self.lab.uri, command, &self.name]).output();
        let done = done.expect("virsh runs");
        assert!(done.status.success(), "virsh {command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The list, the card and the figures agree that the machine is in this state.
    async fn assert_state(&self, status: &str, reason: Option<&str>, figures: &str) {
        let name = &self.name;
        let is_so = |body: &Value| body["vm"][0]["name"] == name.as_str();
        let listed = self.desk.until(&format!("/db/vm?status={status}"), PATIENCE, is_so).await["vm"][0].clone();
        let card = self.desk.get(&format!("/db/vm/{name}")).await.expect_ok();
        let monitor = self.desk.get(&format!("/vm/monitor?vm={name}")).await.expect_ok();
        assert_eq!(monitor["state"], figures, "{monitor}");
        for vm in [&listed, &card, &monitor["vm"]] {
            assert_eq!((vm["status"].as_str(), vm["status_reason"].as_str()), (Some(status), reason), "{vm}");
        }
    }

    async fn power(&self, action: &str) -> Value {
        let body = json!({ "action": action });
        self.desk.post(&format!("/vm/power?vm={}", self.name), &body).await.expect_ok()
    }

    /// Every operation that the state does not allow is refused, and says the state, once the sweep has seen it.
    async fn assert_refused(&self, status: &str, words: &str) {
        let name = &self.name;
        let counted = format!("vmm_vms{{status=\"{status}\"}} 1");
        self.desk.until("/metrics", PATIENCE, |body| body.as_str().is_some_and(|text| text.contains(&counted))).await;
        let disk = self.desk.get(&format!("/db/disk?vm={name}")).await.expect_ok()["disk"][1]["id"].clone();
        let ssh = json!({ "ssh": [{ "command": "true", "user": "vmm", "password": "p" }] });
        for answer in [
            self.desk.post("/db/disk", &json!({ "disk": [{ "vm": name, "disk_size": 1 }] })).await,
            self.desk.put("/db/disk", &json!({ "disk": [{ "id": disk, "disk_size": 2 }] })).await,
            self.desk.delete(&format!("/db/disk?id={disk}")).await,
            self.desk.post(&format!("/vm/power?vm={name}"), &json!({ "action": "reboot" })).await,
            self.desk.post(&format!("/vm/ssh?vm={name}"), &ssh).await,
        ] {
            assert_eq!(answer.status, 409, "{}", answer.body);
            assert!(answer.body.to_string().contains(words), "{}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_does_with_virsh_is_shown_refused_and_settled() {
    let Some(lab) = Lab::or_skip("the states of a machine") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let mut scene = Scene::new(lab, &image).await;
    scene.assert_state("on", None, "running").await;

    scene.virsh("suspend");
    scene.assert_state("paused", Some("user"), "paused").await;
    scene.assert_refused("paused", "is paused (somebody paused it)").await;
    assert_eq!(scene.power("resume").await, json!({ "status": "on" }));
    scene.assert_state("on", None, "running").await;

    scene.virsh("managedsave");
    scene.assert_state("saved", None, "saved").await;
    scene.assert_refused("saved", "is saved").await;
    assert_eq!(scene.power("start").await, json!({ "status": "on", "restored": true }));
    scene.assert_state("on", None, "running").await;

    scene.virsh("managedsave");
    assert_eq!(scene.power("discard-saved").await, json!({ "status": "off" }));
    scene.assert_state("off", None, "off").await;
    let body = json!({ "disk": [{ "vm": scene.name, "disk_size": 1 }] });
    let job = scene.desk.post("/db/disk", &body).await.expect_ok()["disk"][0]["job"].as_i64().expect("a job");
    assert_eq!(scene.desk.job(job, PATIENCE).await["state"], "done");
    assert_eq!(scene.power("start").await, json!({ "status": "on" }));

    scene.virsh("managedsave");
    scene.assert_state("saved", None, "saved").await;
    scene.desk.delete_all().await;
    let saves = Command::new("virsh").args(["-q", "-c", &scene.lab.uri, "list", "--all", "--name"]).output();
    assert!(!String::from_utf8_lossy(&saves.expect("virsh runs").stdout).contains(&scene.name));
    scene.desk.stop().await;
}
