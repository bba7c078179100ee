//! Steps as tables: a name, what does it, what undoes it.

use std::pin::Pin;

use async_trait::async_trait;

use crate::error::Result;

pub(crate) type Doing<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// One step of a kind of job. Doing and undoing are safe to repeat, also after having been cut off.
pub(crate) struct Step<W: 'static> {
    pub(crate) name: &'static str,
    pub(crate) act: for<'a> fn(&'a W) -> Doing<'a>,
    pub(crate) undo: Option<for<'a> fn(&'a W) -> Doing<'a>>,
    /// True if it only waits, so that it may be dropped at any moment when the job is cancelled or the process stops.
    pub(crate) waits: bool,
}

/// `step!("name", act)`, `step!("name", act, undo)` or `step!("name", wait act)` over methods of the job's work.
macro_rules! step {
    ($name:literal, $act:path) => {
        $crate::job::step::Step { name: $name, act: |work| Box::pin($act(work)), undo: None, waits: false }
    };
    ($name:literal, $act:path, $undo:path) => {
        $crate::job::step::Step {
            name: $name,
            act: |work| Box::pin($act(work)),
            undo: Some(|work| Box::pin($undo(work))),
            waits: false,
        }
    };
    ($name:literal, wait $act:path) => {
        $crate::job::step::Step { name: $name, act: |work| Box::pin($act(work)), undo: None, waits: true }
    };
}
pub(crate) use step;

/// A job's work with its steps, of whatever kind.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    /// Does the step of this index.
    async fn act(&self, step: usize) -> Result<()>;
    /// Undoes the step of this index.
    async fn undo(&self, step: usize) -> Result<()>;
    /// Returns whether the step only waits.
    fn waits(&self, step: usize) -> bool;
    /// Returns the rule for a failed step.
    fn on_failure(&self) -> OnFailure;
}

/// The rule for a failed step of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The steps so far are undone.
    Undo,
    /// The job stops where it is and says so; it can be asked for again.
    Stop,
    /// As `Stop`, but a part that does not answer is waited for as long as it takes.
    Wait,
}

/// Work and the table of its kind.
pub(super) struct Planned<W: 'static> {
    pub(super) work: W,
    pub(super) steps: &'static [Step<W>],
    pub(super) on_failure: OnFailure,
}

#[async_trait]
impl<W: Send + Sync + 'static> Work for Planned<W> {
    async fn act(&self, step: usize) -> Result<()> {
        match self.steps.get(step) {
            Some(step) => (step.act)(&self.work).await,
            None => Ok(()),
        }
    }

    async fn undo(&self, step: usize) -> Result<()> {
        match self.steps.get(step).and_then(|step| step.undo) {
            Some(undo) => undo(&self.work).await,
            None => Ok(()),
        }
    }

    fn waits(&self, step: usize) -> bool {
        self.steps.get(step).is_some_and(|step| step.waits)
    }

    fn on_failure(&self) -> OnFailure {
        self.on_failure
    }
}
