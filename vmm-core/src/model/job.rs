//! Long operations.

use super::{DiskId, OsId, RequestId, Timestamp, UserId, VmId, VmState, row_id, words};

row_id!(
    /// Names a job.
    JobId
);

/// What a job does, and to what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobKind {
    /// Plans an approved request again, and starts a job for each of its machines.
    StartRequest(RequestId),
    /// Makes one machine of a request.
    CreateVm(VmId),
    /// Removes a machine and all that belongs to it.
    DeleteVm(VmId),
    /// Makes a domain that exists on the host one of the desk.
    AdoptVm(VmId),
    /// Lets an adopted machine go.
    ReleaseVm(VmId),
    /// Imports a catalog entry's image into the pool.
    ImportOs(OsId),
    /// Makes a data disk and attaches it.
    AddDisk(DiskId),
    /// Makes a disk larger.
    GrowDisk(DiskId),
    /// Detaches a data disk and removes it.
    DeleteDisk(DiskId),
}

impl JobKind {
    /// Its word, without the subject.
    pub fn word(&self) -> &'static str {
        match self {
            Self::StartRequest(_) => "start-request",
            Self::CreateVm(_) => "create-vm",
            Self::DeleteVm(_) => "delete-vm",
            Self::AdoptVm(_) => "adopt-vm",
            Self::ReleaseVm(_) => "release-vm",
            Self::ImportOs(_) => "import-os",
            Self::AddDisk(_) => "add-disk",
            Self::GrowDisk(_) => "grow-disk",
            Self::DeleteDisk(_) => "delete-disk",
        }
    }

    /// The id of what it works on, as text.
    pub fn subject(&self) -> String {
        match self {
            Self::StartRequest(id) => id.to_string(),
            Self::CreateVm(id) | Self::DeleteVm(id) | Self::AdoptVm(id) | Self::ReleaseVm(id) => id.to_string(),
            Self::ImportOs(id) => id.to_string(),
            Self::AddDisk(id) | Self::GrowDisk(id) | Self::DeleteDisk(id) => id.to_string(),
        }
    }
}

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
    /// Whether nothing more will happen by itself.
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
    /// What it does.
    pub kind: JobKind,
    /// The name of what it works on, for people.
    pub title: String,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The machine that it works on, which may be gone by now.
    pub vm: Option<VmId>,
    /// Its place in its life.
    pub state: JobState,
    /// Its steps in order.
    pub steps: Vec<JobStep>,
    /// Whether somebody asked to cancel it.
    pub cancel: bool,
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

    /// Whether it goes backward: what it did is being undone, or was.
    pub fn goes_backward(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.state, StepState::Undoing | StepState::Undone))
    }
}

/// How a stuck job is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// What is left on the host, for people.
    pub note: String,
    /// What becomes of the records.
    pub records: ClosedRecords,
}

/// What becomes of the records that a closed job worked on: what the host says, and nothing by assumption.
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

/// A job to enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// The name of what it works on, for people.
    pub title: String,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// The names of its steps in order.
    pub steps: Vec<&'static str>,
}
