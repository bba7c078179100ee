//! The facts that an approval binds, and those that are checked again when it is carried out.

use std::sync::Arc;

use vmm_core::Error;
use vmm_core::host::{Host, Hypervisor};
use vmm_core::model::{Request, RequestState, VmStatus};
use vmm_core::remote::{Command, Credential, Login};
use vmm_core::{Power, SecretString};
use vmm_testkit::fake::host::Restless;
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::TestDesk;

use crate::sqlite::raw;

/// Submits, changes the host, approves, and waits until that has come to an end.
async fn approved_after(desk: &mut TestDesk, spec: &str, change: impl FnOnce(&mut Host)) -> (Request, Request) {
    let request = desk.submit("r1", spec).await;
    desk.stop_worker().await;
    desk.approve(&request).await;
    desk.hypervisor.change_host(change);
    desk.start_worker();
    let settled = desk.settled(&request.id).await;
    (request, settled)
}

async fn assert_nothing_was_made(desk: &TestDesk) {
    assert!(desk.hypervisor.domains().list().await.expect("domains").is_empty());
    let volumes = desk.hypervisor.volumes().list().await.expect("volumes");
    assert!(volumes.iter().all(|volume| volume.name.as_str().starts_with("vmm-image-")), "{volumes:?}");
    assert_eq!(desk.hypervisor.calls("definitions.define") + desk.hypervisor.calls("volumes.create"), 0);
}

#[tokio::test]
async fn the_main_job_succeeds_each_time_on_a_host_whose_figures_never_stay() {
    let mut restless = None;
    let mut desk = TestDesk::over(|hypervisor| {
        let host = Restless::new(hypervisor);
        restless = Some(host.clone());
        Arc::new(host)
    })
    .await;
    desk.start_worker();
    desk.import("debian", "12").await;
    for round in 0..12 {
        let spec = format!("name,os,vcpu,memory,disk\nweb-{round},debian,2,2GiB,10;20\ndb-{round},debian,1,1GiB,\n");
        let vms = desk.provision(&format!("r{round}"), &spec).await;
        assert!(vms.len() == 2 && vms.iter().all(|vm| vm.status == VmStatus::On), "{vms:?}");
        let endpoint = (vms[0].ip.expect("an address"), 22).into();
        desk.remote.answer(endpoint, "hostname", Answer::stdout("it answers\n"));
        let login = Login { user: "vmm".to_owned(), credential: Credential::Password(SecretString::from("any")) };
        let answers = desk.vmm.ssh(&desk.user, &vms[0].name, vec![(login, Command::new("hostname"))]).await;
        let output = answers.expect("answers").remove(0).expect("an output");
        assert_eq!(output.stdout.text(), "it answers\n");
        for vm in vms {
            desk.vmm.power(&desk.user, &vm.name, Power::Stop).await.expect("it is off");
        }
    }
    assert!(restless.expect("it is wrapped").answers() >= 24, "the host is asked before each approval and after it");
}

#[tokio::test]
async fn what_a_host_has_and_is_called_is_not_in_the_hash_and_where_its_disks_are_is() {
    let desk = TestDesk::new().await;
    let spec = "name,os\nweb-1,debian\n";
    let draft = |id: &str| vmm_core::RequestDraft {
        id: vmm_testkit::sample::request_id(id),
        requester: None,
        description: String::new(),
        spec: spec.to_owned(),
    };
    let planned =
        async || desk.vmm.preview_request(&desk.user, &draft("r1")).await.expect("a preview").plan.expect("a good CSV");
    let first = planned().await;
    desk.hypervisor.change_host(|host| {
        (host.vcpus, host.memory, host.pool_capacity, host.pool_available) = (2, 4096, 50 << 30, 20 << 30);
        host.name = "another-name.example.org".to_owned();
        host.hypervisor = "fake 2.0.0".to_owned();
        host.accelerated = !host.accelerated;
    });
    let second = planned().await;
    assert_eq!((first.hash(), &first), (second.hash(), &second));
    assert_eq!((second.seen.vcpus, second.seen.memory, second.seen.disk_free), (2, 4096, 20));
    desk.hypervisor.change_host(|host| host.pool = "another pool".to_owned());
    assert_ne!(planned().await.hash(), first.hash());
}

#[tokio::test]
async fn a_host_that_grew_or_shrank_and_still_has_room_is_no_reason_to_return() {
    let changes: [fn(&mut Host); 4] = [
        |host| host.memory *= 2,
        |host| host.memory = 2048,
        |host| host.vcpus = 2,
        |host| host.pool_available = 30 << 30,
    ];
    for change in changes {
        let mut desk = TestDesk::new().await;
        let spec = "name,os,vcpu,memory,disk\nweb-1,debian,2,2GiB,10;20\n";
        let (_, settled) = approved_after(&mut desk, spec, change).await;
        assert_eq!(settled.state, RequestState::Done, "{:?}", settled.reason);
    }
}

