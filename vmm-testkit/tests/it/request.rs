//! From a CSV to a decision.

use vmm_core::model::{AuditFilter, Outcome, RequestFilter, RequestState, VmFilter, VmStatus};
use vmm_core::{Error, RequestDraft, Submission};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

fn draft(id: &str, spec: &str) -> RequestDraft {
    RequestDraft {
        id: sample::request_id(id),
        requester: None,
        description: "for a test".to_owned(),
        spec: spec.to_owned(),
    }
}

#[tokio::test]
async fn a_csv_with_ten_mistakes_names_all_ten_and_creates_nothing() {
    let desk = TestDesk::new().await;
    desk.provision("before", "name,os\ntaken,debian\n").await;
    let spec = "name,hostname,vcpu,memory,os,disk,ip,count\n\
                Web,,,,debian,,,\n\
                taken,,,,debian,,,\n\
                web-3,a_b,,,debian,,,\n\
                web-4,,0,,debian,,,\n\
                web-5,,,2XB,debian,,,\n\
                web-6,,,,windows,,,\n\
                web-7,,,,debian,none,,\n\
                web-8,,,,debian,,10.1.2.3,\n\
                web-9,,,,debian,,,-1\n\
                web-9,,,,debian:11,,,\n";
    let refused = desk.vmm.submit_request(&desk.user, draft("r1", spec)).await;
    let Err(Error::Invalid(problems)) = refused else { panic!("expected problems, got {refused:?}") };
    let places: Vec<_> = problems.iter().map(|problem| (problem.row.expect("a row"), problem.field.as_str())).collect();
    let columns = ["name", "name", "hostname", "vcpu", "memory", "os", "disk", "ip", "count", "os"];
    let expected: Vec<_> = (2_u32..).zip(columns).collect();
    assert_eq!(places, expected, "{problems:#?}");

    assert_eq!(desk.vmm.requests(&desk.admin, &RequestFilter::default()).await.expect("requests").len(), 1);
    assert_eq!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").len(), 1);
}

#[tokio::test]
async fn submitting_twice_makes_one_request_and_another_body_is_a_conflict() {
    let desk = TestDesk::new().await;
    let spec = "name,os\nweb-1,debian\n";
    let submit = |spec: &'static str| desk.vmm.submit_request(&desk.user, draft("r1", spec));
    let Submission { request, created } = submit(spec).await.expect("a good request");
    assert!(created);
    let again = submit(spec).await.expect("the same request");
    assert_eq!(again, Submission { request, created: false });
    let other = submit("name,os\nweb-2,debian\n").await;
    assert!(matches!(other, Err(Error::Conflict { .. })), "{other:?}");
    assert_eq!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").len(), 1);
}

#[tokio::test]
async fn of_many_approvals_at_once_exactly_one_wins() {
    let desk = TestDesk::new().await;
    let request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
    let racers: Vec<_> = (0..64)
        .map(|_| {
            let (vmm, admin, request) = (desk.vmm.clone(), desk.admin.clone(), request.clone());
            tokio::spawn(async move { vmm.approve_request(&admin, &request.id, request.plan_hash).await })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        match racer.await.expect("no panic") {
            Ok(_) => winners += 1,
            Err(error) => assert!(matches!(error, Error::Conflict { .. }), "{error}"),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
}

#[tokio::test]
async fn what_is_rejected_or_cancelled_never_runs_and_gives_its_names_back() {
    let desk = TestDesk::new().await;
    for (id, state) in [("r1", RequestState::Rejected), ("r2", RequestState::Cancelled)] {
        let request = desk.submit(id, "name,os\nweb-1,debian\n").await;
        let closed = match state {
            RequestState::Rejected => desk.vmm.reject_request(&desk.admin, &request.id, "too many").await,
            _ => desk.vmm.cancel_request(&desk.user, &request.id).await,
        };
        assert_eq!(closed.expect("a decision").state, state);
        let approved = desk.vmm.approve_request(&desk.admin, &request.id, request.plan_hash).await;
        assert!(matches!(approved, Err(Error::Conflict { .. })), "{approved:?}");
        assert!(desk.jobs(&request.id).await.is_empty());
    }
    assert!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").is_empty());
}

#[tokio::test]
async fn a_plan_that_cannot_be_made_any_more_fails_with_the_reason() {
    let mut desk = TestDesk::new().await;
    let request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
    desk.stop_worker().await;
    desk.approve(&request).await;
    desk.hypervisor.add_foreign("web-1");
    desk.start_worker();
    let failed = desk.settled(&request.id).await;
    assert_eq!(failed.state, RequestState::Failed);
    assert!(failed.reason.as_deref().unwrap_or_default().contains("not of this desk"), "{:?}", failed.reason);
}

#[tokio::test]
async fn another_persons_request_is_as_good_as_missing() {
    let desk = TestDesk::new().await;
    let draft = RequestDraft { requester: Some(sample::user_name("root")), ..draft("r1", "name,os\nweb-1,debian\n") };
    let forbidden = desk.vmm.submit_request(&desk.user, draft.clone()).await;
    assert!(matches!(forbidden, Err(Error::Forbidden { .. })), "{forbidden:?}");
    let request = desk.vmm.submit_request(&desk.admin, draft).await.expect("a good request").request;
    let missing = desk.vmm.request(&desk.user, &request.id).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    assert!(desk.vmm.requests(&desk.user, &RequestFilter::default()).await.expect("requests").is_empty());
    let missing = desk.vmm.cancel_request(&desk.user, &request.id).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn every_change_leaves_one_audit_row_and_so_does_every_failure_and_refusal() {
    let desk = TestDesk::new().await;
    let rows = async || desk.vmm.audit(&desk.admin, None, &AuditFilter::default()).await.expect("audit rows");
    let before = rows().await.len();
    let request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
    let _ = desk.vmm.approve_request(&desk.user, &request.id, request.plan_hash).await.expect_err("not an admin");
    desk.approve(&request).await;
    let _ = desk.vmm.approve_request(&desk.admin, &request.id, request.plan_hash).await.expect_err("approved already");
    let new: Vec<_> = rows().await.into_iter().rev().skip(before).map(|row| (row.action, row.outcome)).collect();
    let approve = "request.approve".to_owned();
    assert_eq!(
        new,
        [
            ("request.submit".to_owned(), Outcome::Done),
            (approve.clone(), Outcome::Denied),
            (approve.clone(), Outcome::Done),
            (approve, Outcome::Failed)
        ]
    );
    assert_eq!(desk.vmm.verify_audit(&desk.admin).await.expect("a chain").first_wrong, None);
}

#[tokio::test]
async fn listing_a_thousand_machines_asks_the_host_once() {
    let desk = TestDesk::new().await;
    desk.submit("r1", "name,os,count\nlab,debian,1000\n").await;
    let before = desk.hypervisor.all_calls();
    let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines");
    assert_eq!(vms.len(), 1000);
    assert!(vms.iter().all(|vm| vm.status == VmStatus::Request));
    let calls = desk.hypervisor.all_calls() - before;
    // The sweep of the worker may come in between; it asks once too.
    assert!(calls <= 2, "{calls} calls");
}
