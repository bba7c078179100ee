//! Behaviour that only a real libvirt can show.

use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use uuid::Uuid;
use vmm_core::Error;
use vmm_core::host::libvirt::{LibvirtHypervisor, VirtType};
use vmm_core::host::{DomainSpec, DomainState, ForeignDisk, Hypervisor, NewVolume};
use vmm_core::image::InspectedImage;
use vmm_core::model::DeskId;
use vmm_testkit::contract::host::{Subject, hold};
use vmm_testkit::image::empty_qcow2;
use vmm_testkit::lab::Lab;
use vmm_testkit::load;

use super::foreign::Foreign;
use super::real::{config, subject};

/// Longer than any call may take.
const CALL: Duration = Duration::from_secs(15);

pub(crate) fn virsh(lab: &Lab, arguments: &[&str]) -> String {
    let output = Command::new("virsh").args(["-q", "-c", &lab.uri]).args(arguments).output().expect("virsh runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until `look` sees something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let begin = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begin.elapsed() < limit, "not within {} s: {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_nobody_tagged_is_never_touched() {
    let Some(lab) = Lab::or_skip("a_domain_that_nobody_tagged_is_never_touched") else { return };
    let foreign = Foreign::define(&lab);
    let subject = subject("foreign").await;
    let (uuid, name) = (foreign.uuid, foreign.name.clone());
    hold(subject, |subject| async move {
        let hypervisor = &subject.hypervisor;
        assert_eq!(hypervisor.domains().list().await.expect("it answers"), []);
        assert_eq!(hypervisor.domains().by_id(uuid).await.expect("it answers"), None);
        for result in [
            hypervisor.domains().start(uuid).await.map(drop),
            hypervisor.domains().resume(uuid).await,
            hypervisor.domains().discard_saved(uuid).await,
            hypervisor.domains().stop(uuid).await,
            hypervisor.domains().shutdown(uuid).await,
            hypervisor.domains().reboot(uuid).await,
            hypervisor.definitions().undefine(uuid).await,
        ] {
            assert!(matches!(result, Err(Error::NotFound { .. })), "{result:?}");
        }
        let same_id = DomainSpec { uuid, ..subject.spec("web") };
        let same_name = DomainSpec { name: name.parse().expect("a name"), ..subject.spec("web") };
        for spec in [same_id, same_name] {
            let result = hypervisor.definitions().define(&spec).await;
            assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
        }
    })
    .await;
    assert_eq!(virsh(&lab, &["dumpxml", &foreign.name, "--inactive"]), foreign.xml);
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_writes_a_tag_and_releasing_takes_it_away_and_nothing_else() {
    let Some(lab) = Lab::or_skip("adopting_writes_a_tag") else { return };
    let (off, running) = (Foreign::define(&lab), Foreign::running(&lab));
    let live = || virsh(&lab, &["dumpxml", &running.name]);
    let before = live();
    hold(subject("adopting").await, |subject| {
        let (off, running) = ((off.uuid, off.name.clone(), off.disk()), running.uuid);
        async move {
            let hypervisor = &subject.hypervisor;
            let known = hypervisor.adoption().adoptable().await.expect("it answers");
            let found = known.iter().find(|domain| domain.uuid == off.0).expect("it is foreign");
            assert_eq!((found.state, found.vcpu, found.memory), (DomainState::Off, 1, 64));
            assert_eq!(found.disks, [ForeignDisk { path: Some(off.2), capacity: 1 << 30 }]);
            let Some(lab) = Lab::from_env() else { return };
            for uuid in [off.0, running] {
                hypervisor.adoption().adopt(uuid).await.expect("it is nobody's");
            }
            let xml = virsh(&lab, &["dumpxml", &off.1, "--inactive"]);
            assert!(xml.contains("vmm:desk") && xml.contains("other:desk"), "{xml}");
            for uuid in [off.0, running] {
                hypervisor.adoption().release(uuid).await.expect("it was adopted");
            }
        }
    })
    .await;
    assert_eq!(virsh(&lab, &["dumpxml", &off.name, "--inactive"]), off.xml);
    assert_eq!(virsh(&lab, &["dumpxml", &running.name, "--inactive"]), running.xml);
    assert_eq!(live(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_adopts_is_soon_seen() {
    let Some(lab) = Lab::or_skip("what_another_process_adopts") else { return };
    hold(subject("what_another_process_adopts").await, |subject| async move {
        let another = LibvirtHypervisor::new(config(&lab, subject.desk));
        let foreign = subject.foreign();
        assert_eq!(another.domains().list().await.expect("it answers"), []);
        subject.hypervisor.adoption().adopt(foreign).await.expect("it is nobody's");
        eventually(CALL, "it is listed", || async {
            let domains = another.domains().list().await.expect("it answers");
            domains.iter().any(|domain| domain.uuid == foreign).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_boots_gets_its_address_and_shuts_down() {
    let Some(lab) = Lab::or_skip("a_guest_boots_gets_its_address_and_shuts_down") else { return };
    let Some(image) = lab.image("tiny") else { return };
    hold(subject("boot").await, |subject| boot(subject, image, lab)).await;
}

async fn boot(subject: Subject, image: PathBuf, lab: Lab) {
    let hypervisor = &subject.hypervisor;
    let base = hypervisor
        .volumes()
        .import(&subject.volume("tiny.qcow2"), &InspectedImage::open(&image).expect("a sound image"))
        .await
        .expect("it is imported");
    let overlay =
        NewVolume { name: subject.volume("web.qcow2"), capacity: base.capacity, backing: Some(base.name.clone()) };
    hypervisor.volumes().create(&overlay).await.expect("it is created");
    let seed = hypervisor.volumes().write(&subject.volume("web.iso"), &[0; 65536]).await.expect("it is written");
    let spec = DomainSpec { memory: 256, disks: vec![overlay.name], seed: Some(seed.name), ..subject.spec("web") };
    let address = subject.address().await;
    let mut reservation = subject.reservation("web", 1, address);
    reservation.mac = spec.mac;
    hypervisor.network().reserve(&reservation).await.expect("it is reserved");
    hypervisor.definitions().define(&spec).await.expect("it is defined");
    hypervisor.domains().start(spec.uuid).await.expect("it starts");

    let limit = Duration::from_secs(120);
    let addresses = eventually(limit, "an address", || async {
        Some(hypervisor.network().addresses(spec.uuid).await.expect("it answers")).filter(|found| !found.is_empty())
    })
    .await;
    assert_eq!(addresses, [std::net::IpAddr::from(address)]);
    let console = hypervisor.console().tail(spec.uuid, 4096).await.expect("it answers");
    assert!(!console.is_empty() && console.len() <= 4096);

    // A guest hears the request only once it has got that far; asking again is what a person does, too.
    eventually(limit, "the guest shuts down", || async {
        match hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined").state {
            DomainState::Off => Some(()),
            _ => {
                let _ = hypervisor.domains().shutdown(spec.uuid).await;
                None
            }
        }
    })
    .await;
    assert!(!hypervisor.console().tail(spec.uuid, 100).await.expect("it is kept").is_empty());
    hypervisor.definitions().undefine(spec.uuid).await.expect("it is gone");
    assert!(!virsh(&lab, &["vol-list", &lab.pool]).contains(&spec.uuid.to_string()), "the log is gone as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_cut_is_not_taken_for_a_finished_one() {
    hold(subject("an_import_that_was_cut").await, |subject| async move {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("image.qcow2");
        std::fs::write(&path, empty_qcow2(1 << 30)).expect("it is written");
        let file = std::fs::File::options().write(true).open(&path).expect("it is opened");
        file.set_len(128 << 20).expect("it is made long");
        let image = InspectedImage::open(&path).expect("a sound image");
        let name = subject.volume("image.qcow2");

        let (hypervisor, volume) = (subject.hypervisor.clone(), name.clone());
        let source = image.clone();
        let import = tokio::spawn(async move { hypervisor.volumes().import(&volume, &source).await });
        let left = eventually(CALL, "something of it is there", || async {
            let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
            volumes.into_iter().find(|volume| volume.name == name)
        })
        .await;
        import.abort();
        assert!(import.await.is_err_and(|error| error.is_cancelled()), "it was too fast to be cut");
        assert_ne!(left.capacity, 1 << 30, "it is not qcow2 yet");
        let volume = subject.hypervisor.volumes().import(&name, &image).await.expect("it is imported anew");
        assert_eq!(volume.capacity, 1 << 30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kvm_is_found_out_by_trying_and_leaves_nothing() {
    let Some(lab) = Lab::or_skip("kvm_is_found_out_by_trying_and_leaves_nothing") else { return };
    let desk = DeskId(Uuid::new_v4());
    let mut config = config(&lab, desk);
    config.virt_type = VirtType::Auto;
    let hypervisor = LibvirtHypervisor::new(config);
    let begin = Instant::now();
    let first = hypervisor.host().describe().await.expect("it answers").accelerated;
    assert!(begin.elapsed() < CALL);
    let again = Instant::now();
    assert_eq!(hypervisor.host().describe().await.expect("it answers").accelerated, first);
    assert!(again.elapsed() < Duration::from_secs(2), "it is tried once");
    assert!(!virsh(&lab, &["list", "--all"]).contains(&desk.to_string()));
    assert!(!virsh(&lab, &["vol-list", &lab.pool]).contains(&desk.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_has_its_figures_also_while_another_asks_for_them() {
    hold(subject("a_domain_has_its_figures_also_while_another_asks").await, |subject| async move {
        let spec = subject.define("web").await;
        subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
        let hypervisor = subject.hypervisor.clone();
        let other = tokio::spawn(async move {
            loop {
                hypervisor.domains().list().await.expect("it answers");
            }
        });
        for _ in 0..300 {
            let domain =
                subject.hypervisor.domains().by_id(spec.uuid).await.expect("it answers").expect("it is defined");
            assert!(domain.statistics.memory_resident > 0, "{:?}", domain.statistics);
        }
        other.abort();
    })
    .await;
}

/// In a process of its own, since what other tests take meanwhile would be counted too.
#[test]
fn ten_thousand_lists_do_not_grow_the_process() {
    if Lab::or_skip("ten_thousand_lists_do_not_grow_the_process").is_none() {
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("this test's binary"));
    command.args(["--exact", "libvirt::lab::the_process_that_lists", "--ignored"]);
    let output = command.output().expect("this test's binary starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part of ten_thousand_lists_do_not_grow_the_process"]
async fn the_process_that_lists() {
    hold(subject("the_process_that_lists").await, |subject| async move {
        for index in 0..10 {
            subject.define(&format!("m{index}")).await;
        }
        let list = async |times: usize| {
            for _ in 0..times {
                assert_eq!(subject.hypervisor.domains().list().await.expect("it answers").len(), 10);
            }
        };
        list(500).await;
        let before = resident();
        list(10_000).await;
        let grown = resident().saturating_sub(before);
        // virt's own function would leak 350 bytes a call and more for each domain.
        assert!(grown < 3 << 20, "{} KiB more", grown >> 10);
    })
    .await;
}

/// Memory of this process, in bytes.
fn resident() -> u64 {
    load::resident_memory(std::process::id()).expect("Linux tells")
}
