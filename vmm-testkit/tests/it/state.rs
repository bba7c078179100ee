//! The states of machines: what is shown, and what each of them allows.

use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{JobState, LoginName, PauseReason, StatusReason, Vm, VmFilter, VmName, VmState, VmStatus};
use vmm_core::remote::{Command, Credential, Login};
use vmm_core::repository::Repository;
use vmm_core::{Error, Kind, Part, Power, Result};
use vmm_testkit::fixture::TestDesk;

const SPEC: &str = "name,os,disk\nweb-1,debian:12,10;5\n";

async fn machine(desk: &TestDesk) -> Vm {
    desk.provision("r1", SPEC).await.remove(0)
}

fn refused<T: std::fmt::Debug>(result: Result<T>, words: &str) {
    match result {
        Err(Error::Conflict { kind: Kind::Vm, name, reason }) => {
            assert!(name == "web-1" && reason.contains(words), "{reason:?} does not say {words:?}");
        }
        other => panic!("not refused: {other:?}"),
    }
}

async fn ssh(desk: &TestDesk, name: &VmName) -> Result<usize> {
    let user = LoginName::new("vmm").expect("a name").to_string();
    let login = Login { user, credential: Credential::Password("secret".to_owned().into()) };
    Ok(desk.vmm.ssh(&desk.user, name, vec![(login, Command::new("true"))]).await?.len())
}

/// The status that every way of looking at the machine shows.
async fn shown(desk: &TestDesk, vm: &Vm) -> VmState {
    let card = desk.vmm.vm(&desk.user, &vm.name).await.expect("an answer").0.state();
    let listed = desk.vmm.vms(&desk.user, &VmFilter::default()).await.expect("an answer").items.remove(0).state();
    let filter = VmFilter { status: Some(card.status), ..VmFilter::default() };
    assert_eq!(desk.vmm.vms(&desk.user, &filter).await.expect("an answer").items.len(), 1);
    assert_eq!(listed, card);
    if let Ok(monitor) = desk.vmm.monitor(&desk.user, &vm.name).await {
        assert_eq!(monitor.vm.state(), card);
    }
    let recorded = async || desk.repository.vms().by_id(vm.id).await.expect("an answer").expect("it is there").state();
    if card.reason != Some(StatusReason::Unreachable) {
        desk.until("the sweep records it", async || recorded().await == card).await;
    }
    card
}

#[tokio::test]
async fn a_machine_has_one_state_whoever_asks() {
    let desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    let paused = DomainState::Paused(PauseReason::User);
    let look = |state| {
        desk.hypervisor.set_state(vm.uuid, state);
        shown(&desk, &vm)
    };
    assert_eq!(shown(&desk, &vm).await, VmStatus::On.into());
    for (state, expected, words) in [
        (paused, VmState::paused(PauseReason::User), "is paused (somebody paused it); resume it first"),
        (DomainState::Saved, VmStatus::Saved.into(), "is saved; start it (it continues where it was saved)"),
        (
            DomainState::Unknown,
            VmState::unknown(StatusReason::Unreadable),
            "is unknown (its host does not say in which state it is)",
        ),
        (DomainState::Crashed, VmStatus::Off.into(), "is off; start it first"),
    ] {
        wait_a_second().await;
        assert_eq!(look(state).await, expected);
        refused(ssh(&desk, &vm.name).await, words);
        refused(desk.vmm.power(&desk.user, &vm.name, Power::Reboot).await, words);
        refused(desk.vmm.vm(&desk.user, &vm.name).await.expect("an answer").0.check_on(), words);
    }
}

#[tokio::test]
async fn a_call_that_nothing_answers_tells_the_state_that_explains_it() {
    let mut desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    desk.stop_worker().await;
    desk.hypervisor.set_state(vm.uuid, DomainState::Paused(PauseReason::IoError));
    desk.remote.unreachable((vm.ip.expect("it has an address"), 22).into());
    assert_eq!(desk.repository.vms().by_id(vm.id).await.expect("an answer").expect("it is there").status, VmStatus::On);
    refused(ssh(&desk, &vm.name).await, "is paused (a disk of it could not be read or written)");
    desk.hypervisor.set_state(vm.uuid, DomainState::Running);
    let error = ssh(&desk, &vm.name).await.expect_err("nobody answers");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
}

