//! A pool that becomes full while a guest writes: the domain is paused by an I/O error, and goes on once there is room.

use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;
use vmm_core::host::libvirt::LibvirtHypervisor;
use vmm_core::host::{DomainSpec, DomainState, NewVolume};
use vmm_core::image::InspectedImage;
use vmm_core::model::{DeskId, PauseReason};
use vmm_testkit::contract::host::{Subject, hold};
use vmm_testkit::lab::Lab;

use super::lab::{eventually, virsh};
use super::real::config;

/// The time that a guest may take to fill what is left of the pool.
const BOOT: Duration = Duration::from_secs(180);

/// A pool of a given size, as libvirt sees it.
struct SmallPool {
    lab: Lab,
    name: String,
    path: String,
}

impl SmallPool {
    fn new(lab: &Lab, bytes: u64) -> Self {
        let name = format!("small-{}", Uuid::new_v4().simple());
        let pool = Self { lab: lab.clone(), path: format!("/var/lib/libvirt/{name}"), name };
        pool.exec(&["mkdir", "-p", &pool.path]);
        pool.exec(&["mount", "-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", &pool.path]);
        virsh(lab, &["pool-create-as", &pool.name, "dir", "--target", &pool.path]);
        pool
    }

    fn resize(&self, bytes: u64) {
        self.exec(&["mount", "-o", &format!("remount,size={bytes}"), &self.path]);
    }

    /// In the lab, whose mounts are its own.
    fn exec(&self, command: &[&str]) {
        let arguments: Vec<_> = ["inside", "--"].iter().chain(command).copied().collect();
        assert!(Lab::run(&arguments).is_some(), "{command:?} failed in the lab");
    }
}

impl Drop for SmallPool {
    fn drop(&mut self) {
        virsh(&self.lab, &["pool-destroy", &self.name]);
        let _ = Lab::run(&["inside", "--", "umount", &self.path]);
        let _ = Lab::run(&["inside", "--", "rmdir", &self.path]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_whose_pool_is_full_is_paused_by_an_io_error_and_goes_on_once_there_is_room() {
    let Some(lab) = Lab::or_skip("a_domain_whose_pool_is_full") else { return };
    let Some(image) = lab.image("tiny") else { return };
    let size = std::fs::metadata(&image).expect("it is a file").len();
    let pool = SmallPool::new(&lab, size + (1 << 20));
    let desk = DeskId(Uuid::new_v4());
    let mut config = config(&lab, desk);
    config.pool.clone_from(&pool.name);
    config.console_log = false;
    let subject = Subject::new(LibvirtHypervisor::new(config), desk, Uuid::nil, ());
    let room = size + (256 << 20);
    hold(Some(subject), |subject| async move { fill(&subject, image, &pool, room).await }).await;
}

async fn fill(subject: &Subject, image: PathBuf, pool: &SmallPool, room: u64) {
    let hypervisor = &subject.hypervisor;
    let base = hypervisor
        .volumes()
        .import(&subject.volume("tiny.qcow2"), &InspectedImage::open(&image).expect("a sound image"))
        .await
        .expect("it is imported");
    let overlay = NewVolume { name: subject.volume("web.qcow2"), capacity: 1 << 30, backing: Some(base.name) };
    hypervisor.volumes().create(&overlay).await.expect("it is created");
    let spec = DomainSpec { memory: 256, disks: vec![overlay.name], ..subject.spec("web") };
    hypervisor.definitions().define(&spec).await.expect("it is defined");
    hypervisor.domains().start(spec.uuid).await.expect("it starts");
    let state = async || hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined").state;
    let full = DomainState::Paused(PauseReason::IoError);
    eventually(BOOT, "the pool is full", || async { (state().await == full).then_some(()) }).await;
    let listed = hypervisor.domains().list().await.expect("it answers");
    assert_eq!(listed.iter().map(|domain| domain.state).collect::<Vec<_>>(), [full]);
    hypervisor.domains().resume(spec.uuid).await.expect("the host takes the order");
    eventually(BOOT, "it is paused again", || async { (state().await == full).then_some(()) }).await;
    pool.resize(room);
    hypervisor.domains().resume(spec.uuid).await.expect("the host takes the order");
    for _ in 0..10 {
        assert_eq!(state().await, DomainState::Running, "there is room");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
