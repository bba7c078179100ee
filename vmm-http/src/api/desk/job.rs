//! Long operations.

use chrono::{DateTime, Utc};
use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::JobWatch;
use vmm_core::model::{Job, JobFilter, JobId, JobState, JobStep, RequestId, StepState};

use crate::api::answer::Accepted;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch;
use crate::wire::cursor;
use crate::wire::events::{Event, Events, Source, Streams};
use crate::wire::text::TextOf;

pub(crate) struct JobApi;

/// The state of a job. `done`, `failed`, `cancelled`, `stuck` and `closed` do not change by themselves. A `stuck` job
/// can be retried or closed.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "JobState", rename_all = "lowercase")]
enum JobStateWord {
    Queued,
    Running,
    Undoing,
    Done,
    Failed,
    Cancelled,
    Stuck,
    Closed,
}

impl From<JobStateWord> for JobState {
    fn from(word: JobStateWord) -> Self {
        match word {
            JobStateWord::Queued => Self::Queued,
            JobStateWord::Running => Self::Running,
            JobStateWord::Undoing => Self::Undoing,
            JobStateWord::Done => Self::Done,
            JobStateWord::Failed => Self::Failed,
            JobStateWord::Cancelled => Self::Cancelled,
            JobStateWord::Stuck => Self::Stuck,
            JobStateWord::Closed => Self::Closed,
        }
    }
}

impl From<JobState> for JobStateWord {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Queued => Self::Queued,
            JobState::Running => Self::Running,
            JobState::Undoing => Self::Undoing,
            JobState::Done => Self::Done,
            JobState::Failed => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            JobState::Stuck => Self::Stuck,
            JobState::Closed => Self::Closed,
        }
    }
}

/// The state of a step.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "StepState", rename_all = "lowercase")]
enum StepStateWord {
    Waiting,
    Acting,
    Done,
    Undoing,
    Undone,
}

impl From<StepState> for StepStateWord {
    fn from(state: StepState) -> Self {
        match state {
            StepState::Waiting => Self::Waiting,
            StepState::Acting => Self::Acting,
            StepState::Done => Self::Done,
            StepState::Undoing => Self::Undoing,
            StepState::Undone => Self::Undone,
        }
    }
}

/// One step of a job.
#[derive(Debug, Object)]
#[oai(rename = "JobStep")]
struct StepBody {
    name: String,
    state: StepStateWord,
    changed_at: DateTime<Utc>,
}

impl From<JobStep> for StepBody {
    fn from(step: JobStep) -> Self {
        Self { name: step.name, state: step.state.into(), changed_at: step.changed_at }
    }
}

/// A long operation.
#[derive(Debug, Object)]
#[oai(rename = "Job", skip_serializing_if_is_none)]
pub(crate) struct JobBody {
    id: i64,
    /// The kind of the job, like `create-vm`.
    kind: String,
    /// The name of the machine, request, entry or disk that the job works on.
    title: String,
    /// The request it belongs to.
    request: Option<String>,
    state: JobStateWord,
    /// The percentage of its steps that are done.
    percent: u32,
    steps: Vec<StepBody>,
    /// True if somebody has cancelled it.
    cancel: bool,
    /// The reason why the job failed. For a closed job also what remains on the host.
    error: Option<String>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.0,
            kind: job.kind.to_string(),
            percent: percent(&job),
            title: job.title,
            request: job.request.map(|request| request.to_string()),
            state: job.state.into(),
            steps: job.steps.into_iter().map(StepBody::from).collect(),
            cancel: job.cancel,
            error: job.error,
            created_at: job.created_at,
            changed_at: job.changed_at,
        }
    }
}

fn percent(job: &Job) -> u32 {
    let done = job.steps.iter().filter(|step| step.state == StepState::Done).count();
    match job.state {
        JobState::Done => 100,
        _ => u32::try_from(100 * done / job.steps.len().max(1)).unwrap_or(100),
    }
}