/// Waits for a second, for which an observation of the host is served.
async fn wait_a_second() {
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
}

#[tokio::test]
async fn a_machine_that_is_not_on_its_host_is_unknown_to_everybody_and_can_be_deleted() {
    let desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    desk.hypervisor.remove_behind_back(vm.uuid);
    wait_a_second().await;
    assert_eq!(shown(&desk, &vm).await, VmState::unknown(StatusReason::Missing));
    let words = "is unknown (its host has no domain with its id and vmm's tag)";
    refused(ssh(&desk, &vm.name).await, words);
    for power in [Power::Start, Power::Stop, Power::Resume, Power::DiscardSaved] {
        refused(desk.vmm.power(&desk.user, &vm.name, power).await, words);
    }
    refused(desk.vmm.add_disk(&desk.user, &vm.name, 1).await, words);
    delete(&desk, &vm).await;
}

#[tokio::test]
async fn while_the_host_is_silent_its_machines_are_unknown_and_never_off() {
    let mut desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    desk.stop_worker().await;
    wait_a_second().await;
    let silent = || Error::unavailable(Part::Hypervisor, "away");
    for nth in 1..=20 {
        desk.hypervisor.fail_nth("domains.list", nth, silent());
        desk.hypervisor.fail_nth("domains.by_id", nth, silent());
    }
    assert_eq!(shown(&desk, &vm).await, VmState::unknown(StatusReason::Unreachable));
    let counted = desk.vmm.statistics(&desk.admin).await.expect("an answer").vms;
    assert!(counted.contains(&(VmStatus::Unknown, 1)) && counted.contains(&(VmStatus::Off, 0)), "{counted:?}");
    assert_eq!(
        desk.vmm.vm(&desk.user, &vm.name).await.expect("an answer").0.check_on().map_err(|e| e.to_string()),
        Ok(())
    );
    assert_eq!(ssh(&desk, &vm.name).await.expect("it may well run"), 1);
}

#[tokio::test]
async fn nothing_changes_the_disks_of_a_machine_that_is_saved_or_paused() {
    let desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    let disk = desk.vmm.vm(&desk.user, &vm.name).await.expect("an answer").1.pop().expect("a data disk");
    for (state, words) in [
        (
            DomainState::Saved,
            "is saved, and its disks can be changed only while it is off; start it and shut it down, or discard",
        ),
        (DomainState::Paused(PauseReason::IoError), "resume it and shut it down first"),
        (DomainState::Running, "is on, and its disks can be changed only while it is off; shut it down first"),
        (DomainState::Unknown, "is unknown"),
    ] {
        desk.hypervisor.set_state(vm.uuid, state);
        refused(desk.vmm.add_disk(&desk.user, &vm.name, 1).await, words);
        refused(desk.vmm.grow_disk(&desk.user, disk.id, 9).await, words);
        refused(desk.vmm.delete_disk(&desk.admin, disk.id).await, words);
    }
    let jobs = desk.repository.jobs().open().await.expect("an answer");
    assert!(jobs.is_empty(), "{jobs:?}");
}

#[tokio::test]
async fn a_disk_job_whose_machine_is_saved_before_it_begins_fails_and_leaves_nothing() {
    let mut desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    desk.vmm.power(&desk.user, &vm.name, Power::Stop).await.expect("it is on");
    desk.stop_worker().await;
    let (disk, job) = desk.vmm.add_disk(&desk.user, &vm.name, 1).await.expect("it is off");
    desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    let volumes = desk.hypervisor.volumes().list().await.expect("an answer");
    desk.start_worker();
    desk.until("the job ends", async || {
        desk.vmm.job(&desk.admin, job).await.is_ok_and(|job| job.state == JobState::Failed)
    })
    .await;
    let error = desk.vmm.job(&desk.admin, job).await.expect("an answer").error.expect("a reason");
    assert!(error.contains("is saved, and its disks can be changed only while it is off"), "{error}");
    assert_eq!(desk.hypervisor.volumes().list().await.expect("an answer"), volumes);
    assert!(desk.repository.disks().by_id(disk.id).await.expect("an answer").is_none());
}

