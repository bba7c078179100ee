//! Rules that every store keeps in the same way, apart from [`outcome`](super::outcome): how moments are rounded, what
//! a change needs, and what is recorded of an end.

use std::fmt::Display;
use std::time::Duration;

use chrono::{SubsecRound, TimeDelta, Utc};

use super::refusal;
use crate::error::{Error, Kind, Result};
use crate::model::{
    Budget, Exit, Job, NewRequest, Output, Over, Request, RequestEventKind, RequestState, Revision, Role, RunEnd,
    RunOutput, RunState, Timestamp, User, UserChange,
};

/// The time that a live message of a bot is known after it was changed last.
pub const LIVE: TimeDelta = TimeDelta::days(7);

/// Returns the present moment as exactly as it is stored.
pub fn now() -> Timestamp {
    stored(Utc::now())
}

/// Returns a moment as it is read back: in whole microseconds.
pub fn stored(moment: Timestamp) -> Timestamp {
    moment.trunc_subsecs(6)
}

/// Refuses a change of a record that is not as the caller has read it.
///
/// # Errors
/// `Stale`.
pub fn expected(kind: Kind, name: impl Display, present: Revision, expect: Option<Revision>) -> Result<()> {
    match expect {
        Some(revision) if revision != present => Err(Error::Stale { kind, name: name.to_string() }),
        _ => Ok(()),
    }
}

/// Refuses what made a stored amount larger than its limit. One that was over it before may become smaller.
///
/// # Errors
/// `OverBudget`.
pub fn check_share(budget: Budget, before: u64, after: u64, limit: u64) -> Result<()> {
    if after > limit && after > before { Err(Error::over_budget(budget, Over::Share, limit)) } else { Ok(()) }
}

/// Returns whether a change of an account ends its sessions: another password or role, being disabled or enabled.
pub fn ends_sessions(user: &User, change: &UserChange) -> bool {
    change.password.is_some()
        || change.role.is_some_and(|role| role != user.role)
        || change.disabled.is_some_and(|disabled| disabled != user.disabled)
}

/// Returns whether an account is an admin who can sign in.
pub fn is_enabled_admin(user: &User) -> bool {
    user.role == Role::Admin && !user.disabled
}

/// Returns whether a submission is a repeat. The plan does not count, since it changes with the host.
pub fn is_repeat(existing: &Request, new: &NewRequest) -> bool {
    existing.requester == new.requester && existing.description == new.description && existing.spec == new.spec
}

/// Refuses a change of a request that is not in this state.
///
/// # Errors
/// `Conflict`, which says in which state the request is.
pub fn require_state(request: &Request, state: RequestState) -> Result<()> {
    if request.state == state { Ok(()) } else { Err(refusal::request_not(request, state)) }
}

/// Refuses to close a request to any state but `rejected` and `cancelled`.
///
/// # Errors
/// `Invalid`.
pub fn require_closing(to: RequestState) -> Result<()> {
    match to {
        RequestState::Rejected | RequestState::Cancelled => Ok(()),
        _ => Err(refusal::not_a_closing(to)),
    }
}

/// Returns the event of a request that enters this state again.
pub fn event(state: RequestState) -> RequestEventKind {
    match state {
        RequestState::Pending => RequestEventKind::Returned,
        RequestState::Approved => RequestEventKind::Approved,
        RequestState::Running => RequestEventKind::Started,
        RequestState::Done => RequestEventKind::Done,
        RequestState::Failed => RequestEventKind::Failed,
        RequestState::Rejected => RequestEventKind::Rejected,
        RequestState::Cancelled => RequestEventKind::Cancelled,
    }
}

/// Refuses to change a job that is over.
///
/// # Errors
/// `Conflict`.
pub fn require_unfinished(job: &Job) -> Result<()> {
    if job.state.is_final() { Err(refusal::job_over(job)) } else { Ok(()) }
}

/// Returns the error of a stuck job that is closed with a note.
pub fn closing_error(job: &Job, note: &str) -> String {
    let error = job.error.as_ref().map(|error| format!("{error}; ")).unwrap_or_default();
    format!("{error}closed: {note}")
}

/// The reason of a machine that a cancelled run never began on.
pub const CANCELLED: &str = "was cancelled before it began";
/// The reason of a machine that an interrupted run never began on.
pub const NEVER_BEGAN: &str = "vmm stopped before it began";
/// The reason of a machine on which a run was interrupted.
pub const BROKEN_OFF: &str = "vmm stopped while it ran; it may have come to its end";

/// The record of the end of a run on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineEnd {
    /// The state of the machine.
    pub state: RunState,
    /// The script's end.
    pub exit: Option<Exit>,
    /// The script's output.
    pub output: Option<RunOutput>,
    /// The time that the script ran.
    pub duration: Option<Duration>,
    /// Why there is no exit.
    pub error: Option<String>,
}

impl From<RunEnd> for MachineEnd {
    fn from(end: RunEnd) -> Self {
        let state = end.state();
        let without_exit =
            |error: &str| Self { state, exit: None, output: None, duration: None, error: Some(error.to_owned()) };
        match end {
            RunEnd::Done(Output { exit, stdout, stderr, duration }) => {
                let output = Some(RunOutput { stdout, stderr });
                Self { state, exit: Some(exit), output, duration: Some(duration), error: None }
            }
            RunEnd::Failed(failure) | RunEnd::Unknown(failure) => Self {
                state,
                exit: failure.exit,
                output: failure.output,
                duration: failure.duration,
                error: Some(failure.error),
            },
            RunEnd::Cancelled => without_exit("was cancelled while it ran"),
            RunEnd::Interrupted => without_exit(BROKEN_OFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_amount_over_its_limit_may_shrink_and_not_grow() {
        let check = |before, after| check_share(Budget::Files, before, after, 10).is_ok();
        assert_eq!((check(9, 10), check(10, 11), check(20, 19)), (true, false, true));
    }
}
