//! Jobs that can neither be done nor undone: shown, tried again, closed.

use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{
    AuditFilter, Job, JobFilter, JobId, JobState, RequestState, StatusReason, StepState, VmFilter, VmState, VmStatus,
};
use vmm_core::repository::Repository;
use vmm_core::{Actor, Error, Kind, Part};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

const SPEC: &str = "name,os,disk\nweb-1,debian:12,10;5\n";

async fn ended(desk: &TestDesk, id: JobId) -> Job {
    desk.until("the job ends", async || desk.vmm.job(&desk.admin, id).await.is_ok_and(|job| job.state.is_final()))
        .await;
    desk.vmm.job(&desk.admin, id).await.expect("an answer")
}

fn broken() -> Error {
    Error::conflict(Kind::Volume, "web-1", "somebody has it open")
}

/// A request whose machine could not be made, nor what was made of it be undone.
async fn stuck_making(desk: &TestDesk) -> Job {
    desk.hypervisor.fail_next("domains.start", Error::conflict(Kind::Domain, "web-1", "it does not start"));
    desk.hypervisor.fail_next("definitions.undefine", broken());
    let request = desk.submit("r1", SPEC).await;
    desk.approve(&request).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Failed);
    let filter = JobFilter { state: Some(JobState::Stuck), ..JobFilter::default() };
    desk.vmm.jobs(&desk.admin, &filter).await.expect("an answer").items.remove(0)
}

/// A machine whose removal stopped at its volumes.
async fn stuck_removing(desk: &TestDesk) -> Job {
    let vm = desk.provision("r1", SPEC).await.remove(0);
    desk.hypervisor.fail_next("volumes.delete", broken());
    let id = desk.vmm.delete_vm(&desk.admin, &vm.name, None).await.expect("a removal");
    ended(desk, id).await
}

async fn machine(desk: &TestDesk) -> Option<VmState> {
    desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("an answer").items.first().map(|vm| vm.state())
}

async fn assert_nothing_is_left(desk: &TestDesk) {
    assert_eq!(machine(desk).await, None);
    let volumes = desk.hypervisor.volumes().list().await.expect("an answer");
    assert!(volumes.iter().all(|volume| volume.name.as_str().starts_with("vmm-image-")), "{volumes:?}");
    assert!(desk.hypervisor.domains().list().await.expect("an answer").is_empty());
}

