//! A machine whose definition or disks other hands have changed: vmm changes nothing of it, says what it is, and goes
//! on when an admin has accepted it.

use vmm_core::Error;
use vmm_core::host::{DomainSpec, Hypervisor, NewVolume};
use vmm_core::model::{DeskId, Disk, DiskId, Job, JobId, JobState, MacAddress, Vm, VmName, VmStatus};
use vmm_core::repository::Repository;
use vmm_core::{DefinitionLook, Power, Result};
use vmm_testkit::fixture::TestDesk;

const SPEC: &str = "name,os,memory,disk\nweb-1,debian,1024,10;5\n";

/// A desk with one machine that is off, and its disks.
async fn off(desk: &TestDesk) -> (Vm, Vec<Disk>) {
    let vm = desk.provision("r1", SPEC).await.remove(0);
    desk.vmm.power(&desk.admin, &vm.name, Power::Stop).await.expect("it stops");
    let (vm, disks) = desk.vmm.vm(&desk.admin, &vm.name).await.expect("the machine");
    (vm, disks)
}

/// Returns the refusal of each job that writes a definition or a disk of this machine.
async fn refusals(desk: &TestDesk, vm: &VmName, data: DiskId) -> Vec<String> {
    let added = desk.vmm.add_disk(&desk.admin, vm, 1).await.map(drop);
    let grown = desk.vmm.grow_disk(&desk.admin, data, 50).await.map(drop);
    let deleted = desk.vmm.delete_disk(&desk.admin, data).await.map(drop);
    [added, grown, deleted].into_iter().map(refusal).collect()
}

fn refusal(answer: Result<()>) -> String {
    match answer {
        Err(error @ Error::Conflict { .. }) => error.to_string(),
        other => panic!("not a conflict: {other:?}"),
    }
}

async fn look(desk: &TestDesk, vm: &Vm) -> DefinitionLook {
    desk.vmm.vm_definition(&desk.admin, &vm.name).await.expect("a definition")
}

async fn ended(desk: &TestDesk, job: JobId) -> Job {
    desk.until("the job ends", async || desk.vmm.job(&desk.admin, job).await.is_ok_and(|job| job.state.is_final()))
        .await;
    desk.vmm.job(&desk.admin, job).await.expect("the job")
}

async fn add_disk(desk: &TestDesk, vm: &Vm) -> (Disk, Job) {
    let (disk, job) = desk.vmm.add_disk(&desk.admin, &vm.name, 1).await.expect("it is as vmm last saw it");
    (disk, ended(desk, job).await)
}

async fn accept(desk: &TestDesk, vm: &Vm) -> Result<Vm> {
    let digest = look(desk, vm).await.seen.facts.digest();
    desk.vmm.accept_definition(&desk.admin, &vm.name, digest, None).await
}

#[tokio::test]
async fn a_job_on_a_machine_that_was_changed_is_refused_before_it_begins_and_names_the_difference() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    let (uuid, before) = (vm.uuid, desk.hypervisor.all_calls());
    let mut spec = None;
    desk.hypervisor.change_definition(uuid, |known| spec = Some(known.clone()));
    let spec = spec.expect("it is defined");
    let host = &desk.hypervisor;
    let changes: [(&str, &dyn Fn()); 5] = [
        ("memory is 2048 MiB where vmm last saw 1024 MiB", &|| host.change_definition(uuid, |spec| spec.memory = 2048)),
        ("vcpu is 4 where vmm last saw 1", &|| host.change_definition(uuid, |spec| spec.vcpu = 4)),
        ("disk vdb was removed", &|| host.change_definition(uuid, |spec| spec.disks.truncate(1))),
        ("disk vda is on web-1", &|| drop(host.snapshot_disk(uuid, "s1"))),
        ("snapshot s2 exists (internal)", &|| host.snapshot(uuid, "s2")),
    ];
    for (difference, change) in changes {
        host.change_definition(uuid, |known| *known = spec.clone());
        change();
        for refusal in refusals(&desk, &vm.name, disks[1].id).await {
            assert!(refusal.contains(difference) && refusal.contains("/vm/definition?vm=web-1"), "{refusal}");
        }
        let seen = look(&desk, &vm).await;
        assert!(seen.differences.iter().any(|seen| seen.to_string().contains(difference)), "{seen:?}");
    }
    assert!(desk.hypervisor.all_calls() > before);
    for method in ["definitions.attach_disk", "definitions.detach_disk", "volumes.resize"] {
        assert_eq!(desk.hypervisor.calls(method), 0, "{method}");
    }
    assert_eq!(desk.hypervisor.calls("definitions.define"), 1);
}

