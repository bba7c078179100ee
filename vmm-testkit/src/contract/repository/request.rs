//! The promises of a [`RequestRepository`](vmm_core::repository::RequestRepository).

use std::net::Ipv4Addr;
use std::sync::Arc;

use vmm_core::model::{
    HostFigures, JobFilter, JobState, NewRequest, OsId, Plan, PlanHash, PlannedVm, RequestFilter, RequestId,
    RequestState, Subject, UserId, VmFilter,
};
use vmm_core::repository::{Repository, Submitted};
use vmm_core::{Budget, Stored};

use super::{
    approve, approved, assert_conflict, assert_not_found, assert_over, audited, cancel, close, job, pending, race,
    request, running, submit, unaudited, vm, vm_names,
};
use crate::sample::{self, Desk};

/// A request reads as it was submitted, its plan with every field.
pub async fn a_request_reads_as_it_was_submitted(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["web-2", "web-1"]);
    plan.vms[1].ip = Some(Ipv4Addr::new(10, 0, 0, 7));
    plan.vms[1].warnings = vec!["the host is full; \"really\"".to_owned(), String::new()];
    let new = sample::request("req-1", desk.user.id, plan);
    let request = submit(&repository, &desk, "req-1", new.plan.clone()).await;
    assert_eq!((&request.id, request.requester, &request.requester_name), (&new.id, desk.user.id, &desk.user.name));
    assert_eq!((&request.description, &request.spec), (&new.description, &new.spec));
    assert_eq!((&request.plan, request.plan_hash), (&new.plan, new.plan.hash()));
    assert_eq!((&request.plan.host, request.plan.seen), (&new.plan.host, new.plan.seen));
    let warnings = |plan: &Plan| plan.vms.iter().map(|vm| vm.warnings.clone()).collect::<Vec<_>>();
    assert_eq!(warnings(&request.plan), warnings(&new.plan));
    assert_eq!((request.state, request.decided_by.clone()), (RequestState::Pending, None));
    assert_eq!(repository.requests().by_id(&new.id).await.expect("an answer"), Some(request));
}

/// The same submission again makes nothing, whatever became of the request since.
pub async fn the_same_submission_again_makes_nothing(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::request("req-1", desk.user.id, sample::plan(&desk.os, &["web-1"]));
    let send = |new| repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit"));
    audited(&repository, 1, async { assert!(matches!(send(new.clone()).await, Ok(Submitted::Created(_)))) }).await;
    let mut replanned = new.clone();
    replanned.plan.seen.memory += 1;
    for again in [new.clone(), replanned] {
        unaudited(&repository, async {
            let Ok(Submitted::Existing(request)) = send(again).await else { panic!("it is a repeat") };
            assert_eq!(request.plan, new.plan);
        })
        .await;
    }
    cancel(&repository, &desk, "req-1").await;
    let Ok(Submitted::Existing(request)) = send(new).await else { panic!("it is a repeat") };
    assert_eq!(request.state, RequestState::Cancelled);
    assert_eq!(vm_names(&repository, &VmFilter::default()).await, [""; 0]);
}

/// A person has so many open requests at most; a repeat of one is none more, and one that is closed makes room.
pub async fn a_requester_has_so_many_open_requests_at_most(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let limits = Stored { open_requests: 1, ..sample::no_limits() };
    let send = async |id: &str, name: &str| {
        let new = sample::request(id, desk.user.id, sample::plan(&desk.os, &[name]));
        repository.requests().submit(new, limits, sample::audit("request.submit")).await
    };
    send("req-1", "web-1").await.expect("there is room");
    send("req-1", "web-1").await.expect("it is a repeat");
    assert_over(unaudited(&repository, send("req-2", "web-2")).await, Budget::OpenRequests);
    assert_eq!(repository.users().stored(desk.user.id).await.expect("an answer").open_requests, 1);
    cancel(&repository, &desk, "req-1").await;
    send("req-2", "web-2").await.expect("there is room again");
}

