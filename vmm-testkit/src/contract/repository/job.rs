//! What a [`JobRepository`](vmm_core::repository::JobRepository) promises.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use uuid::Uuid;
use vmm_core::model::{JobFilter, JobId, JobKind, JobState, RequestState, StepState, VmFilter, VmStatus};
use vmm_core::repository::Repository;

use super::{
    approved, assert_conflict, assert_not_found, audited, job, pending, race, request, running, unaudited, vm, vm_names,
};
use crate::sample::{self, Desk};

const TTL: Duration = Duration::from_secs(30);

/// One owner at a time holds the lease; it ends by time or by giving it up, and only its owner gives it up.
pub async fn one_owner_holds_the_lease(repository: Arc<dyn Repository>) {
    let (first, second, now) = (Uuid::from_u128(1), Uuid::from_u128(2), Utc::now());
    let lease = async |owner, at| repository.jobs().lease(owner, at, TTL).await.expect("an answer");
    assert!(lease(first, now).await);
    assert!(!lease(second, now).await);
    assert!(lease(first, now + TTL / 2).await, "its owner extends it");
    assert!(!lease(second, now + TTL).await);
    repository.jobs().release(second).await.expect("no error");
    assert!(!lease(second, now + TTL).await, "only its owner gives it up");
    assert!(lease(second, now + TTL * 3 / 2).await, "it ran out");
    repository.jobs().release(second).await.expect("an answer");
    assert!(lease(first, now).await, "it was given up");
}

/// Of 32 who want the lease at once exactly one gets it.
pub async fn one_of_32_gets_the_lease(repository: Arc<dyn Repository>) {
    let now = Utc::now();
    let won = race(&repository, 32, move |repository, index| async move {
        let owner = Uuid::from_u128(index as u128);
        match repository.jobs().lease(owner, now, TTL).await.expect("an answer") {
            true => Ok(()),
            false => Err(vmm_core::Error::conflict(vmm_core::Kind::Job, "lease", "taken")),
        }
    });
    assert_eq!(won.await, 1);
}

/// A job's log reads as it was written.
pub async fn a_log_reads_as_it_was_written(repository: Arc<dyn Repository>) {
    let id = one_job(&repository).await;
    let queued = job(&repository, id).await;
    assert_eq!((queued.state, queued.cancel, queued.error), (JobState::Queued, false, None));
    assert!(queued.steps.iter().all(|step| step.state == StepState::Waiting));
    repository.jobs().step(id, 0, StepState::Acting).await.expect("it is open");
    assert_eq!(job(&repository, id).await.state, JobState::Running);
    repository.jobs().step(id, 0, StepState::Done).await.expect("it is open");
    repository.jobs().step(id, 1, StepState::Acting).await.expect("it is open");
    for _ in 0..2 {
        repository.jobs().undo(id, "the pool is full").await.expect("it is open");
    }
    repository.jobs().step(id, 1, StepState::Undoing).await.expect("it is open");
    let undoing = job(&repository, id).await;
    assert_eq!((undoing.state, undoing.error.as_deref()), (JobState::Undoing, Some("the pool is full")));
    assert_eq!(undoing.steps.iter().map(|step| step.state).collect::<Vec<_>>(), [StepState::Done, StepState::Undoing]);
    assert!(undoing.changed_at >= queued.changed_at);
    repository.jobs().finish(id, JobState::Failed, None).await.expect("it is open");
    assert_eq!(job(&repository, id).await.error.as_deref(), Some("the pool is full"), "why stays known");
}

/// A job that is over does not move any more; only the same end again is no error.
pub async fn a_job_that_is_over_stays_as_it_is(repository: Arc<dyn Repository>) {
    let id = one_job(&repository).await;
    repository.jobs().finish(id, JobState::Done, None).await.expect("it is open");
    repository.jobs().finish(id, JobState::Done, None).await.expect("a repeat");
    assert_conflict(repository.jobs().finish(id, JobState::Failed, None).await, &["done"]);
    assert_conflict(repository.jobs().step(id, 0, StepState::Acting).await, &["done"]);
    assert_conflict(repository.jobs().undo(id, "no").await, &["done"]);
    unaudited(&repository, async {
        assert_conflict(repository.jobs().cancel(id, sample::audit("job.cancel")).await, &["done"]);
    })
    .await;
    assert_eq!(repository.jobs().open().await.expect("an answer"), []);
}