#[tokio::test]
async fn a_stuck_job_says_where_it_is_stuck_and_why_and_is_for_admins_to_settle() {
    let desk = TestDesk::new().await;
    let job = stuck_making(&desk).await;
    let step = job.step().expect("it is at a step");
    assert_eq!((step.name.as_str(), step.state), ("define-domain", StepState::Undoing));
    let error = job.error.as_deref().expect("a reason");
    assert!(error.contains("it does not start") && error.contains("undoing define-domain failed"), "{error}");
    for actor in [&desk.user, &Actor::Anonymous] {
        assert!(desk.vmm.retry_job(actor, job.id).await.is_err() && desk.vmm.close_job(actor, job.id).await.is_err());
    }
    assert_eq!(desk.vmm.job(&desk.user, job.id).await.expect("it is theirs").state, JobState::Stuck);
    assert!(matches!(desk.vmm.retry_job(&desk.admin, JobId(4711)).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn undoing_that_is_tried_again_goes_on_and_leaves_nothing() {
    let desk = TestDesk::new().await;
    let job = stuck_making(&desk).await;
    assert_eq!(desk.vmm.retry_job(&desk.admin, job.id).await.expect("it is stuck").state, JobState::Undoing);
    let job = ended(&desk, job.id).await;
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.expect("why it failed stays");
    assert!(error.contains("it does not start") && !error.contains("undoing"), "{error}");
    assert_nothing_is_left(&desk).await;
}

#[tokio::test]
async fn a_removal_that_is_tried_again_goes_on_and_leaves_nothing() {
    let desk = TestDesk::new().await;
    let job = stuck_removing(&desk).await;
    assert_eq!((job.state, job.step().map(|step| step.name.as_str())), (JobState::Stuck, Some("delete-seed")));
    for attempt in 1..=2 {
        if attempt == 1 {
            desk.hypervisor.fail_next("volumes.delete", broken());
        }
        desk.vmm.retry_job(&desk.admin, job.id).await.expect("it is stuck");
        let expected = if attempt == 1 { JobState::Stuck } else { JobState::Done };
        let job = ended(&desk, job.id).await;
        assert_eq!(job.state, expected, "{:?}", job.error);
    }
    assert_eq!(desk.vmm.job(&desk.admin, job.id).await.expect("an answer").error, None);
    assert_nothing_is_left(&desk).await;
}

#[tokio::test]
async fn a_closed_job_leaves_the_machine_as_its_host_says_and_tells_what_is_left() {
    let desk = TestDesk::new().await;
    let job = stuck_making(&desk).await;
    let closed = desk.vmm.close_job(&desk.admin, job.id).await.expect("it is stuck");
    assert_eq!((closed.state, machine(&desk).await), (JobState::Closed, Some(VmStatus::Off.into())));
    let error = closed.error.expect("what is left");
    for part in ["it does not start", "closed: left on the host: the domain web-1, which is off", "the volume web-1."] {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
    let filter = AuditFilter { action: Some("job.close".to_owned()), ..AuditFilter::default() };
    let audit = desk.vmm.audit(&desk.admin, None, &filter).await.expect("an answer").items.remove(0);
    assert!(audit.detail.contains("left on the host: the domain web-1") && audit.detail.len() <= 1024, "{audit:?}");
    assert!(matches!(desk.vmm.close_job(&desk.admin, job.id).await, Err(Error::Conflict { .. })));
    let id = desk.vmm.delete_vm(&desk.admin, &sample::vm_name("web-1"), None).await.expect("it is a machine now");
    assert_eq!(ended(&desk, id).await.state, JobState::Done);
    assert_nothing_is_left(&desk).await;
}

#[tokio::test]
async fn a_closed_removal_whose_domain_is_gone_removes_the_records_and_names_the_volumes() {
    let desk = TestDesk::new().await;
    let job = stuck_removing(&desk).await;
    let closed = desk.vmm.close_job(&desk.admin, job.id).await.expect("it is stuck");
    let error = closed.error.expect("what is left");
    assert!(
        error.contains("closed: left on the host: the volume web-1.") && !error.contains("domain web-1"),
        "{error}"
    );
    assert_eq!(machine(&desk).await, None);
}

#[tokio::test]
async fn a_job_is_closed_while_the_host_is_silent_and_its_machine_is_unknown() {
    let desk = TestDesk::new().await;
    let job = stuck_removing(&desk).await;
    desk.hypervisor.fail_next("domains.by_id", Error::unavailable(Part::Hypervisor, "away"));
    let closed = desk.vmm.close_job(&desk.admin, job.id).await.expect("it is stuck");
    let error = closed.error.expect("what may be left");
    assert!(error.contains("the host did not answer; it may have the domain web-1 and the volumes web-1."), "{error}");
    let recorded = desk.repository.vms().by_name(&sample::vm_name("web-1")).await.expect("an answer");
    assert_eq!(recorded.map(|vm| vm.status), Some(VmStatus::Unknown));
}

#[tokio::test]
async fn a_closed_job_never_gives_up_a_domain_that_only_lost_its_tag() {
    let desk = TestDesk::new().await;
    let job = stuck_removing(&desk).await;
    desk.hypervisor.add_foreign("web-1");
    let closed = desk.vmm.close_job(&desk.admin, job.id).await.expect("it is stuck");
    assert!(closed.error.expect("what is left").contains("a domain web-1 without vmm's tag"));
    assert_eq!(machine(&desk).await, Some(VmState::unknown(StatusReason::Missing)));
}

#[tokio::test]
async fn a_closed_disk_job_leaves_the_disk_as_its_volume_is() {
    for is_there in [true, false] {
        let desk = TestDesk::new().await;
        let vm = desk.provision("r1", SPEC).await.remove(0);
        desk.hypervisor.set_state(vm.uuid, DomainState::Off);
        let disk = desk.vmm.vm(&desk.user, &vm.name).await.expect("an answer").1.pop().expect("a data disk");
        desk.hypervisor.fail_next("volumes.delete", broken());
        let id = desk.vmm.delete_disk(&desk.admin, disk.id).await.expect("it is off");
        assert_eq!(ended(&desk, id).await.state, JobState::Stuck);
        if !is_there {
            desk.hypervisor.volumes().delete(&disk.volume.clone().expect("it has one")).await.expect("it is there");
        }
        let error = desk.vmm.close_job(&desk.admin, id).await.expect("it is stuck").error.expect("what is left");
        assert!(
            error.contains(if is_there { "left on the host: the volume" } else { "is not in the pool" }),
            "{error}"
        );
        let recorded = desk.repository.disks().by_id(disk.id).await.expect("an answer");
        assert_eq!(recorded.map(|disk| disk.disk_size), is_there.then_some(5));
    }
}