/// An id that another request has is a conflict.
pub async fn an_id_names_one_request(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let new = sample::request("req-1", desk.user.id, sample::plan(&desk.os, &["web-1"]));
    submit(&repository, &desk, "req-1", new.plan.clone()).await;
    let others = [
        NewRequest { requester: desk.admin.id, ..new.clone() },
        NewRequest { description: "another".to_owned(), ..new.clone() },
        NewRequest { spec: "name\nweb-2\n".to_owned(), ..new },
    ];
    unaudited(&repository, async {
        for other in others {
            assert_conflict(
                repository.requests().submit(other, sample::no_limits(), sample::audit("request.submit")).await,
                &["id"],
            );
        }
    })
    .await;
}

/// A taken name, address, hardware address, domain id or volume is a conflict that says which and whose, and nothing
/// of the submission is kept.
pub async fn what_is_taken_is_named(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = sample::plan(&desk.os, &["web-1"]);
    plan.vms[0].ip = Some(Ipv4Addr::new(10, 0, 0, 7));
    let first = plan.vms[0].clone();
    submit(&repository, &desk, "req-1", plan).await;
    let free = sample::planned_vm(&desk.os, 2, "web-3");
    let cases: [(PlannedVm, &[&str]); 5] = [
        (PlannedVm { name: first.name.clone(), ..free.clone() }, &["name", "web-1", "bob"]),
        (PlannedVm { ip: first.ip, ..free.clone() }, &["10.0.0.7", "web-1"]),
        (PlannedVm { mac: first.mac, ..free.clone() }, &["hardware address", "web-1"]),
        (PlannedVm { uuid: first.uuid, ..free.clone() }, &["domain id", "web-1"]),
        (PlannedVm { disks: first.disks.clone(), ..free }, &["web-1"]),
    ];
    for (taken, words) in cases {
        let mut plan = sample::plan(&desk.os, &["web-2"]);
        plan.vms.push(taken);
        let new = sample::request("req-2", desk.admin.id, plan);
        unaudited(&repository, async {
            assert_conflict(
                repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await,
                words,
            );
        })
        .await;
    }
    assert_eq!(repository.requests().by_id(&sample::request_id("req-2")).await.expect("an answer"), None);
    assert_eq!(vm_names(&repository, &VmFilter::default()).await, ["web-1"]);
}

/// A request for a person or of a catalog entry that is not there is refused.
pub async fn a_request_needs_its_person_and_its_catalog(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let plan = sample::plan(&desk.os, &["web-1"]);
    let mut without_os = plan.clone();
    without_os.vms[0].os = OsId(4711);
    let cases = [sample::request("req-1", UserId(4711), plan), sample::request("req-1", desk.user.id, without_os)];
    unaudited(&repository, async {
        for new in cases {
            assert_not_found(
                repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await,
            );
        }
    })
    .await;
}

