//! kill -9 at the points of the jobs that adopt a machine and let it go.

use std::process::Command;

use serde_json::json;
use tokio::time::Instant;
use vmm_core::host::Hypervisor;
use vmm_testkit::lab::Lab;

use crate::adoption::HOST_KEY;
use crate::crash::{Lane, PATIENCE};

impl Lane {
    /// The domain is the desk's when the record is there, and as it was before when it is not.
    pub(crate) async fn crash_at_adoption(&mut self, number: usize, point: &str) {
        let undoes = point.contains("undo");
        let name = format!("crash-{}-{number}", std::process::id());
        let foreign = Foreign::define(&self.lab, &name);
        let adoption = json!({ "vm": [{ "domain": name, "host_key": HOST_KEY, "login": "root" }] });
        let job = if point.starts_with("adopt-vm.") {
            self.halt(point, undoes.then_some("adopt-vm.tag-domain")).await;
            let adopted = self.desk.post("/db/vm", &adoption).await.expect_ok();
            adopted["vm"][0]["job"].as_i64()
        } else {
            self.desk.stop().await;
            self.desk.start(&[]).await;
            let adopted = self.desk.post("/db/vm", &adoption).await.expect_ok();
            self.desk.job(adopted["vm"][0]["job"].as_i64().expect("a job"), PATIENCE).await;
            self.halt(point, None).await;
            self.desk.delete(&format!("/db/vm?name={name}")).await.expect_ok()["job"].as_i64()
        };
        self.kill_and_restart().await;
        let since = Instant::now();
        let ended = self.desk.job(job.expect("a job"), PATIENCE).await;
        self.slowest = self.slowest.max(since.elapsed());
        assert_eq!(ended["state"], if undoes { "failed" } else { "done" }, "{point}: {ended}");
        let own = usize::from(point.starts_with("adopt-vm.") && !undoes);
        let domains = self.hypervisor.domains().list().await.expect("domains");
        assert_eq!(domains.iter().filter(|domain| domain.name == name).count(), own, "{point}: domains");
        let vms = self.desk.get("/db/vm").await.expect_ok();
        let rows = vms["vm"].as_array().into_iter().flatten().filter(|vm| vm["name"] == name.as_str()).count();
        assert_eq!(rows, own, "{point}: rows");
        if own == 1 {
            let released = self.desk.delete(&format!("/db/vm?name={name}")).await.expect_ok();
            self.desk.job(released["job"].as_i64().expect("a job"), PATIENCE).await;
        }
        assert!(foreign.xml() == foreign.xml, "{point}: {}", foreign.xml());
    }
}

/// A domain that somebody else defined, for as long as the test runs.
struct Foreign {
    lab: Lab,
    name: String,
    xml: String,
}

impl Foreign {
    fn define(lab: &Lab, name: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><memory>65536</memory>
             <os><type arch='x86_64' machine='q35'>hvm</type></os>
             <devices><interface type='network'><source network='{}'/></interface></devices></domain>",
            lab.network
        );
        std::fs::write(file.path(), xml).expect("it is written");
        let mut foreign = Self { lab: lab.clone(), name: name.to_owned(), xml: String::new() };
        foreign.virsh(&["define", &file.path().display().to_string()]);
        foreign.xml = foreign.xml();
        assert!(foreign.xml.contains(name), "virsh defines it");
        foreign
    }

    /// Without the empty element that libvirt leaves where the last metadata was taken away.
    fn xml(&self) -> String {
        self.virsh(&["dumpxml", &self.name, "--inactive"]).replace("  <metadata/>\n", "")
    }

    fn virsh(&self, arguments: &[&str]) -> String {
        let output = Command::new("virsh").args(["-q", "-c", &self.lab.uri]).args(arguments).output();
        String::from_utf8(output.expect("virsh runs").stdout).expect("text")
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.virsh(&["undefine", &self.name]);
    }
}
