//! A request of a thousand machines goes its whole way.

use chrono::{DateTime, TimeDelta};
use vmm_core::model::{Look, Observation, RequestState, Sample, Vm, VmFilter, VmStatus};
use vmm_core::repository::KEPT_LOOKS;
use vmm_testkit::sample::{self, Desk};

/// Machines whose history is kept.
const MACHINES: u64 = 500;

#[tokio::test]
async fn a_thousand_machines_are_requested_made_and_seen() {
    let repository = sample::repository().await;
    let desk = Desk::make(&repository).await;
    let names: Vec<_> = (0..1_000).map(|index| format!("web-{index}")).collect();
    let plan = sample::plan(&desk.os, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let new = sample::request("req-1", desk.user.id, plan);
    let id = new.id.clone();
    repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await.expect("an answer");
    let filter = VmFilter::default();
    let vms = repository.vms().list(&filter).await.expect("an answer");
    assert_eq!(vms.len(), 1_000);

    let reason = "they are asked for once more";
    let close = repository.requests().close(
        &id,
        RequestState::Cancelled,
        desk.user.id,
        Some(reason),
        sample::audit("request.cancel"),
    );
    let request = close.await.expect("an answer");
    assert_eq!(request.plan.vms.len(), 1_000);

    let again = sample::request("req-2", desk.user.id, request.plan);
    repository
        .requests()
        .submit(again, sample::no_limits(), sample::audit("request.submit"))
        .await
        .expect("the names are free");
    let id = sample::request_id("req-2");
    let start = sample::start();
    let entry = sample::audit("request.approve");
    let hash = repository.requests().by_id(&id).await.expect("an answer").expect("it is there").plan_hash;
    repository.requests().approve(&id, hash, desk.admin.id, start, entry).await.expect("an answer");
    let vms = repository.vms().list(&filter).await.expect("an answer");
    repository.requests().start(&id, sample::making()).await.expect("an answer");
    for job in repository.jobs().open().await.expect("an answer") {
        repository.jobs().finish(job.id, vmm_core::model::JobState::Done, None).await.expect("it is open");
    }
    for status in [VmStatus::On, VmStatus::Off] {
        let seen =
            vms.iter().map(|vm| Observation { uuid: vm.uuid, state: status.into(), ip: None, run: None }).collect();
        repository.vms().observe(seen).await.expect("an answer");
    }
    let off = VmFilter { status: Some(VmStatus::Off), ..filter };
    assert_eq!(repository.vms().list(&off).await.expect("an answer").len(), 1_000);
}

#[tokio::test]
async fn the_history_of_many_machines_stays_small() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("vmm.db");
    let repository = super::open(&path).await;
    let desk = Desk::make(&repository).await;
    let names: Vec<_> = (0..MACHINES).map(|index| format!("web-{index}")).collect();
    let plan = sample::plan(&desk.os, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let new = sample::request("req-1", desk.user.id, plan);
    repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await.expect("an answer");
    let vms = repository.vms().list(&VmFilter::default()).await.expect("an answer");
    let begin = DateTime::from_timestamp(1_800_000_000, 0).expect("a moment");
    let look = |number: u32| {
        let figures = |vm: &Vm| Sample {
            vm: vm.id,
            run: Some(77),
            vcpu: 4,
            cpu_time: 9_000_000_000_000 + u64::from(number),
            memory_used: Some(3_000_000),
            memory_resident: 4_000_000,
            disk_read: Some(500_000_000_000),
            disk_written: Some(900_000_000_000),
            net_received: Some(700_000_000_000),
            net_sent: Some(800_000_000_000),
        };
        Look { at: begin + TimeDelta::seconds(10 * i64::from(number)), samples: vms.iter().map(figures).collect() }
    };
    let empty = size(&path);
    for number in 0..KEPT_LOOKS + 50 {
        repository.history().record(look(number)).await.expect("an answer");
    }
    let full = size(&path) - empty;
    assert!(full < 100 * u64::from(KEPT_LOOKS) * MACHINES, "{full} bytes");
}

fn size(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).expect("it is there").len()
}