/// A step or job that is not there is not found, and an end that is none is refused.
pub async fn what_is_not_there_is_not_found(repository: Arc<dyn Repository>) {
    let id = one_job(&repository).await;
    assert_not_found(repository.jobs().step(id, 2, StepState::Acting).await);
    assert_not_found(repository.jobs().step(JobId(4711), 0, StepState::Acting).await);
    assert_not_found(repository.jobs().finish(JobId(4711), JobState::Done, None).await);
    let running = repository.jobs().finish(id, JobState::Running, None).await;
    assert!(matches!(running, Err(vmm_core::Error::Invalid(_))), "{running:?}");
    assert_eq!(job(&repository, id).await.state, JobState::Queued);
}

/// Somebody's wish to cancel is recorded; the job stays open for its worker.
pub async fn a_cancellation_is_a_wish(repository: Arc<dyn Repository>) {
    let id = one_job(&repository).await;
    audited(&repository, 1, async {
        repository.jobs().cancel(id, sample::audit("job.cancel")).await.expect("it is open");
    })
    .await;
    let asked = job(&repository, id).await;
    assert_eq!((asked.cancel, asked.state), (true, JobState::Queued));
    assert_eq!(repository.jobs().open().await.expect("an answer"), [asked]);
}

/// Open jobs are listed oldest first, all jobs newest first and at most so many.
pub async fn jobs_are_listed_in_order(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (id, name) in [("req-1", "web-1"), ("req-2", "web-2")] {
        approved(&repository, &desk, id, &[name]).await;
    }
    let requests = |jobs: Vec<vmm_core::model::Job>| -> Vec<String> {
        jobs.into_iter().filter_map(|job| job.request).map(|id| id.to_string()).collect()
    };
    assert_eq!(requests(repository.jobs().open().await.expect("an answer")), ["req-1", "req-2"]);
    assert_eq!(
        requests(
            repository.jobs().list(&JobFilter { limit: Some(2), ..JobFilter::default() }).await.expect("an answer")
        ),
        ["req-2", "req-1"]
    );
    let of_first = repository
        .jobs()
        .list(&JobFilter { request: Some(sample::request_id("req-1")), ..JobFilter::default() })
        .await
        .expect("an answer");
    assert_eq!(requests(of_first), ["req-1"]);
    assert_eq!(
        repository.jobs().list(&JobFilter { limit: Some(1), ..JobFilter::default() }).await.expect("an answer").len(),
        1
    );
}

/// Jobs are found by what they are, whose they are and where a page ended; each state is counted.
pub async fn jobs_are_listed_by_what_they_are(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1", "web-2"]).await;
    let made = running(&repository, "req-1").await;
    repository.jobs().finish(made[0], JobState::Done, None).await.expect("it is open");
    let list = async |filter: JobFilter| -> Vec<JobId> {
        repository.jobs().list(&filter).await.expect("an answer").into_iter().map(|job| job.id).collect()
    };
    let all = list(JobFilter::default()).await;
    assert!(all.is_sorted_by(|one, next| one > next), "{all:?}");
    let queued = JobFilter { state: Some(JobState::Queued), ..JobFilter::default() };
    assert!(list(queued.clone()).await.contains(&made[1]) && !list(queued).await.contains(&made[0]));
    assert_eq!(list(JobFilter { after: Some(all[0]), ..JobFilter::default() }).await, all[1..]);
    let own = list(JobFilter { owner: Some(desk.user.id), ..JobFilter::default() }).await;
    assert!(
        made.iter().all(|id| own.contains(id)) && own.len() < all.len(),
        "{own:?} of {all:?}: the import is nobody's"
    );
    assert_eq!(list(JobFilter { owner: Some(desk.admin.id), ..JobFilter::default() }).await, []);
    let counted = repository.jobs().count().await.expect("an answer");
    assert_eq!(counted.iter().map(|(_, number)| number).sum::<u64>(), all.len() as u64);
    let machines = repository.vms().count().await.expect("an answer");
    assert!(machines.contains(&(VmStatus::On, 1)) && machines.contains(&(VmStatus::Request, 1)), "{machines:?}");
}

