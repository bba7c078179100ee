//! The rules by which the end of a job, its retry and its closing change other records.
//!
//! Every function here is pure. A store calls it in the transaction that records the end, and applies the effects.

use crate::error::{Error, Kind, Result};
use crate::model::{
    ClosedRecords, DiskId, Fate, Job, JobState, RequestId, RequestState, Subject, UserId, VmId, VmState, VmStatus,
};

/// A change of a record other than the job's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The machine has this state, even if it had the status `request`.
    Vm(VmId, VmState),
    /// The machine and its figures are removed from the records.
    NoVm(VmId),
    /// The disk has the size that it was growing to, if it was growing.
    Grown(DiskId),
    /// The disk keeps its size and stops growing.
    Settled(DiskId),
    /// The disk has this size in GiB and stops growing.
    Size(DiskId, u32),
    /// The disk is removed from the records.
    NoDisk(DiskId),
    /// The request changes its state.
    Request {
        /// Its id.
        id: RequestId,
        /// The new state.
        to: RequestState,
        /// The reason, for people.
        reason: Option<String>,
        /// The account that changed it; `None` for vmm itself.
        actor: Option<UserId>,
    },
    /// The request's machines with the status `request` are removed from the records, which frees their names.
    NoRequested(RequestId),
}

/// The facts about one job of a request that decide the request's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOfRequest {
    /// True if it starts the request, rather than making a machine of it.
    pub starts: bool,
    /// The name of what it works on, for people.
    pub title: String,
    /// Its state.
    pub state: JobState,
    /// Why it failed.
    pub error: Option<String>,
}

/// Returns the effect of a job's end on the record of its subject.
pub fn ended(job: &Job, end: JobState) -> Option<Effect> {
    let fate = match end {
        JobState::Done => job.if_done,
        JobState::Failed | JobState::Cancelled => job.if_undone,
        _ => Fate::Stays,
    };
    match (&job.subject, fate) {
        (Subject::Vm(vm), Fate::Made) => Some(Effect::Vm(*vm, VmState { status: VmStatus::On, reason: None })),
        (Subject::Vm(vm), Fate::Gone) => Some(Effect::NoVm(*vm)),
        (Subject::Disk(disk), Fate::Gone) => Some(Effect::NoDisk(*disk)),
        (Subject::Disk(disk), Fate::Grown) => Some(Effect::Grown(*disk)),
        (Subject::Disk(disk), Fate::Stays | Fate::Made) => Some(Effect::Settled(*disk)),
        _ => None,
    }
}

/// Returns the effects on a request after one of its jobs has ended with this error: none until its last job has ended.
///
/// `jobs` are all jobs of the request, oldest first. Those of an earlier approval are ignored.
pub fn settled(id: &RequestId, state: RequestState, jobs: &[JobOfRequest], error: Option<&str>) -> Vec<Effect> {
    if !matches!(state, RequestState::Approved | RequestState::Running) || jobs.iter().any(|job| !job.state.is_final())
    {
        return Vec::new();
    }
    let begun = jobs.iter().rposition(|job| job.starts).unwrap_or_default();
    let failed = jobs[begun..].iter().filter(|job| job.state != JobState::Done);
    let failures: Vec<_> = failed
        .map(|job| format!("{}: {}", job.title, job.error.as_deref().unwrap_or_else(|| job.state.as_str())))
        .collect();
    let to = |to, reason| Effect::Request { id: id.clone(), to, reason, actor: None };
    match (state, failures.is_empty()) {
        (RequestState::Approved, true) => Vec::new(),
        (RequestState::Approved, false) => not_started(id, error.unwrap_or("it could not be started")).into(),
        (_, true) => vec![to(RequestState::Done, None)],
        (_, false) => vec![to(RequestState::Failed, Some(failures.join("\n")))],
    }
}

/// Returns the effects of the failure of a request of which nothing was made.
pub fn not_started(id: &RequestId, reason: &str) -> [Effect; 2] {
    let to = RequestState::Failed;
    [
        Effect::Request { id: id.clone(), to, reason: Some(reason.to_owned()), actor: None },
        Effect::NoRequested(id.clone()),
    ]
}

/// Checks that a job can be retried or closed. `other` is the open job on its machine.
///
/// # Errors
/// `Conflict` if it is not stuck, or another job works on its machine.
pub fn require_stuck(job: &Job, other: Option<&Job>) -> Result<()> {
    if job.state != JobState::Stuck {
        return Err(Error::conflict(Kind::Job, job.id, format!("it is {}, not stuck", job.state)));
    }
    match other {
        Some(other) => {
            let reason = format!("job {} ({}) works on its machine; wait for it", other.id, other.kind);
            Err(Error::conflict(Kind::Job, job.id, reason))
        }
        None => Ok(()),
    }
}

/// Returns the state and the error of a stuck job that is retried. `subject_is_there` says whether the records have its
/// subject.
///
/// # Errors
/// `Conflict` if its subject is gone, or is a request, whose machines are gone.
pub fn retried(job: &Job, subject_is_there: bool) -> Result<(JobState, Option<String>)> {
    if matches!(job.subject, Subject::Request(_)) {
        let reason = "its request has failed with it; close the job and submit the request again";
        return Err(Error::conflict(Kind::Job, job.id, reason));
    }
    if !subject_is_there {
        let reason = "the records no longer have what it works on; close the job";
        return Err(Error::conflict(Kind::Job, job.id, reason));
    }
    Ok(if job.goes_backward() { (JobState::Undoing, job.error.clone()) } else { (JobState::Queued, None) })
}

/// Returns the effect on a failed request when the job that makes one of its machines is retried.
pub fn runs_again(id: &RequestId, state: RequestState, actor: Option<UserId>) -> Option<Effect> {
    let to = RequestState::Running;
    (state == RequestState::Failed).then(|| Effect::Request { id: id.clone(), to, reason: None, actor })
}

/// Returns the effect of closing a stuck job.
pub fn closed(job: &Job, records: ClosedRecords) -> Option<Effect> {
    let may_go = job.if_done == Fate::Gone || job.if_undone == Fate::Gone;
    match (records, job.vm, &job.subject) {
        (ClosedRecords::Machine(state), Some(vm), _) => Some(Effect::Vm(vm, state)),
        (ClosedRecords::NoMachine, Some(vm), _) => Some(Effect::NoVm(vm)),
        (ClosedRecords::Disk(size), _, Subject::Disk(disk)) => Some(Effect::Size(*disk, size)),
        (ClosedRecords::NoDisk, _, Subject::Disk(disk)) if may_go => Some(Effect::NoDisk(*disk)),
        _ => None,
    }
}

/// Returns why a machine cannot be changed while this job is open.
pub fn occupied(job: &Job) -> String {
    let id = job.id;
    match (&job.subject, job.if_done) {
        (Subject::Vm(_), Fate::Gone) => format!("job {id} is removing it already"),
        (Subject::Vm(_), Fate::Made) if job.request.is_some() => {
            format!("job {id} is still making it; wait for it or cancel it")
        }
        _ => at_work(job),
    }
}

/// Returns that this open job works on a machine, and the advice to wait.
pub fn at_work(job: &Job) -> String {
    format!("job {} ({}) works on it; wait for it", job.id, job.kind)
}
