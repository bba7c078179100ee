//! A thousand machines are cheap.

use std::time::{Duration, Instant};

use vmm_core::model::{RequestState, Seen, VmFilter, VmStatus};
use vmm_testkit::sample::{self, Desk};

/// A bound for unoptimised builds on a busy machine; the figures are printed.
const BOUND: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_thousand_machines_are_cheap() {
    let repository = sample::repository().await;
    let desk = Desk::make(&repository).await;
    let names: Vec<_> = (0..1_000).map(|index| format!("web-{index}")).collect();
    let plan = sample::plan(&desk.os, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let new = sample::request("req-1", desk.user.id, plan);
    let id = new.id.clone();
    measured("submit 1,000", repository.requests().submit(new, sample::audit("request.submit"))).await;
    measured("read the request", repository.requests().by_id(&id)).await;
    let filter = VmFilter::default();
    let vms = measured("list 1,000", repository.vms().list(&filter)).await;
    assert_eq!(vms.len(), 1_000);
    measured("list again", repository.vms().list(&filter)).await;

    let reason = "the second half of this test";
    let close = repository.requests().close(
        &id,
        RequestState::Cancelled,
        desk.user.id,
        Some(reason),
        sample::audit("request.cancel"),
    );
    let request = measured("cancel 1,000", close).await;
    assert_eq!(request.plan.vms.len(), 1_000);

    let again = sample::request("req-2", desk.user.id, request.plan);
    repository.requests().submit(again, sample::audit("request.submit")).await.expect("the names are free");
    let id = sample::request_id("req-2");
    let start = sample::job(vmm_core::model::JobKind::StartRequest(id.clone()), Some(&id));
    let entry = sample::audit("request.approve");
    let hash = repository.requests().by_id(&id).await.expect("an answer").expect("it is there").plan_hash;
    measured("approve 1,000", repository.requests().approve(&id, hash, desk.admin.id, start, entry)).await;
    let vms = repository.vms().list(&filter).await.expect("an answer");
    let jobs = vms.iter().map(|vm| sample::job(vmm_core::model::JobKind::CreateVm(vm.id), Some(&id))).collect();
    measured("start 1,000", repository.requests().start(&id, jobs)).await;
    for job in repository.jobs().open().await.expect("an answer") {
        repository.jobs().finish(job.id, vmm_core::model::JobState::Done, None).await.expect("it is open");
    }
    for (what, status) in [("observe nothing new", VmStatus::On), ("observe 1,000 changes", VmStatus::Off)] {
        let seen = vms.iter().map(|vm| Seen { uuid: vm.uuid, status, ip: None, run: None }).collect();
        measured(what, repository.vms().observe(seen)).await;
    }
    let off = VmFilter { status: Some(VmStatus::Off), ..filter };
    assert_eq!(repository.vms().list(&off).await.expect("an answer").len(), 1_000);
}

async fn measured<T>(what: &str, operation: impl Future<Output = vmm_core::Result<T>>) -> T {
    let began = Instant::now();
    let value = operation.await.expect("an answer");
    let took = began.elapsed();
    let line = format!("{what}: {:.1} ms\n", took.as_secs_f64() * 1_000.0);
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).expect("a place to print");
    assert!(took < BOUND, "{line}");
    value
}
