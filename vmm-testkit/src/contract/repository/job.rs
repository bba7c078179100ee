//! The promises of a [`JobRepository`](vmm_core::repository::JobRepository).

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use uuid::Uuid;
use vmm_core::model::{
    ClosedRecords, Closing, JobFilter, JobId, JobState, NewDisk, PauseReason, RequestState, StatusReason, StepState,
    Subject, VmFilter, VmState, VmStatus, VolumeName,
};
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

/// A job of a machine that is stuck, with its first step in this state.
async fn stuck(repository: &Arc<dyn Repository>, desk: &Desk, id: &str, name: &str, step: StepState) -> JobId {
    approved(repository, desk, id, &[name]).await;
    let job = running(repository, id).await.remove(0);
    repository.jobs().step(job, 0, step).await.expect("it is open");
    let error = Some("the pool is away".to_owned());
    repository.jobs().finish(job, JobState::Stuck, error).await.expect("it is open");
    job
}

/// Backward if anything was being undone, with why it failed, and forward otherwise. It is done by the worker like any
/// other, and recorded.
pub async fn a_stuck_job_goes_on_the_way_it_went(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    for (id, step, state, error) in [
        ("req-1", StepState::Acting, JobState::Queued, None),
        ("req-2", StepState::Undoing, JobState::Undoing, Some("the pool is away")),
        ("req-3", StepState::Undone, JobState::Undoing, Some("the pool is away")),
    ] {
        let id = stuck(&repository, &desk, id, &format!("vm-{id}"), step).await;
        audited(&repository, 1, async {
            let again = repository.jobs().retry(id, sample::audit("job.retry")).await.expect("it is stuck");
            assert_eq!((again.state, again.error.as_deref()), (state, error));
            assert_eq!(again, job(&repository, id).await);
        })
        .await;
        assert!(repository.jobs().open().await.expect("an answer").iter().any(|job| job.id == id));
        unaudited(&repository, async {
            assert_conflict(repository.jobs().retry(id, sample::audit("job.retry")).await, &["not stuck"]);
        })
        .await;
        let end = if state == JobState::Queued { JobState::Done } else { JobState::Failed };
        repository.jobs().finish(id, end, None).await.expect("it is open");
    }
}

/// Only one that is made: what is undone after all leaves the request as it is.
pub async fn a_machine_made_after_all_lets_its_request_run_again(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let forward = stuck(&repository, &desk, "req-1", "web-1", StepState::Acting).await;
    let backward = stuck(&repository, &desk, "req-2", "web-2", StepState::Undoing).await;
    for id in ["req-1", "req-2"] {
        assert_eq!(request(&repository, id).await.state, RequestState::Failed);
    }
    for id in [forward, backward] {
        repository.jobs().retry(id, sample::audit("job.retry")).await.expect("it is stuck");
    }
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Running);
    assert_eq!(request(&repository, "req-2").await.state, RequestState::Failed);
    repository.jobs().finish(forward, JobState::Done, None).await.expect("it is open");
    repository.jobs().finish(backward, JobState::Failed, None).await.expect("it is open");
    assert_eq!(request(&repository, "req-1").await.state, RequestState::Done);
    assert_eq!(request(&repository, "req-2").await.state, RequestState::Failed);
    assert_eq!(vm_names(&repository, &VmFilter::default()).await, ["web-1"]);
}

/// A job cannot be retried if it is not stuck, if its subject is gone, or if another job works on its subject.
pub async fn what_cannot_be_tried_again_is_refused(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let audit = || sample::audit("job.retry");
    assert_not_found(repository.jobs().retry(JobId(4711), audit()).await);
    let id = stuck(&repository, &desk, "req-1", "web-1", StepState::Undoing).await;
    let machine = vm(&repository, "web-1").await.id;
    let removal = repository.vms().start_delete(machine, sample::removal(), None, sample::audit("vm.delete")).await;
    let removal = removal.expect("its job is stuck");
    let closing = Closing { note: "nothing".to_owned(), records: ClosedRecords::Stay };
    assert_conflict(repository.jobs().retry(id, audit()).await, &["works on its machine"]);
    assert_conflict(repository.jobs().close(id, closing.clone(), audit()).await, &["works on its machine"]);
    repository.jobs().finish(removal, JobState::Done, None).await.expect("it is open");
    assert_conflict(repository.jobs().retry(id, audit()).await, &["the records no longer have", "close"]);
    assert_eq!(repository.jobs().close(id, closing, audit()).await.expect("it is stuck").state, JobState::Closed);

    approved(&repository, &desk, "req-2", &["web-2"]).await;
    let start = repository.jobs().open().await.expect("an answer").remove(0).id;
    repository.jobs().finish(start, JobState::Stuck, Some("a panic".to_owned())).await.expect("it is open");
    assert_conflict(repository.jobs().retry(start, audit()).await, &["submit the request again"]);
}

