//! Calls while libvirtd dies, freezes and comes back. In a lab of its own, so that others go on.

use std::process::Command;
use std::time::{Duration, Instant};

use uuid::Uuid;
use vmm_core::Error;
use vmm_core::host::libvirt::LibvirtHypervisor;
use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::DeskId;
use vmm_testkit::contract::host::{Subject, hold};
use vmm_testkit::lab::Lab;

use super::real::config;

/// The time that the contract allows a call.
const LIMIT: Duration = Duration::from_secs(15);

/// A second lab, for as long as the test runs.
struct OwnLab {
    name: String,
    lab: Lab,
}

impl OwnLab {
    fn up() -> Option<Self> {
        let lab = Lab::or_skip("calls end when libvirtd does not answer")?;
        let beside = std::env::var("VMM_LAB_NAME").unwrap_or_else(|_| "vmm-lab".to_owned());
        let mut own = Self { name: format!("{beside}-outage"), lab };
        let printed = own.run(&["up"]);
        let uri = printed.lines().find_map(|line| line.strip_prefix("VMM_LIBVIRT_URI="));
        uri.expect("the lab says where it is").clone_into(&mut own.lab.uri);
        Some(own)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/lab");
        let output = Command::new(script).args(arguments).env("VMM_LAB_NAME", &self.name).output();
        let output = output.expect("the lab's script runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Holds this lab's libvirtd until the answer is dropped.
    fn freeze(&self) -> Frozen {
        let status = self.run(&["status"]);
        let pid = status.lines().find_map(|line| line.strip_prefix("libvirtd: ")).expect("it runs").to_owned();
        signal("-STOP", &pid);
        Frozen(pid)
    }
}

/// A process that does not run on, also when the test fails.
struct Frozen(String);

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {signal} {pid}");
}

impl Drop for OwnLab {
    fn drop(&mut self) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/lab");
        let _ = Command::new(script).arg("down").env("VMM_LAB_NAME", &self.name).status();
    }
}

/// A call that finds no libvirt ends in time and says so.
async fn assert_unavailable(hypervisor: &dyn Hypervisor) {
    let begin = Instant::now();
    let result = hypervisor.domains().list().await;
    assert!(matches!(result, Err(Error::Unavailable { .. })), "{result:?}");
    assert!(begin.elapsed() < LIMIT, "it took {} ms", begin.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_when_libvirtd_does_not_answer_and_work_when_it_does() {
    let Some(own) = OwnLab::up() else { return };
    let desk = DeskId(Uuid::new_v4());
    let hypervisor = LibvirtHypervisor::new(config(&own.lab, desk));
    let subject = Subject::new(hypervisor, desk, Uuid::nil, ());
    hold(Some(subject), |subject| outage(subject, own)).await;
}

async fn outage(subject: Subject, own: OwnLab) {
    let hypervisor = &subject.hypervisor;
    let uuid = subject.define("web").await.uuid;
    hypervisor.domains().start(uuid).await.expect("it starts");

    own.run(&["kill-libvirtd"]);
    assert_unavailable(hypervisor.as_ref()).await;
    own.run(&["up"]);
    let seen = hypervisor.domains().by_id(uuid).await.expect("the next call works").expect("it is defined");
    assert_eq!(seen.state, DomainState::Running, "guests go on without libvirtd");

    own.run(&["restart-libvirtd"]);
    assert_eq!(hypervisor.domains().list().await.expect("a call over an old connection works").len(), 1);

    let frozen = own.freeze();
    let (a, b) = (hypervisor.clone(), hypervisor.clone());
    tokio::join!(assert_unavailable(a.as_ref()), assert_unavailable(b.as_ref()));
    // More than may run at once, so that none waits for one that hangs.
    let many = (0..20).map(|_| {
        let hypervisor = hypervisor.clone();
        tokio::spawn(async move { assert_unavailable(hypervisor.as_ref()).await })
    });
    for task in many.collect::<Vec<_>>() {
        task.await.expect("it ends in time");
    }
    drop(frozen);
    assert_eq!(hypervisor.domains().list().await.expect("the next call works").len(), 1);
    subject.clean().await;
}