#[tokio::test]
async fn a_saved_machine_goes_on_where_it_was_or_its_state_is_discarded() {
    let desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    let power = async |power| desk.vmm.power(&desk.user, &vm.name, power).await;
    desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    refused(power(Power::Stop).await, "is saved, so it has no power to cut; discard the saved state, or start it");
    let started = power(Power::Start).await.expect("it is saved");
    assert_eq!((started.state, started.restored), (VmStatus::On.into(), Some(true)));
    assert_eq!(power(Power::Start).await.expect("it is on").restored, None);
    refused(power(Power::DiscardSaved).await, "is on, and has no saved state");
    desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    for _ in 0..2 {
        assert_eq!(power(Power::DiscardSaved).await.expect("it is not on").state, VmStatus::Off.into());
    }
    assert_eq!(power(Power::Start).await.expect("it is off").restored, None);
    let filter = vmm_core::model::AuditFilter::default();
    let audit = desk.vmm.audit(&desk.admin, None, &filter).await.expect("an answer");
    assert!(audit.items.iter().any(|row| row.action == "vm.power" && row.detail == "discard-saved"), "{audit:?}");
}

#[tokio::test]
async fn a_paused_machine_is_resumed_and_one_that_pauses_again_is_not_told_as_resumed() {
    let desk = TestDesk::new().await;
    let vm = machine(&desk).await;
    let power = async |power| desk.vmm.power(&desk.user, &vm.name, power).await;
    assert_eq!(power(Power::Resume).await.expect("it is on").state, VmStatus::On.into());
    desk.hypervisor.set_state(vm.uuid, DomainState::Paused(PauseReason::User));
    refused(power(Power::Start).await, "is paused (somebody paused it); resume it first");
    assert_eq!(power(Power::Resume).await.expect("it is paused").state, VmStatus::On.into());
    desk.hypervisor.set_state(vm.uuid, DomainState::Paused(PauseReason::IoError));
    desk.hypervisor.disk_is_full(true);
    let words = "was resumed and paused again at once: it is paused (a disk of it could not be read or written); see \
                 whether the host's pool is full";
    refused(power(Power::Resume).await, words);
    assert_eq!(shown(&desk, &vm).await, VmState::paused(PauseReason::IoError));
    desk.hypervisor.disk_is_full(false);
    assert_eq!(power(Power::Resume).await.expect("there is room").state, VmStatus::On.into());
    desk.hypervisor.set_state(vm.uuid, DomainState::Saved);
    refused(power(Power::Resume).await, "is saved; start it");
}

#[tokio::test]
async fn a_saved_or_paused_machine_is_deleted_and_leaves_nothing() {
    for state in [DomainState::Saved, DomainState::Paused(PauseReason::IoError)] {
        let desk = TestDesk::new().await;
        let vm = machine(&desk).await;
        desk.hypervisor.set_state(vm.uuid, state);
        delete(&desk, &vm).await;
    }
}

async fn delete(desk: &TestDesk, vm: &Vm) {
    let job = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("a removal");
    desk.until("the removal ends", async || {
        desk.vmm.job(&desk.admin, job).await.is_ok_and(|job| job.state == JobState::Done)
    })
    .await;
    assert!(!desk.hypervisor.is_defined(vm.uuid));
    let volumes = desk.hypervisor.volumes().list().await.expect("an answer");
    assert!(volumes.iter().all(|volume| volume.name.as_str().starts_with("vmm-image-")), "{volumes:?}");
    assert!(desk.hypervisor.network().reservations().await.expect("an answer").is_empty());
    assert!(desk.repository.vms().by_id(vm.id).await.expect("an answer").is_none());
}
