//! From an approval to running machines, and back to nothing.

use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::{JobState, RequestId, RequestState, StepState, VmFilter, VmStatus};
use vmm_core::remote::{Command, Credential, Login};
use vmm_core::repository::Repository;
use vmm_core::{Error, ExposeSecret, Part, Power, SecretString};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

const SPEC: &str = "name,os,disk,ip\nweb-1,debian,10;5,192.0.2.50\n";

/// Panics unless the host and the records hold nothing but the catalog's image.
async fn assert_clean_slate(desk: &TestDesk) {
    assert!(desk.hypervisor.domains().list().await.expect("domains").is_empty());
    assert!(desk.hypervisor.network().reservations().await.expect("reservations").is_empty());
    let volumes = desk.hypervisor.volumes().list().await.expect("volumes");
    assert!(volumes.iter().all(|volume| volume.name.as_str().starts_with("vmm-image-")), "{volumes:?}");
    assert!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").is_empty());
}

#[tokio::test]
async fn an_approved_request_becomes_machines_that_run_and_can_be_worked_on() {
    let desk = TestDesk::new().await;
    let vms = desk.provision("r1", "name,os,count\nweb,debian,3\n").await;
    assert_eq!(vms.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(), ["web-1", "web-2", "web-3"]);
    assert!(vms.iter().all(|vm| vm.status == VmStatus::On && vm.ip.is_some()));

    let endpoint = (vms[0].ip.expect("an address"), 22).into();
    desk.remote.answer(endpoint, "uptime", Answer::stdout("up 1 minute\n"));
    let login = Login { user: "vmm".to_owned(), credential: Credential::Password(SecretString::from("any")) };
    let results = desk.vmm.ssh(&desk.user, &vms[0].name, vec![(login, Command::new("uptime"))]).await.expect("answers");
    assert_eq!(results[0].as_ref().expect("an output").stdout.text(), "up 1 minute\n");

    let monitor = desk.vmm.monitor(&desk.user, &vms[0].name).await.expect("figures");
    assert_eq!(monitor.state, Some(DomainState::Running));
    assert!(monitor.addresses.contains(&vms[0].ip.expect("an address")));
}

#[tokio::test]
async fn a_step_that_fails_leaves_a_clean_slate_and_says_why() {
    for method in [
        "network.reserve",
        "volumes.create",
        "volumes.write",
        "definitions.define",
        "domains.start",
        "network.addresses",
    ] {
        for nth in [1, 2] {
            let desk = TestDesk::new().await;
            let request = desk.submit("r1", SPEC).await;
            desk.hypervisor.fail_nth(method, nth, Error::internal("a fault of the test", method));
            desk.approve(&request).await;
            let settled = desk.settled(&request.id).await;
            if settled.state == RequestState::Done {
                assert_eq!(nth, 2, "{method} was never called");
                continue;
            }
            assert_eq!(settled.state, RequestState::Failed, "{method}");
            let reason = settled.reason.expect("a reason");
            assert!(reason.contains("a fault of the test"), "{reason}");
            assert_clean_slate(&desk).await;
        }
    }
}

#[tokio::test]
async fn a_host_that_is_away_for_a_moment_is_waited_for() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    for method in ["volumes.create", "definitions.define", "domains.start"] {
        desk.hypervisor.fail_next(method, Error::unavailable(Part::Hypervisor, "connection reset"));
    }
    desk.approve(&request).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
}

#[tokio::test]
async fn one_machine_that_fails_does_not_take_the_others_with_it() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", "name,os\nweb-1,debian\nweb-2,debian\nweb-3,debian\n").await;
    desk.hypervisor.fail_next("definitions.define", Error::internal("a fault of the test", "define"));
    desk.approve(&request).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Failed);
    let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines");
    assert_eq!(vms.len(), 2);
    assert!(vms.iter().all(|vm| vm.status == VmStatus::On));
    assert_eq!(desk.hypervisor.domains().list().await.expect("domains").len(), 2);
}

#[tokio::test]
async fn a_machine_that_never_answers_is_undone_and_the_error_shows_the_stage_and_the_console() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    desk.remote.unreachable("192.0.2.50:22".parse().expect("an address"));
    desk.hypervisor.boot_text("[ 1.0 ] Kernel panic - not syncing\n");
    desk.approve(&request).await;
    let settled = desk.settled(&request.id).await;
    assert_eq!(settled.state, RequestState::Failed);
    let reason = settled.reason.expect("a reason");
    assert!(reason.contains("waiting for SSH and cloud-init"), "{reason}");
    assert!(reason.contains("Kernel panic"), "{reason}");
    assert_clean_slate(&desk).await;
}

#[tokio::test]
async fn a_machine_whose_cloud_init_failed_is_not_on() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    let endpoint = "192.0.2.50:22".parse().expect("an address");
    desk.remote.machine(endpoint, request.plan.vms[0].host_key.clone());
    desk.remote.answer(endpoint, "cloud-init status", Answer::stdout("status: error\ndetail: no such package\n"));
    desk.approve(&request).await;
    let settled = desk.settled(&request.id).await;
    assert_eq!(settled.state, RequestState::Failed);
    assert!(settled.reason.expect("a reason").contains("no such package"));
}

#[tokio::test]
async fn a_machine_with_another_host_key_is_never_on() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    let endpoint = "192.0.2.50:22".parse().expect("an address");
    desk.remote.show_host_key(endpoint, sample::host_key("somebody else's"));
    desk.approve(&request).await;
    let settled = desk.settled(&request.id).await;
    assert_eq!(settled.state, RequestState::Failed);
    assert!(settled.reason.expect("a reason").contains("showed the host key"));
    assert_clean_slate(&desk).await;
}