/// Long operations.
#[derive(Debug, Object)]
#[oai(rename = "Jobs", skip_serializing_if_is_none)]
pub(crate) struct JobsBody {
    job: Vec<JobBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

impl From<Vec<Job>> for JobsBody {
    fn from(jobs: Vec<Job>) -> Self {
        Self { job: jobs.into_iter().map(JobBody::from).collect(), next: None }
    }
}

/// A long operation that a call began.
#[derive(Debug, Object)]
#[oai(rename = "StartedJob")]
pub(crate) struct StartedJob {
    /// Its id, for `GET /job/{id}`.
    job: i64,
}

impl From<JobId> for StartedJob {
    fn from(id: JobId) -> Self {
        Self { job: id.0 }
    }
}

impl Source for JobWatch {
    async fn next(&mut self) -> vmm_core::Result<Option<Event>> {
        Ok(self.next().await?.map(|job| {
            let id = Some(job.changed_at.timestamp_micros());
            Event { name: "job", id, data: JobBody::from(job).to_json_string() }
        }))
    }
}

#[OpenApi(tag = "Tag::Job")]
impl JobApi {
    /// List the jobs of one's requests and machines, newest first; all jobs for an admin.
    #[oai(path = "/job", method = "get", operation_id = "listJobs")]
    async fn list(
        &self,
        caller: Caller,
        /// Only those in this state.
        state: Query<Option<JobStateWord>>,
        /// Only those of this request.
        request: Query<Option<TextOf<RequestId>>>,
        /// The `next` of a page, to get the page after it.
        #[oai(validator(max_length = 512))]
        after: Query<Option<String>>,
        /// The largest number of items in the page; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
    ) -> Result<Json<JobsBody>, Failure> {
        let login = caller.0;
        let filter = JobFilter {
            state: state.0.map(Into::into),
            request: batch::named("request", request.0.map(RequestId::new).transpose())?,
            after: cursor::read("job", after.0, cursor::id)?.map(JobId),
            limit: Some(limit.0.unwrap_or(cursor::DEFAULT_LIMIT)),
            ..JobFilter::default()
        };
        let page = login.vmm.jobs(&login.actor, &filter).await?;
        let next = page.next.map(|id| cursor::write("job", id));
        Ok(Json(JobsBody { next, ..page.items.into() }))
    }

    /// Watch a job as server-sent events, from its present state to its end.
    ///
    /// Each change is an event `job` whose data is the JSON of `GET /job/{id}`. The stream ends after the job's last
    /// change. A client that reconnects gets the present state first; missed changes are not repeated.
    #[oai(path = "/job/:id/events", method = "get", operation_id = "watchJob")]
    async fn events(
        &self,
        caller: Caller,
        request: &Request,
        streams: Data<&Streams>,
        id: Path<i64>,
    ) -> Result<Events, Failure> {
        let login = caller.0;
        let watch = login.vmm.watch_job(&login.actor, JobId(id.0)).await?;
        streams.open(None, watch, login.vmm, request)
    }

    /// Get a job with its steps.
    #[oai(path = "/job/:id", method = "get", operation_id = "getJob")]
    async fn get(&self, caller: Caller, id: Path<i64>) -> Result<Json<JobBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.job(&login.actor, JobId(id.0)).await?.into()))
    }

    /// Cancel a job. Its steps are undone; the job shows the progress.
    #[oai(path = "/job/:id/cancel", method = "post", operation_id = "cancelJob")]
    async fn cancel(&self, caller: Caller, id: Path<i64>) -> Result<Accepted<StartedJob>, Failure> {
        let login = caller.0;
        login.vmm.cancel_job(&login.actor, JobId(id.0)).await?;
        Ok(Accepted::Accepted(Json(JobId(id.0).into())))
    }

    /// Retry a stuck job. Admins only.
    ///
    /// The job continues where it stopped: forward if it was being done, backward if it was being undone.
    #[oai(path = "/job/:id/retry", method = "post", operation_id = "retryJob")]
    async fn retry(&self, caller: Caller, id: Path<i64>) -> Result<Accepted<StartedJob>, Failure> {
        let login = caller.0;
        let job = login.vmm.retry_job(&login.actor, JobId(id.0)).await?;
        Ok(Accepted::Accepted(Json(job.id.into())))
    }

    /// Close a stuck job. Admins only.
    ///
    /// Closing removes nothing from the host. The job's `error` says what remains there, and the job's machine or disk
    /// gets the state that the host reports, `unknown` while the host does not answer.
    #[oai(path = "/job/:id/close", method = "post", operation_id = "closeJob")]
    async fn close(&self, caller: Caller, id: Path<i64>) -> Result<Json<JobBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.close_job(&login.actor, JobId(id.0)).await?.into()))
    }
}
