//! Runs one job from wherever its log says it is.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::kind::AnyKind;
use super::step::{OnFailure, Work};
use crate::crash;
use crate::desk::Desk;
use crate::error::{Error, Kind, Result};
use crate::model::{Job, JobState, StepState};

/// The time to wait before a part that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Stands in a job's error between why it failed and what could not be undone.
const UNDOING: &str = "; undoing ";

/// An order of the worker to a running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    Cancel,
    /// Stop at the next safe point and leave the job as it is.
    Leave,
}

/// The way in which a job's work ended.
enum End {
    Done,
    Failed(String),
    Cancelled,
    Left,
}

/// Runs a job to its end, or until it is ordered to be left.
///
/// # Errors
/// `Internal` for a job of a kind that is not one of `kinds`, and when the log cannot be written. The job is then as
/// the log says, and can be run again.
pub(crate) async fn run(
    desk: Desk,
    kinds: &'static [&'static dyn AnyKind],
    job: Job,
    mut orders: watch::Receiver<Order>,
) -> Result<()> {
    let unknown =
        || Error::internal("looking a job up", format!("this program knows no jobs of the kind {}", job.kind));
    let kind = kinds.iter().find(|kind| kind.word() == job.kind.as_str()).ok_or_else(unknown)?;
    let work = match kind.load(&desk, &job.subject).await {
        Ok(work) => work,
        // What it works on does not come back, however often it is tried.
        Err(error @ Error::NotFound { .. }) => {
            return desk.repository().jobs().finish(job.id, JobState::Stuck, Some(described(&error))).await;
        }
        Err(error) => return Err(error),
    };
    let runner = Runner { desk, job, work };
    runner.run(&mut orders).await
}

struct Runner {
    desk: Desk,
    job: Job,
    work: Box<dyn Work>,
}

impl Runner {
    async fn run(&self, orders: &mut watch::Receiver<Order>) -> Result<()> {
        if self.job.state == JobState::Undoing {
            let end = if self.job.cancel { JobState::Cancelled } else { JobState::Failed };
            let error = self.job.error.as_deref().unwrap_or_default();
            // A job that is tried again tells anew what cannot be undone.
            let reason = error.split_once(UNDOING).map_or(error, |(reason, _)| reason);
            return self.backward(end, reason.to_owned()).await;
        }
        match self.forward(orders).await? {
            End::Left => Ok(()),
            End::Done => self.finish(JobState::Done, None).await,
            End::Failed(reason) if self.work.on_failure() == OnFailure::Undo => {
                warn!(job = %self.job.id, title = %self.job.title, reason, "a job failed and is undone");
                self.desk.repository().jobs().undo(self.job.id, &reason).await?;
                self.backward(JobState::Failed, reason).await
            }
            End::Cancelled => {
                self.desk.repository().jobs().undo(self.job.id, "cancelled").await?;
                self.backward(JobState::Cancelled, "cancelled".to_owned()).await
            }
            End::Failed(reason) => self.finish(JobState::Stuck, Some(reason)).await,
        }
    }

    async fn forward(&self, orders: &mut watch::Receiver<Order>) -> Result<End> {
        for (index, step) in self.job.steps.iter().enumerate() {
            if step.state == StepState::Done {
                continue;
            }
            match *orders.borrow_and_update() {
                Order::Run => {}
                Order::Cancel => return Ok(End::Cancelled),
                Order::Leave => return Ok(End::Left),
            }
            self.record(index, StepState::Acting).await?;
            self.point(&step.name, "begun").await;
            let acted = if self.work.waits(index) {
                tokio::select! {
                    acted = self.act(index, orders.clone()) => acted,
                    order = order(orders) => match order {
                        Order::Leave => return Ok(End::Left),
                        Order::Run | Order::Cancel => return Ok(End::Cancelled),
                    },
                }
            } else {
                self.act(index, orders.clone()).await
            };
            match acted {
                Ok(Acted::Done) => {}
                Ok(Acted::Left) => return Ok(End::Left),
                Err(error) => return Ok(End::Failed(format!("{}: {}", step.name, described(&error)))),
            }
            self.point(&step.name, "acted").await;
            self.record(index, StepState::Done).await?;
            self.point(&step.name, "recorded").await;
        }
        Ok(End::Done)
    }

    /// Does a step; while a part does not answer, again and again within the deadline.
    async fn act(&self, index: usize, orders: watch::Receiver<Order>) -> Result<Acted> {
        let since = Instant::now();
        loop {
            crash::fault(self.job.kind.as_str(), &self.job.steps[index].name)?;
            match self.work.act(index).await {
                Ok(()) => return Ok(Acted::Done),
                Err(error @ Error::Unavailable { .. }) => {
                    let patient = self.work.on_failure() == OnFailure::Wait;
                    if !patient && since.elapsed() > self.desk.settings().outage_deadline {
                        return Err(error);
                    }
                    if *orders.borrow() == Order::Leave {
                        return Ok(Acted::Left);
                    }
                    info!(job = %self.job.id, %error, "a step waits for a part that does not answer");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn backward(&self, end: JobState, reason: String) -> Result<()> {
        let jobs = self.desk.repository().jobs();
        let job = jobs.by_id(self.job.id).await?.ok_or_else(|| Error::not_found(Kind::Job, self.job.id))?;
        for (index, step) in job.steps.iter().enumerate().rev() {
            if step.state == StepState::Undone {
                continue;
            }
            // A step that has not begun has made nothing: what is where it would have made something is not its own.
            let begun = step.state != StepState::Waiting;
            if begun {
                self.record(index, StepState::Undoing).await?;
            }
            self.point(&step.name, "undo-begun").await;
            if begun && let Err(error) = self.undo(index).await {
                let reason = format!("{reason}{UNDOING}{} failed: {}", step.name, described(&error));
                return self.finish(JobState::Stuck, Some(reason)).await;
            }
            self.point(&step.name, "undone").await;
            self.record(index, StepState::Undone).await?;
            self.point(&step.name, "undo-recorded").await;
        }
        self.finish(end, Some(reason)).await
    }

    async fn undo(&self, index: usize) -> Result<()> {
        let since = Instant::now();
        loop {
            crash::fault(self.job.kind.as_str(), &format!("undo-{}", self.job.steps[index].name))?;
            match self.work.undo(index).await {
                Err(Error::Unavailable { .. }) if since.elapsed() <= self.desk.settings().outage_deadline => {
                    tokio::time::sleep(RETRY).await;
                }
                result => return result,
            }
        }
    }

    async fn record(&self, step: usize, state: StepState) -> Result<()> {
        self.desk.repository().jobs().step(self.job.id, step, state).await
    }

    async fn finish(&self, state: JobState, error: Option<String>) -> Result<()> {
        self.point("finish", "begun").await;
        info!(job = %self.job.id, kind = self.job.kind.as_str(), title = %self.job.title, %state, "a job ended");
        self.desk.repository().jobs().finish(self.job.id, state, error).await?;
        self.desk.forget_states();
        self.point("finish", "recorded").await;
        Ok(())
    }

    async fn point(&self, step: &str, moment: &str) {
        crash::point(self.job.kind.as_str(), step, moment).await;
    }
}

enum Acted {
    Done,
    Left,
}

/// Waits until the job is wanted no more.
async fn order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.wait_for(|order| *order != Order::Run).await {
        Ok(order) => *order,
        Err(_) => Order::Leave,
    }
}

/// An error with its causes, for the job's own record.
fn described(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