#[tokio::test]
async fn what_cannot_be_undone_is_shown_and_can_be_removed_later() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    desk.hypervisor.fail_next("domains.start", Error::internal("a fault of the test", "start"));
    desk.hypervisor.fail_next("volumes.delete", Error::internal("another fault of the test", "delete"));
    desk.approve(&request).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Failed);
    let stuck = desk.jobs(&request.id).await.pop().expect("a job");
    assert_eq!(stuck.state, JobState::Stuck);
    assert!(stuck.error.expect("a reason").contains("another fault of the test"));

    let job = desk.vmm.delete_vm(&desk.admin, &sample::vm_name("web-1"), None).await.expect("a removal");
    desk.until("the removal ends", async || {
        desk.vmm.job(&desk.admin, job).await.is_ok_and(|job| job.state == JobState::Done)
    })
    .await;
    assert_clean_slate(&desk).await;
}

async fn until_it_waits_for_the_login(desk: &TestDesk, id: &RequestId) {
    desk.until("the job waits for the login", async || {
        let jobs = desk.jobs(id).await;
        let mut steps = jobs.iter().flat_map(|job| &job.steps);
        steps.any(|step| step.name == "wait-for-login" && step.state == StepState::Acting)
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_job_is_undone() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    desk.remote.unreachable("192.0.2.50:22".parse().expect("an address"));
    desk.approve(&request).await;
    until_it_waits_for_the_login(&desk, &request.id).await;
    let job = desk.jobs(&request.id).await.pop().expect("a job");
    desk.vmm.cancel_job(&desk.user, job.id).await.expect("a cancellation");
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Failed);
    let job = desk.vmm.job(&desk.admin, job.id).await.expect("the job");
    assert_eq!((job.state, job.error.as_deref()), (JobState::Cancelled, Some("cancelled")));
    assert_clean_slate(&desk).await;
}

#[tokio::test]
async fn a_worker_that_stops_in_the_middle_leaves_the_rest_to_the_next_one() {
    let mut desk = TestDesk::new().await;
    let request = desk.submit("r1", SPEC).await;
    let endpoint = "192.0.2.50:22".parse().expect("an address");
    desk.remote.unreachable(endpoint);
    desk.approve(&request).await;
    until_it_waits_for_the_login(&desk, &request.id).await;
    desk.stop_worker().await;
    desk.remote.machine(endpoint, request.plan.vms[0].host_key.clone());
    desk.remote.answer(endpoint, "cloud-init status", Answer::stdout("status: done\n"));
    desk.start_worker();
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
    assert_eq!(desk.hypervisor.calls("definitions.define"), 1);
}

#[tokio::test]
async fn of_two_workers_one_works() {
    let mut desk = TestDesk::without_image().await;
    desk.start_worker();
    desk.import("debian", "12").await;
    let second = desk.vmm.clone();
    let second = tokio::spawn(async move { second.work(std::future::pending()).await });
    desk.provision("r1", "name,os,count\nweb,debian,8\n").await;
    assert_eq!(desk.hypervisor.calls("definitions.define"), 8);
    assert_eq!(desk.hypervisor.calls("domains.start"), 8);
    second.abort();
}

#[tokio::test]
async fn a_removed_machine_leaves_nothing() {
    let desk = TestDesk::new().await;
    let vms = desk.provision("r1", SPEC).await;
    let refused = desk.vmm.delete_vm(&desk.user, &vms[0].name, None).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let job = desk.vmm.delete_vm(&desk.admin, &vms[0].name, None).await.expect("a removal");
    desk.until("the removal ends", async || {
        desk.vmm.job(&desk.admin, job).await.is_ok_and(|job| job.state == JobState::Done)
    })
    .await;
    assert_clean_slate(&desk).await;
}

#[tokio::test]
async fn what_happens_behind_our_back_is_seen() {
    let desk = TestDesk::new().await;
    let vms = desk.provision("r1", "name,os,count\nweb,debian,2\n").await;
    desk.hypervisor.set_state(vms[0].uuid, DomainState::Crashed);
    desk.hypervisor.remove_behind_back(vms[1].uuid);
    for (index, status) in [(0, VmStatus::Off), (1, VmStatus::Unknown)] {
        desk.until("both are recorded as they are", async || {
            let vm = desk.repository.vms().by_id(vms[index].id).await.expect("an answer");
            vm.is_some_and(|vm| vm.status == status)
        })
        .await;
    }
}

#[tokio::test]
async fn only_the_responsible_person_and_admins_switch_a_machine_or_see_its_login() {
    let desk = TestDesk::new().await;
    let vms = desk.provision("r1", SPEC).await;
    let name = &vms[0].name;
    desk.vmm.power(&desk.user, name, Power::Stop).await.expect("the responsible person may");
    assert_eq!(desk.vmm.vm(&desk.user, name).await.expect("the machine").0.status, VmStatus::Off);
    desk.vmm.power(&desk.admin, name, Power::Start).await.expect("an admin may");
    let login = desk.vmm.vm_login(&desk.user, name).await.expect("the responsible person may");
    assert_eq!((login.user.as_str(), login.password.expose_secret().len()), ("vmm", 20));
    assert!(!format!("{login:?}").contains(login.password.expose_secret()));

    let name = sample::user_name("bob");
    let password = SecretString::from(vmm_testkit::fixture::PASSWORD);
    let draft = vmm_core::UserDraft { name, password, chat_id: None, role: vmm_core::model::Role::User };
    let bob = vmm_core::Actor::from(&desk.vmm.create_user(&desk.admin, draft).await.expect("an account"));
    let refused = desk.vmm.power(&bob, &vms[0].name, Power::Stop).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
    let refused = desk.vmm.vm_login(&bob, &vms[0].name).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })), "{refused:?}");
}
