//! Records of jobs and their steps.

use super::super::state::State;
use super::disk;
use crate::error::{Error, Kind, Result};
use crate::model::{Job, JobId, JobState, JobStep, NewJob, RequestId, StepState, Subject, VmId};
use crate::repository::refusal;
use crate::repository::rules::{now, require_unfinished};

/// Enqueues a job on a subject of this title, which belongs to a request or to none.
pub(in super::super) fn insert(
    state: &mut State,
    new: &NewJob,
    subject: Subject,
    title: &str,
    request: Option<&RequestId>,
) -> Result<JobId> {
    let NewJob { kind, steps, cancellable, if_done, if_undone } = new.clone();
    let (vm, at) = (vm_of(state, &subject)?, now());
    if vm.is_some_and(|vm| open_on_vm(state, vm).is_some()) {
        return Err(refusal::another_job(title));
    }
    let id = JobId(state.jobs.next_id());
    let step = |name: &str| JobStep { name: name.to_owned(), state: StepState::Waiting, changed_at: at };
    let job = Job {
        id,
        kind,
        subject,
        title: title.to_owned(),
        request: request.cloned(),
        vm,
        state: JobState::Queued,
        steps: steps.into_iter().map(step).collect(),
        cancellable,
        cancel: false,
        if_done,
        if_undone,
        error: None,
        created_at: at,
        changed_at: at,
    };
    state.jobs.insert(id, job);
    Ok(id)
}

/// Returns the machine that a job on this subject changes.
fn vm_of(state: &State, subject: &Subject) -> Result<Option<VmId>> {
    match subject {
        Subject::Vm(id) => Ok(Some(*id)),
        Subject::Disk(id) => disk::required(state, *id).map(|disk| Some(disk.vm)),
        Subject::Request(_) | Subject::Os(_) => Ok(None),
    }
}

/// Returns the open job that changes this machine.
pub(in super::super) fn open_on_vm(state: &State, vm: VmId) -> Option<&Job> {
    state.jobs.find(|job| job.vm == Some(vm) && !job.state.is_final())
}

/// Returns the open job on this subject.
pub(in super::super) fn open_on(state: &State, subject: &Subject) -> Option<JobId> {
    state.jobs.find(|job| job.subject == *subject && !job.state.is_final()).map(|job| job.id)
}

/// Returns whether a job could neither make this machine of a request nor undo what it had begun.
pub(in super::super) fn is_stuck_making(state: &State, vm: VmId) -> bool {
    let is = |job: &Job| job.subject == Subject::Vm(vm) && job.request.is_some() && job.state == JobState::Stuck;
    state.jobs.find(is).is_some()
}

pub(in super::super) fn set_state(job: &mut Job, to: JobState, error: Option<&str>) {
    job.state = to;
    job.error = error.map(str::to_owned).or_else(|| job.error.take());
    job.changed_at = now();
}

pub(in super::super) fn unfinished(state: &mut State, id: JobId) -> Result<&mut Job> {
    let job = row(state, id)?;
    require_unfinished(job)?;
    Ok(job)
}

pub(in super::super) fn row(state: &mut State, id: JobId) -> Result<&mut Job> {
    state.jobs.get_mut(&id).ok_or_else(|| Error::not_found(Kind::Job, id))
}

pub(in super::super) fn required(state: &State, id: JobId) -> Result<&Job> {
    state.jobs.get(&id).ok_or_else(|| Error::not_found(Kind::Job, id))
}