/// The machine is as the host says, also one that was only asked for, or gone; the job says what is left, and is over.
pub async fn a_closed_job_leaves_what_the_host_says(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let unknown = VmState::unknown(StatusReason::Unreachable);
    let states = [VmStatus::Off.into(), VmState::paused(PauseReason::User), unknown];
    for (index, state) in states.into_iter().enumerate() {
        let name = format!("web-{index}");
        let id = stuck(&repository, &desk, &format!("req-{index}"), &name, StepState::Undoing).await;
        let closing = Closing { note: "left: a volume".to_owned(), records: ClosedRecords::Machine(state) };
        audited(&repository, 1, async {
            let closed = repository.jobs().close(id, closing.clone(), sample::audit("job.close")).await;
            let closed = closed.expect("it is stuck");
            assert_eq!(closed.error.as_deref(), Some("the pool is away; closed: left: a volume"));
            assert!(closed.state == JobState::Closed && closed.state.is_final());
        })
        .await;
        assert_eq!(vm(&repository, &name).await.state(), state);
        assert_conflict(repository.jobs().close(id, closing, sample::audit("job.close")).await, &["not stuck"]);
        assert_conflict(repository.jobs().retry(id, sample::audit("job.retry")).await, &["not stuck"]);
    }
    let id = stuck(&repository, &desk, "req-9", "web-9", StepState::Undoing).await;
    let closing = Closing { note: "nothing is left".to_owned(), records: ClosedRecords::NoMachine };
    repository.jobs().close(id, closing, sample::audit("job.close")).await.expect("it is stuck");
    assert_eq!(vm_names(&repository, &VmFilter::default()).await.len(), 3);
    assert_eq!(request(&repository, "req-9").await.state, RequestState::Failed);
    assert!(repository.jobs().open().await.expect("an answer").is_empty());
}

/// The disk has the size of its volume, or is gone.
pub async fn a_closed_disk_job_leaves_what_the_host_says(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let machine = super::made(&repository, &desk, "req-1", "web-1").await.id;
    let volume = VolumeName::new("web-1-1.qcow2").expect("valid");
    let new = NewDisk { vm: machine, volume, disk_size: 2 };
    let (disk, id) =
        repository.disks().add(new, sample::addition(), sample::audit("disk.create")).await.expect("there is room");
    repository.jobs().finish(id, JobState::Done, None).await.expect("it is open");
    let (_, id) =
        repository.disks().grow(disk.id, 9, sample::growth(), sample::audit("disk.grow")).await.expect("it grows");
    repository.jobs().finish(id, JobState::Stuck, None).await.expect("it is open");
    let close = async |id, records| {
        let closing = Closing { note: "as it is".to_owned(), records };
        repository.jobs().close(id, closing, sample::audit("job.close")).await.expect("it is stuck")
    };
    assert_eq!(close(id, ClosedRecords::Disk(9)).await.error.as_deref(), Some("closed: as it is"));
    let grown = repository.disks().by_id(disk.id).await.expect("an answer").expect("it is there");
    assert_eq!((grown.disk_size, grown.grow_to), (9, None));
    let id = repository
        .disks()
        .start_delete(disk.id, sample::removal(), sample::audit("disk.delete"))
        .await
        .expect("it is data");
    repository.jobs().finish(id, JobState::Stuck, None).await.expect("it is open");
    close(id, ClosedRecords::NoDisk).await;
    assert_eq!(repository.disks().by_id(disk.id).await.expect("an answer"), None);
    assert_eq!(vm(&repository, "web-1").await.status, VmStatus::On);
}

/// Of 16 who try it at once exactly one does.
pub async fn one_of_16_tries_a_stuck_job_again(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let id = stuck(&repository, &desk, "req-1", "web-1", StepState::Undoing).await;
    let won = race(&repository, 16, move |repository, _| async move {
        repository.jobs().retry(id, sample::audit("job.retry")).await.map(drop)
    });
    assert_eq!(won.await, 1);
}

async fn one_job(repository: &Arc<dyn Repository>) -> JobId {
    let desk = Desk::make(repository).await;
    approved(repository, &desk, "req-1", &["web-1"]).await;
    let open = repository.jobs().open().await.expect("an answer");
    assert_eq!(open[0].subject, Subject::Request(sample::request_id("req-1")));
    open[0].id
}