#[tokio::test]
async fn a_plan_that_does_not_fit_any_longer_returns_with_the_need_and_the_figures_of_then_and_now() {
    let spec = "name,os,vcpu,memory,disk\nweb-1,debian,1,1GiB,10\nweb-2,debian,8,16GiB,10;90\n";
    type Change = fn(&mut Host);
    let cases: [(Change, [&str; 4]); 4] = [
        (|host| host.vcpus = 4, ["web-2 needs 8 processors", "web-2", "had 64 ", "has 4 now"]),
        (|host| host.memory = 10_240, ["web-2 needs 16384 MiB", "web-2", "had 262144 MiB", "has 10240 MiB now"]),
        (|host| host.memory = 17_000, ["need up to 17408 MiB", "from web-2 on", "had 262144 MiB", "has 17000 MiB now"]),
        (
            |host| host.pool_available = 50 << 30,
            ["need up to 110 GiB", "from web-2 on", "had 4096 GiB", "has 50 GiB now"],
        ),
    ];
    for (change, words) in cases {
        let mut desk = TestDesk::new().await;
        let (request, returned) = approved_after(&mut desk, spec, change).await;
        let reason = returned.reason.as_deref().unwrap_or_default();
        assert_eq!(returned.state, RequestState::Pending, "{reason}");
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
        assert_nothing_was_made(&desk).await;
        // It is the plan that was approved: it can be approved again, and is carried out once there is room.
        assert_eq!(returned.plan_hash, request.plan_hash);
        desk.hypervisor.change_host(|host| (host.vcpus, host.memory, host.pool_available) = (8, 20_480, 200 << 30));
        desk.approve(&returned).await;
        let done = desk.settled(&request.id).await;
        assert_eq!(done.state, RequestState::Done, "{:?}", done.reason);
    }
}

#[tokio::test]
async fn a_machine_that_still_does_not_fit_returns_after_each_approval() {
    let mut desk = TestDesk::new().await;
    let (_, mut returned) = approved_after(&mut desk, "name,os,vcpu\nweb-1,debian,8\n", |host| host.vcpus = 4).await;
    for _ in 0..2 {
        assert_eq!(returned.state, RequestState::Pending);
        assert!(returned.plan.vms[0].warnings.iter().any(|warning| warning.contains("8 processors")), "{returned:?}");
        desk.approve(&returned).await;
        returned = desk.settled(&returned.id).await;
    }
    assert_nothing_was_made(&desk).await;
}

#[tokio::test]
async fn what_an_approver_was_warned_of_is_carried_out() {
    let mut desk = TestDesk::new().await;
    desk.hypervisor.change_host(|host| (host.memory, host.pool_available) = (3000, 15 << 30));
    let spec = "name,os,memory,disk\nweb-1,debian,2GiB,10\nweb-2,debian,2GiB,10\n";
    let shrink = |host: &mut Host| (host.memory, host.pool_available) = (2900, 14 << 30);
    let (request, settled) = approved_after(&mut desk, spec, shrink).await;
    assert_eq!(request.plan.vms[1].warnings.len(), 2, "{request:?}");
    assert_eq!(settled.state, RequestState::Done, "{:?}", settled.reason);
}

#[tokio::test]
async fn a_plan_that_binds_something_else_by_now_returns_and_says_what() {
    let mut desk = TestDesk::new().await;
    let request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
    desk.import("debian", "13").await;
    desk.stop_worker().await;
    desk.approve(&request).await;
    desk.start_worker();
    let returned = desk.settled(&request.id).await;
    let reason = returned.reason.as_deref().unwrap_or_default();
    assert_eq!(returned.state, RequestState::Pending, "{reason}");
    assert!(reason.contains("web-1 (debian:13 instead of debian:12)"), "{reason}");
    assert_ne!(returned.plan_hash, request.plan_hash);
    let stale = desk.vmm.approve_request(&desk.admin, &request.id, request.plan_hash).await;
    assert!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");
    desk.approve(&returned).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
}

#[tokio::test]
async fn another_storage_pool_returns_and_is_named() {
    let mut desk = TestDesk::new().await;
    let elsewhere = |host: &mut Host| (host.pool, host.name) = ("pool-2".to_owned(), "host-2".to_owned());
    let (_, returned) = approved_after(&mut desk, "name,os\nweb-1,debian\n", elsewhere).await;
    let reason = returned.reason.as_deref().unwrap_or_default();
    assert_eq!(returned.state, RequestState::Pending, "{reason}");
    assert!(reason.contains("was fake-pool on fake-host and is pool-2 on host-2"), "{reason}");
}

#[tokio::test]
async fn a_plan_that_was_hashed_in_an_earlier_format_is_approved_and_carried_out_as_it_is() {
    for approved_before in [false, true] {
        let mut desk = TestDesk::new().await;
        let mut request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
        desk.stop_worker().await;
        if approved_before {
            desk.approve(&request).await;
        }
        let earlier = "0123456789abcdef".repeat(4);
        raw(&desk.database()).execute("UPDATE request SET plan_hash = ?1", [&earlier]).expect("one row");
        if !approved_before {
            request.plan_hash = earlier.parse().expect("a hash");
            desk.approve(&request).await;
        }
        desk.start_worker();
        let settled = desk.settled(&request.id).await;
        assert_eq!(settled.state, RequestState::Done, "{:?}", settled.reason);
    }
}