/// A machine whose job is done is on; the last one's end makes the request done.
pub async fn the_last_machine_makes_the_request_done(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1", "web-2"]).await;
    let jobs = running(&repository, "req-1").await;
    repository.jobs().finish(jobs[0], JobState::Done, None).await.expect("it is open");
    assert_eq!(vm(&repository, "web-1").await.status, VmStatus::On);
    assert_eq!(vm(&repository, "web-2").await.status, VmStatus::Request);
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Running);
    repository.jobs().finish(jobs[1], JobState::Done, None).await.expect("it is open");
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Done);
}

/// A machine that could not be made loses its rows, and the request fails when its last job ends; the others stay.
pub async fn one_machine_that_fails_fails_the_request(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (id, end) in [("req-1", JobState::Failed), ("req-2", JobState::Cancelled)] {
        let names = [format!("{id}-a"), format!("{id}-b")];
        approved(&repository, &desk, id, &[&names[0], &names[1]]).await;
        let jobs = running(&repository, id).await;
        repository.jobs().finish(jobs[0], end, Some("no space".to_owned())).await.expect("it is open");
        assert_eq!(request(&repository, id).await.state, RequestState::Running);
        repository.jobs().finish(jobs[1], JobState::Done, None).await.expect("it is open");
        assert_eq!(request(&repository, id).await.state, RequestState::Failed);
        let of_request = VmFilter { request: Some(sample::request_id(id)), ..VmFilter::default() };
        assert_eq!(vm_names(&repository, &of_request).await, [names[1].as_str()]);
    }
}

/// A machine whose job is stuck keeps its rows, for something of it may be left.
pub async fn a_stuck_job_keeps_the_rows(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1"]).await;
    let jobs = running(&repository, "req-1").await;
    repository.jobs().finish(jobs[0], JobState::Stuck, Some("the pool is away".to_owned())).await.expect("it is open");
    assert_eq!(vm(&repository, "web-1").await.status, VmStatus::Request);
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Failed);
}

/// A request whose start failed is failed, and its names are free.
pub async fn a_start_that_fails_fails_the_request(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1"]).await;
    let start = repository.jobs().open().await.expect("an answer").remove(0).id;
    repository.jobs().finish(start, JobState::Failed, Some("the host is away".to_owned())).await.expect("it is open");
    let failed = request(&repository, "req-1").await;
    assert_eq!((failed.state, failed.reason.as_deref()), (RequestState::Failed, Some("the host is away")));
    pending(&repository, &desk, "req-2", &["web-1"]).await;
}

/// A request that returned for approval stays pending when its start job ends, and that end does not count later.
pub async fn a_returned_request_begins_anew(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    approved(&repository, &desk, "req-1", &["web-1"]).await;
    let start = repository.jobs().open().await.expect("an answer").remove(0).id;
    let plan = sample::plan(&desk.os, &["web-2"]);
    let id = sample::request_id("req-1");
    repository.requests().return_for_approval(&id, plan.clone(), "changed").await.expect("it is approved");
    repository.jobs().finish(start, JobState::Failed, Some("changed".to_owned())).await.expect("it is open");
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Pending);
    super::approve(&repository, &desk, "req-1", plan.hash()).await.expect("it is pending");
    let jobs = running(&repository, "req-1").await;
    repository.jobs().finish(jobs[0], JobState::Done, None).await.expect("it is open");
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Done);
}

async fn one_job(repository: &Arc<dyn Repository>) -> JobId {
    let desk = Desk::make(repository).await;
    approved(repository, &desk, "req-1", &["web-1"]).await;
    let open = repository.jobs().open().await.expect("an answer");
    assert_eq!(open[0].kind, JobKind::StartRequest(sample::request_id("req-1")));
    open[0].id
}
