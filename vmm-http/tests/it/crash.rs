//! kill -9 of the real program at every point of every job, on real libvirt: nothing lost, nothing left over, nothing
//! made twice.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use vmm_core::crash;
use vmm_core::host::Hypervisor;
use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};
use vmm_core::model::{DeskId, OsId, VolumeName, image_volume};
use vmm_testkit::lab::Lab;
use vmm_testkit::served::Served;

/// The number of desks that work through the points side by side.
const LANES: usize = 5;
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A point, and the number that makes the names of its machine and its request its own.
type Work = Arc<Mutex<VecDeque<(usize, String)>>>;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "how much was covered is part of the result")]
async fn kill_9_at_every_crash_point_leaves_no_orphan_loses_nothing_and_makes_nothing_twice() {
    let Some(lab) = Lab::or_skip("the crash test") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let mut points: Vec<_> = vmm_core::crash_points().into_iter().chain(crash::stuck_points()).collect();
    assert!(points.len() >= 40, "{} points", points.len());
    // Names of kinds of jobs, with commas between, for a run that need not be whole.
    if let Ok(kinds) = std::env::var("VMM_CRASH_KINDS") {
        points.retain(|point| kinds.split(',').any(|kind| point.starts_with(&format!("{kind}."))));
    }
    let count = points.len();
    let work: Work = Arc::new(Mutex::new(points.into_iter().enumerate().collect()));

    let lanes: Vec<_> = (0..LANES).map(|_| tokio::spawn(lane(lab.clone(), image.clone(), Arc::clone(&work)))).collect();
    let mut slowest = Duration::ZERO;
    for lane in lanes {
        slowest = slowest.max(lane.await.expect("no lane panicked"));
    }
    eprintln!(
        "killed at {count} crash points; undone or removed {:.1} s after the restart at the latest",
        slowest.as_secs_f64()
    );
}

/// Works through points on a desk of its own. Gives the longest time from a restart to a clean slate.
async fn lane(lab: Lab, image: PathBuf, work: Work) -> Duration {
    let mut lane = Lane::new(&lab, image).await;
    loop {
        let next = work.lock().expect("no lane panicked").pop_front();
        let Some((number, point)) = next else { break };
        lane.crash_at(number, &point).await;
    }
    lane.desk.delete_all().await;
    lane.desk.stop().await;
    lane.slowest
}

pub(crate) struct Lane {
    pub(crate) desk: Served,
    pub(crate) lab: Lab,
    pub(crate) hypervisor: LibvirtHypervisor,
    image: PathBuf,
    pub(crate) slowest: Duration,
}

impl Lane {
    async fn new(lab: &Lab, image: PathBuf) -> Self {
        let desk = Served::new(env!("CARGO_BIN_EXE_vmm-http"), lab).await;
        desk.import("tiny", &image).await;
        let mut config = LibvirtConfig::new(desk.desk().await);
        config.uri.clone_from(&lab.uri);
        config.pool.clone_from(&lab.pool);
        config.network.clone_from(&lab.network);
        config.virt_type = VirtType::Qemu;
        Self { desk, lab: lab.clone(), hypervisor: LibvirtHypervisor::new(config), image, slowest: Duration::ZERO }
    }

    async fn crash_at(&mut self, number: usize, point: &str) {
        let (kind, rest) = point.split_once('.').expect("kind.step.moment");
        let undoes = rest.contains("undo");
        let name = format!("crash-{}-{number}", std::process::id());
        match kind {
            "import-os" => {
                self.halt(point, undoes.then_some("import-os.record-image")).await;
                let os = json!({ "os": [{ "name": name, "version": "1", "qcow2": self.image }] });
                let made = self.desk.post("/db/os", &os).await.expect_ok()["os"][0].take();
                self.kill_and_restart().await;
                let ended = self.desk.job(made["job"].as_i64().expect("a job"), PATIENCE).await;
                assert_eq!(ended["state"], if undoes { "failed" } else { "done" }, "{point}: {ended}");
                // The desks of all lanes have the same image in one pool, and each keeps what is its own.
                let volume = image_of(self.desk.desk().await, &made);
                assert_eq!(self.images(&volume).await, usize::from(!undoes), "{point}");
                self.desk.delete(&format!("/db/os?id={}", made["id"])).await.expect_ok();
                assert_eq!(self.images(&volume).await, 0, "{point}: the image of a removed entry");
                let catalog = self.desk.get("/db/os").await.expect_ok();
                assert_eq!(catalog["os"][0]["problem"], Value::Null, "{point}: {catalog}");
            }
            "add-disk" | "grow-disk" | "delete-disk" => self.crash_at_disk(number, point).await,
            "stuck" => self.crash_at_stuck(number, point).await,
            "adopt-vm" | "release-vm" => self.crash_at_adoption(number, point).await,
            "delete-vm" => {
                self.desk.stop().await;
                self.desk.start(&[]).await;
                self.request(number, &name).await;
                self.until_settled(&name, "done", point).await;
                self.halt(point, None).await;
                let started = self.desk.delete(&format!("/db/vm?name={name}")).await.expect_ok();
                let job = started["job"].as_i64().expect("a job");
                self.kill_and_restart().await;
                let since = Instant::now();
                let ended = self.desk.job(job, PATIENCE).await;
                self.slowest = self.slowest.max(since.elapsed());
                assert_eq!(ended["state"], "done", "{point}: {ended}");
                self.assert_counts(&name, 0, point).await;
            }
            _ => {
                self.halt(point, undoes.then_some("create-vm.wait-for-address")).await;
                self.request(number, &name).await;
                self.kill_and_restart().await;
                let since = Instant::now();
                self.until_settled(&name, if undoes { "failed" } else { "done" }, point).await;
                if undoes {
                    self.slowest = self.slowest.max(since.elapsed());
                }
                self.assert_counts(&name, usize::from(!undoes), point).await;
                self.desk.delete_all().await;
                self.assert_counts(&name, 0, point).await;
            }
        }
    }

