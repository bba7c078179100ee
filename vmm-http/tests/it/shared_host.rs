//! The real program on a real host that it shares: with another desk, and with a DHCP server that changes its mind.

use std::process::Command;

use serde_json::{Value, json};
use vmm_core::host::Hypervisor;
use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor};
use vmm_testkit::lab::Lab;
use vmm_testkit::served::Served;

use crate::crash::{PATIENCE, image_of};

/// An address of the lab's network that no other test uses.
const OTHER: &str = "192.168.122.159";

fn virsh(lab: &Lab, arguments: &[&str]) {
    let output = Command::new("virsh").args(["-q", "-c", &lab.uri]).args(arguments).output().unwrap();
    assert!(output.status.success(), "virsh {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Asks for one machine, approves it, and waits until it is there.
async fn provision(desk: &Served, name: &str) -> Value {
    let spec = format!("name,os,memory,disk\n{name},tiny,128,1\n");
    let body = json!({ "request-vm": [{ "id": name, "spec": spec }] });
    let submitted = desk.post("/request-vm", &body).await.expect_ok();
    let hash = submitted["request-vm"][0]["plan_hash"].clone();
    desk.post(&format!("/request-vm/{name}/approve"), &json!({ "plan_hash": hash })).await.expect_ok();
    let open = |body: &Value| body["state"] == "approved" || body["state"] == "running";
    let settled = desk.until(&format!("/request-vm/{name}"), PATIENCE, |body| !open(body)).await;
    assert_eq!(settled["state"], "done", "{settled}");
    desk.get(&format!("/db/vm/{name}")).await.expect_ok()
}

async fn power(desk: &Served, name: &str, action: &str) {
    desk.post(&format!("/vm/power?vm={name}"), &json!({ "action": action })).await.expect_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_another_desk_undoes_and_one_that_goes_missing_cost_no_machine_its_disk() {
    let Some(lab) = Lab::or_skip("two desks on one pool") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let first = Served::new(env!("CARGO_BIN_EXE_vmm-http"), &lab).await;
    first.import("tiny", &image).await;
    let name = format!("keeps-{}", std::process::id());
    provision(&first, &name).await;

    let mut second = Served::new(env!("CARGO_BIN_EXE_vmm-http"), &lab).await;
    let os = |version: &str| json!({ "os": [{ "name": "tiny", "version": version, "qcow2": image }] });
    let made = second.post("/db/os", &os("1")).await.expect_ok()["os"][0]["job"].as_i64().unwrap();
    second.post(&format!("/job/{made}/cancel"), &json!({})).await;
    second.job(made, PATIENCE).await;
    second.stop().await;
    second.start(&[("VMM_FAIL_AT", "import-os.record-image")]).await;
    let made = second.post("/db/os", &os("2")).await.expect_ok()["os"][0]["job"].as_i64().unwrap();
    assert_eq!(second.job(made, PATIENCE).await["state"], "failed");
    let entries = second.get("/db/os").await.expect_ok();
    for entry in entries["os"].as_array().unwrap() {
        second.delete(&format!("/db/os?id={}", entry["id"])).await.expect_ok();
    }
    let entry = first.get("/db/os/1").await.expect_ok();
    assert_eq!((&entry["ready"], &entry["problem"]), (&json!(true), &Value::Null));
    for action in ["stop", "start"] {
        power(&first, &name, action).await;
    }

    // Somebody removes it past libvirt's users, and it is mended.
    power(&first, &name, "stop").await;
    let volume = image_of(first.desk().await, &entry);
    virsh(&lab, &["vol-delete", volume.as_str(), "--pool", &lab.pool]);
    let entry = first.get("/db/os/1").await.expect_ok();
    assert!(entry["problem"].as_str().unwrap_or_default().contains("missing"), "{entry}");
    let again = json!({ "request-vm": [{ "id": "other", "spec": "name,os\nother,tiny\n" }] });
    let refused = first.post("/request-vm", &again).await;
    assert!(refused.status == 422 && refused.body.to_string().contains("import it again"), "{refused:?}");
    let job = first.post("/db/os/import?id=1", &json!({})).await.expect_ok()["job"].as_i64().unwrap();
    assert_eq!(first.job(job, PATIENCE).await["state"], "done");
    power(&first, &name, "start").await;
    first.delete_all().await;
    first.delete("/db/os?id=1").await.expect_ok();
    let hypervisor = hypervisor(&first, &lab).await;
    let volumes = hypervisor.volumes().list().await.unwrap();
    assert!(volumes.iter().all(|known| known.name != volume), "{volumes:?}");
}

async fn hypervisor(desk: &Served, lab: &Lab) -> LibvirtHypervisor {
    let mut config = LibvirtConfig::new(desk.desk().await);
    config.uri.clone_from(&lab.uri);
    config.pool.clone_from(&lab.pool);
    config.network.clone_from(&lab.network);
    LibvirtHypervisor::new(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_follow_a_machine_to_the_address_that_dhcp_gives_it_next() {
    let Some(lab) = Lab::or_skip("a machine that moves") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let desk = Served::new(env!("CARGO_BIN_EXE_vmm-http"), &lab).await;
    desk.import("tiny", &image).await;
    let name = format!("moves-{}", std::process::id());
    let vm = provision(&desk, &name).await;
    let first = vm["ip"].as_str().unwrap().to_owned();
    let leases = hypervisor(&desk, &lab).await.network().leases().await.unwrap();
    let mac = leases.iter().find(|lease| lease.address.to_string() == first).expect("its lease").mac;

    let host = format!("<host mac='{mac}' ip='{OTHER}'/>");
    virsh(&lab, &["net-update", &lab.network, "add", "ip-dhcp-host", &host, "--live"]);
    power(&desk, &name, "stop").await;
    power(&desk, &name, "start").await;
    let path = format!("/db/vm/{name}");
    let moved = desk.until(&path, PATIENCE, |vm| vm["ip"] == OTHER).await;
    assert_ne!(moved["ip"], first.as_str());
    let mut login = desk.get(&format!("/vm/login?vm={name}")).await.expect_ok();
    login["command"] = json!("echo here");
    let end = tokio::time::Instant::now() + PATIENCE;
    let answer = loop {
        // Its SSH server needs a moment longer than its DHCP client.
        let answer = desk.post(&format!("/vm/ssh?vm={name}"), &json!({ "ssh": [login] })).await;
        if answer.status == 200 || tokio::time::Instant::now() > end {
            break answer.expect_ok();
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert!(answer.to_string().contains("here"), "{answer}");
    desk.delete_all().await;
    virsh(&lab, &["net-update", &lab.network, "delete", "ip-dhcp-host", &host, "--live"]);
}