#[tokio::test]
async fn a_job_writes_the_one_element_that_it_means() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    let before = look(&desk, &vm).await;
    let (disk, job) = add_disk(&desk, &vm).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.error);
    let after = look(&desk, &vm).await;
    assert_eq!((after.differences.as_slice(), after.seen.disks.len()), (&[][..], before.seen.disks.len() + 1));
    let (_, job) = desk.vmm.grow_disk(&desk.admin, disks[0].id, 20).await.expect("it grows");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    let job = desk.vmm.delete_disk(&desk.admin, disk.id).await.expect("it is removed");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    assert_eq!(look(&desk, &vm).await, before);
    assert_eq!(desk.hypervisor.calls("definitions.define"), 1, "what is there is never described anew");
}

#[tokio::test]
async fn what_changes_after_a_job_was_asked_for_fails_it_and_nothing_is_half_done() {
    let mut desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    let volumes = desk.hypervisor.volumes().list().await.expect("volumes");
    for which in ["add", "grow", "delete"] {
        desk.stop_worker().await;
        let job = match which {
            "add" => desk.vmm.add_disk(&desk.admin, &vm.name, 1).await.expect("it begins").1,
            "grow" => desk.vmm.grow_disk(&desk.admin, disks[1].id, 50).await.expect("it begins").1,
            _ => desk.vmm.delete_disk(&desk.admin, disks[1].id).await.expect("it begins"),
        };
        desk.hypervisor.change_definition(vm.uuid, |spec| spec.memory = 2048);
        desk.start_worker();
        let job = ended(&desk, job).await;
        assert!(matches!(job.state, JobState::Failed | JobState::Stuck), "{which}: {}", job.state);
        let reason = job.error.expect("a reason");
        assert!(reason.contains("memory is 2048 MiB where vmm last saw 1024 MiB"), "{which}: {reason}");
        assert_eq!(desk.hypervisor.volumes().list().await.expect("volumes"), volumes, "{which}");
        assert_eq!(look(&desk, &vm).await.differences.len(), 1, "{which}: nothing but what somebody else did");
        desk.hypervisor.change_definition(vm.uuid, |spec| spec.memory = 1024);
    }
    let (_, job) = add_disk(&desk, &vm).await;
    assert_eq!(job.state, JobState::Done, "{:?}", job.error);
}

#[tokio::test]
async fn an_admin_accepts_what_was_looked_at_and_no_other() {
    let desk = TestDesk::new().await;
    let (vm, _) = off(&desk).await;
    let nothing = look(&desk, &vm).await.seen.facts.digest();
    let refused = desk.vmm.accept_definition(&desk.admin, &vm.name, nothing, None).await.map(drop);
    assert!(refusal(refused).contains("nothing to accept"));
    desk.hypervisor.change_definition(vm.uuid, |spec| (spec.memory, spec.vcpu) = (2048, 2));
    let digest = look(&desk, &vm).await.seen.facts.digest();
    let denied = desk.vmm.accept_definition(&desk.user, &vm.name, digest, None).await;
    assert!(matches!(denied, Err(Error::Forbidden { .. })), "{denied:?}");
    desk.hypervisor.set_fact(vm.uuid, "cpu mode", "host-model");
    let stale = desk.vmm.accept_definition(&desk.admin, &vm.name, digest, None).await.map(drop);
    assert!(refusal(stale).contains("has changed since you looked at it"));
    let accepted = accept(&desk, &vm).await.expect("it was looked at");
    assert_eq!((accepted.memory, accepted.vcpu, accepted.mac), (2048, 2, vm.mac));
    assert!(look(&desk, &vm).await.differences.is_empty());
    assert_eq!(add_disk(&desk, &vm).await.1.state, JobState::Done);
}

#[tokio::test]
async fn on_an_accepted_snapshot_disks_are_added_and_what_stands_below_it_is_left_alone() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    desk.hypervisor.snapshot_disk(vm.uuid, "s1").expect("a snapshot");
    let left = refusal(desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.map(drop));
    assert!(left.contains("system.s1, which vmm did not make") && left.contains("blockcommit"), "{left}");
    accept(&desk, &vm).await.expect("it can be worked with");
    let (_, now) = desk.vmm.vm(&desk.admin, &vm.name).await.expect("the machine");
    assert!(now[0].disk_path.as_deref().is_some_and(|path| path.ends_with(".system.s1")), "{now:?}");
    assert_eq!((&now[0].volume, &now[1]), (&disks[0].volume, &disks[1]), "what is vmm's stays so");
    assert_eq!(add_disk(&desk, &vm).await.1.state, JobState::Done);
    let grown = refusal(desk.vmm.grow_disk(&desk.admin, disks[0].id, 50).await.map(drop));
    assert!(grown.contains("merge the two first"), "{grown}");
    let left = refusal(desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.map(drop));
    assert!(left.contains("which vmm did not make"), "{left}");
    let (_, job) = desk.vmm.grow_disk(&desk.admin, disks[1].id, 50).await.expect("the other disk is plain");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
}

