//! What follows for the records from what becomes of a job: rules, which every store applies in the transaction that
//! records it.

use crate::error::{Error, Kind, Result};
use crate::model::{
    ClosedRecords, DiskId, Fate, Job, JobState, RequestId, RequestState, Subject, UserId, VmId, VmState, VmStatus,
};

/// A change of the records that follows from something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A machine is in this state, also one that was only asked for.
    Vm(VmId, VmState),
    /// A machine is not there any more, nor its figures.
    NoVm(VmId),
    /// A disk has the size that it was to grow to, if it was to grow.
    Grown(DiskId),
    /// A disk is not to grow any more.
    Settled(DiskId),
    /// A disk has this size in GiB, and is not to grow any more.
    Size(DiskId, u32),
    /// A disk is not there any more.
    NoDisk(DiskId),
    /// A request is in another state.
    Request {
        /// Which.
        id: RequestId,
        /// The state.
        to: RequestState,
        /// Why.
        reason: Option<String>,
        /// By whom; `None` for what vmm does by itself.
        actor: Option<UserId>,
    },
    /// The machines of a request that do not exist yet are not asked for any more.
    NoRequested(RequestId),
}

/// A job of a request, as far as the request's state follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOfRequest {
    /// Whether it starts the request, rather than making a machine of it.
    pub starts: bool,
    /// The name of what it works on, for people.
    pub title: String,
    /// Its state.
    pub state: JobState,
    /// Why it failed.
    pub error: Option<String>,
}

/// What follows from a job's end for what it works on.
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

/// What follows for a request from the end of one of its jobs, whose error this is. `jobs` are all that the request ever
/// had, oldest first; those before the last approval do not count.
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

/// What follows from the failure of a request before anything of it was made.
pub fn not_started(id: &RequestId, reason: &str) -> [Effect; 2] {
    let to = RequestState::Failed;
    [
        Effect::Request { id: id.clone(), to, reason: Some(reason.to_owned()), actor: None },
        Effect::NoRequested(id.clone()),
    ]
}

/// Whether a stuck job can be tried or closed now. `other` is the open job on its machine.
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

/// The state and the error of a stuck job that is tried again. `subject_is_there` says whether the records have what it
/// works on.
///
/// # Errors
/// `Conflict` if it has nothing to work on.
pub fn retried(job: &Job, subject_is_there: bool) -> Result<(JobState, Option<String>)> {
    if matches!(job.subject, Subject::Request(_)) {
        let reason = "its request has failed with it; close the job and submit the request again";
        return Err(Error::conflict(Kind::Job, job.id, reason));
    }
    if !subject_is_there {
        let reason = "what it works on is gone from the records; close the job";
        return Err(Error::conflict(Kind::Job, job.id, reason));
    }
    Ok(if job.goes_backward() { (JobState::Undoing, job.error.clone()) } else { (JobState::Queued, None) })
}

/// What follows for a request that failed when the making of one of its machines is tried again.
pub fn runs_again(id: &RequestId, state: RequestState, actor: Option<UserId>) -> Option<Effect> {
    let to = RequestState::Running;
    (state == RequestState::Failed).then(|| Effect::Request { id: id.clone(), to, reason: None, actor })
}

/// What a stuck job's closing says of the records.
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

/// Says what an open job does to a machine that somebody wants to change.
pub fn occupied(job: &Job) -> String {
    let id = job.id;
    match (&job.subject, job.if_done) {
        (Subject::Vm(_), Fate::Gone) => format!("job {id} is removing it already"),
        (Subject::Vm(_), Fate::Made) if job.request.is_some() => {
            format!("job {id} is still making it; wait for it or cancel it")
        }
        _ => format!("job {id} ({}) works on it; wait for it", job.kind),
    }
}
