//! The trait of all kinds of jobs.

use async_trait::async_trait;

use super::step::{OnFailure, Planned, Step, Work};
use crate::desk::Desk;
use crate::error::{Error, Result};
use crate::model::{DiskId, Fate, JobKind, NewJob, OsId, RequestId, Subject, VmId};

/// A kind of job, which is a file and a line of [`kinds::ALL`](super::kinds::ALL).
#[async_trait]
pub(crate) trait Kind: Send + Sync + 'static {
    /// The id of what a job of this kind works on.
    type On: On;
    /// A job that a process works on.
    type Work: Send + Sync + 'static;

    /// Its word. It is never changed: records have it.
    const WORD: &'static str;
    /// Its steps in order.
    const STEPS: &'static [Step<Self::Work>];
    /// The reaction to a step that fails.
    const ON_FAILURE: OnFailure;
    /// True if somebody can cancel the job, which undoes it.
    const CANCELLABLE: bool = matches!(Self::ON_FAILURE, OnFailure::Undo);
    /// The fate of its subject's record when every step was done.
    const IF_DONE: Fate = Fate::Stays;
    /// The fate of its subject's record when every step was undone.
    const IF_UNDONE: Fate = Fate::Stays;

    /// Reads what a job works on.
    ///
    /// # Errors
    /// `NotFound` if it is gone from the records; the job is stuck then.
    async fn load(desk: &Desk, on: Self::On) -> Result<Self::Work>;
}

/// An id of something that jobs work on.
pub(crate) trait On: Sized + Send {
    /// Returns the id of a subject of this type.
    fn of(subject: &Subject) -> Option<Self>;
}

/// Pairs each kind of subject with the type of its id.
macro_rules! on {
    ($($subject:ident($id:ident)),+) => {
        $(impl On for $id {
            fn of(subject: &Subject) -> Option<Self> {
                if let Subject::$subject(id) = subject { Some(id.clone()) } else { None }
            }
        })+
    };
}
on!(Request(RequestId), Vm(VmId), Os(OsId), Disk(DiskId));

impl NewJob {
    /// Returns a job of a kind.
    pub(crate) fn of<K: Kind>() -> Self {
        Self {
            kind: JobKind::new(K::WORD),
            steps: K::STEPS.iter().map(|step| step.name).collect(),
            cancellable: K::CANCELLABLE,
            if_done: K::IF_DONE,
            if_undone: K::IF_UNDONE,
        }
    }
}

/// Any kind of job.
#[async_trait]
pub(crate) trait AnyKind: Send + Sync {
    /// Returns its word.
    fn word(&self) -> &'static str;
    /// Returns a job of this kind.
    #[cfg(feature = "crash-points")]
    fn new_job(&self) -> NewJob;
    /// Reads what a job works on.
    ///
    /// # Errors
    /// As [`Kind::load`], and `Internal` for a subject of another type.
    async fn load(&self, desk: &Desk, subject: &Subject) -> Result<Box<dyn Work>>;
}

#[async_trait]
impl<K: Kind> AnyKind for K {
    fn word(&self) -> &'static str {
        K::WORD
    }

    #[cfg(feature = "crash-points")]
    fn new_job(&self) -> NewJob {
        NewJob::of::<K>()
    }

    async fn load(&self, desk: &Desk, subject: &Subject) -> Result<Box<dyn Work>> {
        let of_another_type =
            || Error::internal("loading a job", format!("{} works on no {}", K::WORD, subject.word()));
        let work = K::load(desk, K::On::of(subject).ok_or_else(of_another_type)?).await?;
        Ok(Box::new(Planned { work, steps: K::STEPS, on_failure: K::ON_FAILURE }))
    }
}
