//! Long operations.

use std::borrow::Cow;
use std::fmt;

use super::{DiskId, OsId, RequestId, Timestamp, UserId, VmId, VmState, row_id, words};

row_id!(
    /// Names a job.
    JobId
);

/// The word of a kind of job, such as `create-vm`. A word is never changed: records have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobKind(Cow<'static, str>);

impl JobKind {
    /// The kind of this word.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// Its word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for JobKind {
    fn from(word: String) -> Self {
        Self(Cow::Owned(word))
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The subject of a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A request.
    Request(RequestId),
    /// A machine.
    Vm(VmId),
    /// A catalog entry.
    Os(OsId),
    /// A disk.
    Disk(DiskId),
}

impl Subject {
    /// The word of what it is.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Vm(_) => "vm",
            Self::Os(_) => "os",
            Self::Disk(_) => "disk",
        }
    }

    /// Its id, as text.
    pub fn id(&self) -> String {
        match self {
            Self::Request(id) => id.to_string(),
            Self::Vm(id) => id.to_string(),
            Self::Os(id) => id.to_string(),
            Self::Disk(id) => id.to_string(),
        }
    }
}

words!(
    /// The change of a subject's record when its job ends.
    Fate, "fate" {
        /// It stays; a disk stops growing.
        Stays = "stays",
        /// The machine has the status `on` until the next look at the host.
        Made = "made",
        /// The machine or disk is removed from the records.
        Gone = "gone",
        /// The disk has the size that it was growing to.
        Grown = "grown",
    }
);

words!(
    /// A job's place in its life.
    JobState, "state" {
        /// Waits for a worker.
        Queued = "queued",
        /// Its steps are being done.
        Running = "running",
        /// A step failed or it was cancelled; what was done is being undone.
        Undoing = "undoing",
        /// Every step was done.
        Done = "done",
        /// It failed, and everything it did is undone.
        Failed = "failed",
        /// It was cancelled, and everything it did is undone.
        Cancelled = "cancelled",
        /// It failed, and undoing failed too: somebody must look.
        Stuck = "stuck",
        /// It was stuck, and an admin closed it; what it may have left on the host stands with its error.
        Closed = "closed",
    }
);

impl JobState {
    /// Returns whether nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled | Self::Stuck | Self::Closed)
    }
}

words!(
    /// A step's place in its life. It is written before what it names is begun.
    StepState, "step" {
        /// Not begun.
        Waiting = "waiting",
        /// Begun; may be partly done.
        Acting = "acting",
        /// Done.
        Done = "done",
        /// Being undone.
        Undoing = "undoing",
        /// Undone, or never begun in a job that was undone.
        Undone = "undone",
    }
);

/// A long operation with its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: JobId,
    /// The job's kind.
    pub kind: JobKind,
    /// The subject, which may no longer exist.
    pub subject: Subject,
    /// The name of what it works on, for people.
    pub title: String,
    /// The request that it starts, or makes a machine of.
    pub request: Option<RequestId>,
    /// The machine that it works on, which may be gone by now.
    pub vm: Option<VmId>,
    /// Its place in its life.
    pub state: JobState,
    /// Its steps in order.
    pub steps: Vec<JobStep>,
    /// True if it can be cancelled.
    pub cancellable: bool,
    /// True if somebody asked to cancel it.
    pub cancel: bool,
    /// The fate of its subject's record when every step was done.
    pub if_done: Fate,
    /// The fate of its subject's record when every step was undone.
    pub if_undone: Fate,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its state or a step last changed.
    pub changed_at: Timestamp,
}

impl Job {
    /// The step that it came to: one that is begun or being undone.
    pub fn step(&self) -> Option<&JobStep> {
        self.steps.iter().find(|step| matches!(step.state, StepState::Acting | StepState::Undoing))
    }

    /// Returns whether it goes backward: what it did is being undone, or was.
    pub fn goes_backward(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.state, StepState::Undoing | StepState::Undone))
    }
}

/// The closing of a stuck job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// A note for people on the remains on the host.
    pub note: String,
    /// The changes of the records.
    pub records: ClosedRecords,
}

/// The changes of the records that a closed job worked on: what the host says, and nothing by assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedRecords {
    /// They stay as they are.
    Stay,
    /// The job's machine is in this state.
    Machine(VmState),
    /// The job's machine is gone.
    NoMachine,
    /// The job's disk has this size in GiB.
    Disk(u32),
    /// The job's disk is gone.
    NoDisk,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStep {
    /// Its name.
    pub name: String,
    /// Its place in its life.
    pub state: StepState,
    /// When that last changed.
    pub changed_at: Timestamp,
}

/// Which jobs to list, newest first. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this request.
    pub request: Option<RequestId>,
    /// Only those of requests of this person, and on machines that this person is responsible for.
    pub owner: Option<UserId>,
    /// Only those behind this one.
    pub after: Option<JobId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}

/// A job to enqueue. Its subject is an argument of the method that enqueues it, since both may be recorded in one
/// transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// The job's kind.
    pub kind: JobKind,
    /// The names of its steps in order.
    pub steps: Vec<&'static str>,
    /// True if it can be cancelled.
    pub cancellable: bool,
    /// The fate of its subject's record when every step was done.
    pub if_done: Fate,
    /// The fate of its subject's record when every step was undone.
    pub if_undone: Fate,
}