    /// Starts the program again so that it halts at this point, and fails at that step.
    pub(crate) async fn halt(&mut self, point: &str, fail: Option<&str>) {
        self.desk.stop().await;
        let reached = self.reached().display().to_string();
        let _ = std::fs::remove_file(&reached);
        let mut variables = vec![("VMM_CRASH_AT", point), ("VMM_CRASH_REACHED", reached.as_str())];
        variables.extend(fail.map(|step| ("VMM_FAIL_AT", step)));
        self.desk.start(&variables).await;
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        let end = Instant::now() + PATIENCE;
        while !self.reached().exists() {
            assert!(
                Instant::now() < end,
                "the point was not reached: {}\n{}",
                self.reached().display(),
                self.desk.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.desk.kill().await;
        self.desk.start(&[]).await;
    }

    /// Asks for one machine with a fixed address and approves it.
    pub(crate) async fn request(&self, number: usize, name: &str) {
        // From the lab's addresses that are never leased to a guest that asks for any.
        let address = 10 + number;
        assert!(address < 160, "the lab has no further address for a machine");
        let spec = format!("name,os,memory,disk,ip\n{name},tiny,128,1;1,192.168.122.{address}\n");
        let body = json!({ "request-vm": [{ "id": name, "spec": spec }] });
        let submitted = self.desk.post("/request-vm", &body).await.expect_ok();
        let hash = submitted["request-vm"][0]["plan_hash"].clone();
        self.desk.post(&format!("/request-vm/{name}/approve"), &json!({ "plan_hash": hash })).await.expect_ok();
    }

    pub(crate) async fn until_settled(&self, id: &str, state: &str, point: &str) {
        let path = format!("/request-vm/{id}");
        let open = |body: &Value| body["state"] == "approved" || body["state"] == "running";
        let settled = self.desk.until(&path, PATIENCE, |body| !open(body)).await;
        assert_eq!(settled["state"], state, "{point}: {}", settled["reason"]);
    }

    /// Returns the number of volumes of this name.
    async fn images(&self, volume: &VolumeName) -> usize {
        let volumes = self.hypervisor.volumes().list().await.expect("volumes");
        volumes.iter().filter(|known| known.name == *volume).count()
    }

    /// Everything that can belong to the machine is there as many times as it should.
    pub(crate) async fn assert_counts(&self, name: &str, machines: usize, point: &str) {
        let domains = self.hypervisor.domains().list().await.expect("domains");
        assert_eq!(domains.iter().filter(|domain| domain.name == name).count(), machines, "{point}: domains");
        let volumes = self.hypervisor.volumes().list().await.expect("volumes");
        let volumes: Vec<_> =
            volumes.iter().map(|volume| volume.name.as_str()).filter(|v| v.starts_with(&format!("{name}."))).collect();
        // The system disk, the data disk and the seed.
        assert_eq!(volumes.len(), 3 * machines, "{point}: {volumes:?}");
        let reservations = self.hypervisor.network().reservations().await.expect("reservations");
        let reserved = reservations.iter().filter(|reservation| reservation.name.as_str() == name).count();
        assert_eq!(reserved, machines, "{point}: reservations");
        let rows = self.desk.get("/db/vm").await.expect_ok();
        let rows = rows["vm"].as_array().into_iter().flatten().filter(|vm| vm["name"] == name).count();
        assert_eq!(rows, machines, "{point}: rows");
    }

    pub(crate) fn reached(&self) -> PathBuf {
        self.desk.folder().join("reached")
    }
}

/// The volume that a catalog entry's image has, or would have.
pub(crate) fn image_of(desk: DeskId, entry: &Value) -> VolumeName {
    let made = entry["created_at"].as_str().expect("a moment").parse().expect("a moment");
    image_volume(desk, OsId(entry["id"].as_i64().expect("an id")), made).expect("a name")
}
