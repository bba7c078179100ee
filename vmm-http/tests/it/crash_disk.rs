//! kill -9 at the points of the jobs that change a machine's disks.

use std::process::Command;

use serde_json::{Value, json};
use tokio::time::Instant;
use vmm_core::host::Hypervisor;

use crate::crash::{Lane, PATIENCE};

impl Lane {
    /// Adds, grows and deletes on a machine that is off, and counts what is in the records, in the pool, and in the
    /// machine's definition.
    pub(crate) async fn crash_at_disk(&mut self, number: usize, point: &str) {
        let undoes = point.contains("undo");
        self.desk.stop().await;
        self.desk.start(&[]).await;
        let name = self.machine_that_is_off(number, point).await;
        let mut expected = self.disks(&name, point).await;
        let (kind, _) = point.split_once('.').expect("kind.step.moment");
        let job = match kind {
            "add-disk" => {
                self.halt(point, undoes.then_some("add-disk.attach-disk")).await;
                if !undoes {
                    expected.push(1);
                }
                self.add_disk(&name).await
            }
            "grow-disk" => {
                let (id, size) = (self.last_disk(&name).await, expected.pop().expect("a disk"));
                self.halt(point, undoes.then_some("grow-disk.resize-volume")).await;
                expected.push(if undoes { size } else { size + 1 });
                let body = json!({ "disk": [{ "id": id, "disk_size": size + 1 }] });
                let grown = self.desk.put("/db/disk", &body).await.expect_ok();
                grown["disk"][0]["job"].as_i64().expect("a job")
            }
            _ => {
                let job = self.add_disk(&name).await;
                self.desk.job(job, PATIENCE).await;
                let id = self.last_disk(&name).await;
                self.halt(point, None).await;
                let deleted = self.desk.delete(&format!("/db/disk?id={id}")).await.expect_ok();
                deleted["job"].as_i64().expect("a job")
            }
        };
        self.kill_and_restart().await;
        let since = Instant::now();
        let ended = self.desk.job(job, PATIENCE).await;
        self.slowest = self.slowest.max(since.elapsed());
        assert_eq!(ended["state"], if undoes { "failed" } else { "done" }, "{point}: {ended}");
        assert_eq!(self.disks(&name, point).await, expected, "{point}");
    }

    /// One machine serves for all these points.
    async fn machine_that_is_off(&mut self, number: usize, point: &str) -> String {
        let vms = self.desk.get("/db/vm?status=off").await.expect_ok();
        if let Some(name) = vms["vm"][0]["name"].as_str() {
            return name.to_owned();
        }
        let name = format!("crash-{}-{number}", std::process::id());
        self.request(number, &name).await;
        self.until_settled(&name, "done", point).await;
        let stop = json!({ "action": "stop" });
        self.desk.post(&format!("/vm/power?vm={name}"), &stop).await.expect_ok();
        name
    }

    async fn add_disk(&self, name: &str) -> i64 {
        let body = json!({ "disk": [{ "vm": name, "disk_size": 1 }] });
        let added = self.desk.post("/db/disk", &body).await.expect_ok();
        added["disk"][0]["job"].as_i64().expect("a job")
    }

    async fn last_disk(&self, name: &str) -> i64 {
        self.records(name).await.last().expect("a disk")["id"].as_i64().expect("an id")
    }

    async fn records(&self, name: &str) -> Vec<Value> {
        let disks = self.desk.get(&format!("/db/disk?vm={name}")).await.expect_ok();
        disks["disk"].as_array().expect("a list").clone()
    }

    /// The sizes in GiB in order of id, which records, pool and definition agree on.
    async fn disks(&self, name: &str, point: &str) -> Vec<u64> {
        let mut recorded = Vec::new();
        let mut paths = Vec::new();
        for disk in self.records(name).await {
            recorded.push((disk["volume"].as_str().expect("a volume").to_owned(), disk["disk_size"].as_u64()));
            paths.push(disk["disk_path"].as_str().expect("a path").to_owned());
        }
        let volumes = self.hypervisor.volumes().list().await.expect("volumes");
        let own = volumes.iter().filter(|volume| volume.name.as_str().starts_with(&format!("{name}.")));
        let mut pool: Vec<_> = own
            .map(|volume| (volume.name.to_string(), Some(volume.capacity >> 30)))
            .filter(|(volume, _)| !volume.ends_with(".seed.iso"))
            .collect();
        let sizes = recorded.iter().filter_map(|(_, size)| *size).collect();
        recorded.sort();
        pool.sort();
        assert_eq!(pool, recorded, "{point}");
        let listed = Command::new("virsh").args(["-q", "-c", &self.lab.uri, "domblklist", name]).output();
        let listed = String::from_utf8(listed.expect("virsh runs").stdout).expect("names of files");
        let mut defined: Vec<_> = listed
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .filter(|path| !path.ends_with(".seed.iso"))
            .map(str::to_owned)
            .collect();
        defined.sort();
        paths.sort();
        assert_eq!(defined, paths, "{point}");
        sizes
    }
}