#[tokio::test]
async fn what_cannot_be_worked_with_is_not_accepted_and_says_why() {
    let desk = TestDesk::new().await;
    let (vm, _) = off(&desk).await;
    let other = desk.provision("r2", "name,os\ndb-1,debian\n").await.remove(0);
    let mut spec: Option<DomainSpec> = None;
    desk.hypervisor.change_definition(vm.uuid, |known| spec = Some(known.clone()));
    let spec = spec.expect("it is defined");
    let theirs = desk.vmm.vm(&desk.admin, &other.name).await.expect("the other").1[0].volume.clone().expect("a volume");
    let image = desk.hypervisor.volumes().list().await.expect("volumes").into_iter().map(|volume| volume.name);
    let image = image.into_iter().find(|name| name.as_str().starts_with("vmm-image-")).expect("an image");
    for (volumes, reason) in [
        (vec![theirs], "two machines that write one file destroy it"),
        (vec![image], "which other machines use"),
        (Vec::new(), "its system disk is not attached"),
    ] {
        desk.hypervisor.change_definition(vm.uuid, |known| known.disks = volumes);
        let refused = refusal(accept(&desk, &vm).await.map(drop));
        assert!(refused.contains(reason), "{refused}");
    }
    desk.hypervisor.change_definition(vm.uuid, |known| *known = spec);
    assert!(look(&desk, &vm).await.differences.is_empty());
}

#[tokio::test]
async fn a_disk_on_another_file_is_accepted_and_that_file_stays_the_admins() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    let other = NewVolume { name: "restored.qcow2".parse().expect("a name"), capacity: 5 << 30, backing: None };
    desk.hypervisor.volumes().create(&other).await.expect("it is created");
    desk.hypervisor.change_definition(vm.uuid, |spec| spec.disks[1] = other.name.clone());
    accept(&desk, &vm).await.expect("it can be worked with");
    let (_, now) = desk.vmm.vm(&desk.admin, &vm.name).await.expect("the machine");
    assert!(now[1].disk_path.as_deref().is_some_and(|path| path.ends_with("/restored.qcow2")), "{now:?}");
    let refused = refusal(desk.vmm.delete_disk(&desk.admin, disks[1].id).await.map(drop));
    assert!(refused.contains("restored.qcow2, which vmm did not make"), "{refused}");
    let job = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("nothing stands on its volumes");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    let left: Vec<_> =
        desk.hypervisor.volumes().list().await.expect("volumes").into_iter().map(|volume| volume.name).collect();
    assert!(left.contains(&other.name) && !left.iter().any(|name| name.as_str().starts_with("web-1.")), "{left:?}");
}

#[tokio::test]
async fn a_machine_that_vmm_has_not_seen_yet_is_compared_with_its_record() {
    let desk = TestDesk::new().await;
    let (vm, _) = off(&desk).await;
    let forget = || {
        let database = rusqlite::Connection::open(desk.database()).expect("the database");
        database.busy_timeout(std::time::Duration::from_secs(5)).expect("it waits");
        database.execute("UPDATE vm SET definition = NULL", []).expect("it is forgotten");
    };
    forget();
    assert!(look(&desk, &vm).await.differences.is_empty(), "it agrees with its record");
    let kept = desk.repository.vms().definition(vm.id).await.expect("an answer");
    assert_eq!(kept, Some(look(&desk, &vm).await.seen.facts), "and is kept");
    forget();
    desk.hypervisor.change_definition(vm.uuid, |spec| (spec.memory, spec.vcpu) = (2048, 3));
    desk.hypervisor.snapshot_disk(vm.uuid, "s1").expect("a snapshot");
    desk.hypervisor.snapshot(vm.uuid, "s2");
    let told: Vec<_> = look(&desk, &vm).await.differences.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for part in ["vcpu is 3", "memory is 2048 MiB where vmm last saw 1024 MiB", "snapshot s2 exists", "system.s1"] {
        assert!(told.iter().any(|told| told.contains(part)), "{part}: {told:?}");
    }
    let refused = refusal(desk.vmm.add_disk(&desk.admin, &vm.name, 1).await.map(drop));
    assert!(refused.contains("memory is 2048 MiB"), "{refused}");
    accept(&desk, &vm).await.expect("it can be worked with");
    assert_eq!(add_disk(&desk, &vm).await.1.state, JobState::Done);
}