/// Requests are listed newest first, by requester and by state, and page by page.
pub async fn requests_are_listed_newest_first(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (id, name) in [("b", "web-1"), ("c", "web-2"), ("a", "web-3")] {
        pending(&repository, &desk, id, &[name]).await;
    }
    cancel(&repository, &desk, "c").await;
    let (all, by) = (RequestFilter::default(), |name| Some(sample::user_name(name)));
    for (filter, expected) in [
        (all.clone(), vec!["a", "c", "b"]),
        (RequestFilter { requester: by("BOB"), ..all.clone() }, vec!["a", "c", "b"]),
        (RequestFilter { requester: by("alice"), ..all.clone() }, vec![]),
        (RequestFilter { state: Some(RequestState::Pending), ..all.clone() }, vec!["a", "b"]),
        (RequestFilter { open: true, ..all.clone() }, vec!["a", "b"]),
        (RequestFilter { limit: Some(2), ..all.clone() }, vec!["a", "c"]),
        (RequestFilter { after: Some(sample::request_id("c")), ..all.clone() }, vec!["b"]),
        (RequestFilter { after: Some(sample::request_id("unknown")), ..all }, vec![]),
    ] {
        let found = repository.requests().list(&filter).await.expect("an answer");
        assert_eq!(found.iter().map(|request| request.id.as_str()).collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

/// An approval names the plan's hash, and enqueues the job.
pub async fn an_approval_names_the_plan(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let hash = pending(&repository, &desk, "req-1", &["web-1"]).await.plan_hash;
    unaudited(&repository, async {
        assert_conflict(approve(&repository, &desk, "req-1", PlanHash([0; 32])).await, &["plan"]);
        assert_not_found(approve(&repository, &desk, "req-2", hash).await);
    })
    .await;
    assert_eq!(repository.jobs().open().await.expect("an answer"), []);
    let approved = audited(&repository, 1, approve(&repository, &desk, "req-1", hash)).await.expect("that plan");
    assert_eq!((approved.state, approved.decided_by), (RequestState::Approved, Some(desk.admin.name)));
    let jobs = repository.jobs().open().await.expect("an answer");
    assert_eq!(jobs[0].subject, Subject::Request(approved.id.clone()));
    assert_eq!((jobs.len(), &jobs[0].request, jobs[0].state), (1, &Some(approved.id), JobState::Queued));
}

/// Of 64 who approve at once exactly one wins; one job and one audit row come of it.
pub async fn one_of_64_approvers_wins(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let hash = pending(&repository, &desk, "req-1", &["web-1"]).await.plan_hash;
    let racers = desk.clone();
    let won = audited(
        &repository,
        1,
        race(&repository, 64, move |repository, _| {
            let desk = racers.clone();
            async move { approve(&repository, &desk, "req-1", hash).await.map(drop) }
        }),
    );
    assert_eq!(won.await, 1);
    assert_eq!(repository.jobs().open().await.expect("an answer").len(), 1);
}

/// Of an approval and a rejection at once one wins, and the records fit the winner.
pub async fn approval_or_rejection_wins(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for round in 0..16 {
        let (id, name) = (format!("req-{round}"), format!("web-{round}"));
        let hash = pending(&repository, &desk, &id, &[&name]).await.plan_hash;
        let (racers, request_id) = (desk.clone(), id.clone());
        let won = race(&repository, 2, move |repository, index| {
            let (desk, id) = (racers.clone(), request_id.clone());
            async move {
                if index == 0 {
                    approve(&repository, &desk, &id, hash).await.map(drop)
                } else {
                    close(&repository, &desk, &id, RequestState::Rejected).await.map(drop)
                }
            }
        });
        assert_eq!(won.await, 1);
        let approved = request(&repository, &id).await.state == RequestState::Approved;
        let has_vm = repository.vms().by_name(&sample::vm_name(&name)).await.expect("an answer").is_some();
        let jobs = repository
            .jobs()
            .list(&JobFilter { request: Some(sample::request_id(&id)), ..JobFilter::default() })
            .await
            .expect("an answer")
            .len();
        assert_eq!((has_vm, jobs == 1), (approved, approved));
    }
}

/// A closed request frees its machines' names and can never run; its plan stays readable.
pub async fn a_closed_request_is_over(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (id, to) in [("req-1", RequestState::Rejected), ("req-2", RequestState::Cancelled)] {
        let plan = pending(&repository, &desk, id, &["web-1"]).await.plan;
        let closed = audited(&repository, 1, close(&repository, &desk, id, to)).await.expect("it is pending");
        assert_eq!((closed.state, closed.reason.as_deref()), (to, Some("not now")));
        assert_eq!((closed.decided_by, &closed.plan), (Some(desk.admin.name.clone()), &plan));
        unaudited(&repository, async {
            assert_conflict(approve(&repository, &desk, id, plan.hash()).await, &[to.as_str()]);
            assert_conflict(close(&repository, &desk, id, to).await, &[to.as_str()]);
        })
        .await;
        let request = sample::request_id(id);
        assert_conflict(repository.requests().start(&request, sample::making()).await, &[to.as_str()]);
        assert_conflict(repository.requests().fail(&request, "no").await, &[to.as_str()]);
        assert_conflict(repository.requests().return_for_approval(&request, plan, "no").await, &[to.as_str()]);
    }
    assert_eq!(repository.jobs().open().await.expect("an answer"), []);
}

/// A request is closed to `rejected` or `cancelled` only, and only from `pending`.
pub async fn only_a_pending_request_is_closed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let hash = pending(&repository, &desk, "req-1", &["web-1"]).await.plan_hash;
    unaudited(&repository, async {
        let done = close(&repository, &desk, "req-1", RequestState::Done).await;
        assert!(matches!(done, Err(vmm_core::Error::Invalid(_))), "{done:?}");
        assert_not_found(close(&repository, &desk, "req-2", RequestState::Rejected).await);
    })
    .await;
    approve(&repository, &desk, "req-1", hash).await.expect("it is pending");
    unaudited(&repository, async {
        assert_conflict(close(&repository, &desk, "req-1", RequestState::Rejected).await, &["approved", "alice"]);
    })
    .await;
    vm(&repository, "web-1").await;
}

/// A request that returns for approval has the other plan and its machines, and needs the other hash.
pub async fn a_changed_plan_returns_for_approval(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let old = approved(&repository, &desk, "req-1", &["web-1", "web-2"]).await;
    let id = sample::request_id("req-1");
    let mut plan = sample::plan(&desk.os, &["web-1", "web-3"]);
    plan.vms[0].memory = 1024;
    plan.seen = HostFigures { vcpus: 1, memory: 2, disk_free: 3, addresses_free: None };
    for _ in 0..2 {
        repository.requests().return_for_approval(&id, plan.clone(), "the host shrank").await.expect("it is approved");
    }
    let returned = request(&repository, "req-1").await;
    assert_eq!((returned.state, returned.reason.as_deref()), (RequestState::Pending, Some("the host shrank")));
    assert_eq!((&returned.plan, returned.plan_hash, returned.decided_by), (&plan, plan.hash(), None));
    assert_eq!(returned.plan.seen, plan.seen);
    assert_eq!(vm_names(&repository, &VmFilter::default()).await, ["web-1", "web-3"]);
    assert_eq!(vm(&repository, "web-1").await.memory, 1024);
    assert_conflict(approve(&repository, &desk, "req-1", old.plan_hash).await, &["plan"]);
    let again = approve(&repository, &desk, "req-1", plan.hash()).await.expect("the other plan");
    assert_eq!((again.state, again.reason), (RequestState::Approved, None));
}

/// A request whose plan does not fit any longer returns with the same plan and the figures of that moment, and can be
/// approved again.
pub async fn an_unchanged_plan_returns_for_approval(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let mut plan = approved(&repository, &desk, "req-1", &["web-1"]).await.plan;
    plan.seen = HostFigures { vcpus: 1, memory: 2, disk_free: 3, addresses_free: Some(4) };
    plan.vms[0].warnings = vec!["too large".to_owned()];
    let id = sample::request_id("req-1");
    for _ in 0..2 {
        repository.requests().return_for_approval(&id, plan.clone(), "too large").await.expect("it is approved");
    }
    let returned = request(&repository, "req-1").await;
    assert_eq!((returned.state, returned.reason.as_deref()), (RequestState::Pending, Some("too large")));
    assert_eq!((returned.plan_hash, returned.plan.seen), (plan.hash(), plan.seen));
    assert_eq!(returned.plan.vms[0].warnings, plan.vms[0].warnings);
    vm(&repository, "web-1").await;
    approve(&repository, &desk, "req-1", plan.hash()).await.expect("the same plan");
}

/// A start enqueues the machines' jobs once.
pub async fn a_start_enqueues_once(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let hash = pending(&repository, &desk, "req-1", &["web-1", "web-2"]).await.plan_hash;
    let id = sample::request_id("req-1");
    assert_conflict(repository.requests().start(&id, sample::making()).await, &["pending"]);
    approve(&repository, &desk, "req-1", hash).await.expect("it is pending");
    let jobs = running(&repository, "req-1").await;
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Running);
    for id in &jobs {
        assert_eq!(job(&repository, *id).await.steps.len(), 2);
    }
    repository.requests().start(&id, sample::making()).await.expect("a repeat");
    assert_eq!(
        repository
            .jobs()
            .list(&JobFilter { request: Some(id.clone()), ..JobFilter::default() })
            .await
            .expect("an answer")
            .len(),
        jobs.len() + 1
    );
    assert_not_found(repository.requests().start(&RequestId::new("req-2").expect("valid"), sample::making()).await);
}

/// A request that fails before it starts loses its machines' rows, once.
pub async fn a_failed_request_frees_its_names(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1"]).await;
    let id = sample::request_id("req-1");
    repository.requests().fail(&id, "no image").await.expect("it is approved");
    repository.requests().fail(&id, "another reason").await.expect("a repeat");
    let failed = request(&repository, "req-1").await;
    assert_eq!((failed.state, failed.reason.as_deref()), (RequestState::Failed, Some("no image")));
    assert_conflict(repository.requests().start(&id, sample::making()).await, &["failed"]);
    pending(&repository, &desk, "req-2", &["web-1"]).await;
}