#[tokio::test]
async fn a_machine_whose_domain_lost_its_tag_says_so_everywhere_and_an_admin_sets_it_again() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    desk.hypervisor.untag(vm.uuid);
    desk.until("it is unknown", async || {
        let (shown, _) = desk.vmm.vm(&desk.admin, &vm.name).await.expect("the machine");
        shown.status == VmStatus::Unknown
    })
    .await;
    let started = refusal(desk.vmm.power(&desk.admin, &vm.name, Power::Start).await.map(drop));
    let looked = refusal(desk.vmm.vm_definition(&desk.admin, &vm.name).await.map(drop));
    let mut told = vec![started, looked];
    told.extend(refusals(&desk, &vm.name, disks[1].id).await);
    for told in told {
        assert!(told.contains("no domain with its id and vmm's tag") && told.contains("/vm/reclaim"), "{told}");
    }
    let deleted = refusal(desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.map(drop));
    assert!(deleted.contains("has lost vmm's tag") && deleted.contains("/vm/reclaim?vm=web-1"), "{deleted}");
    assert!(desk.hypervisor.is_defined(vm.uuid));
    let denied = desk.vmm.reclaim_vm(&desk.user, &vm.name).await;
    assert!(matches!(denied, Err(Error::Forbidden { .. })), "{denied:?}");
    desk.vmm.reclaim_vm(&desk.admin, &vm.name).await.expect("it is the machine's");
    assert!(refusal(desk.vmm.reclaim_vm(&desk.admin, &vm.name).await).contains("no tag to restore"));
    assert!(look(&desk, &vm).await.differences.is_empty());
    assert_eq!(add_disk(&desk, &vm).await.1.state, JobState::Done);
    let job = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("it is vmm's again");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    assert!(!desk.hypervisor.is_defined(vm.uuid));
}

#[tokio::test]
async fn a_domain_that_may_be_another_machine_is_not_tagged() {
    let desk = TestDesk::new().await;
    let (vm, _) = off(&desk).await;
    desk.hypervisor.untag(vm.uuid);
    let mut spec: Option<DomainSpec> = None;
    desk.hypervisor.change_definition(vm.uuid, |known| spec = Some(known.clone()));
    let spec = spec.expect("it is defined");
    desk.hypervisor.change_definition(vm.uuid, |known| known.mac = MacAddress::local([9, 9, 9, 9, 9]));
    let refused = refusal(desk.vmm.reclaim_vm(&desk.admin, &vm.name).await);
    assert!(refused.contains("no interface with its hardware address"), "{refused}");
    desk.hypervisor.change_definition(vm.uuid, |known| (known.mac, known.disks) = (spec.mac, Vec::new()));
    let refused = refusal(desk.vmm.reclaim_vm(&desk.admin, &vm.name).await);
    assert!(refused.contains("none of its disks"), "{refused}");
    desk.hypervisor.change_definition(vm.uuid, |known| *known = spec);
    let elsewhere = desk.hypervisor.for_desk(DeskId(uuid::Uuid::new_v4()));
    elsewhere.adoption().adopt(vm.uuid).await.expect("it has no tag");
    let refused = refusal(desk.vmm.reclaim_vm(&desk.admin, &vm.name).await);
    assert!(refused.contains("there is no tag to restore"), "{refused}");
}

#[tokio::test]
async fn a_machine_whose_domain_was_renamed_is_known_by_its_id() {
    let desk = TestDesk::new().await;
    let (vm, disks) = off(&desk).await;
    desk.hypervisor.rename(vm.uuid, "another-name");
    let seen = look(&desk, &vm).await;
    assert_eq!((seen.seen.name.as_str(), seen.differences.len()), ("another-name", 0));
    assert_eq!(add_disk(&desk, &vm).await.1.state, JobState::Done);
    let (_, job) = desk.vmm.grow_disk(&desk.admin, disks[1].id, 50).await.expect("it grows");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    desk.vmm.power(&desk.admin, &vm.name, Power::Start).await.expect("it starts");
    assert!(desk.vmm.monitor(&desk.admin, &vm.name).await.expect("figures").state.is_some());
    let job = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("it is removed");
    assert_eq!(ended(&desk, job).await.state, JobState::Done);
    assert!(!desk.hypervisor.is_defined(vm.uuid));
}
