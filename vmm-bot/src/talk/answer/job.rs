//! Jobs that are stuck: shown, tried again, closed.

use vmm_core::Result;
use vmm_core::model::{JobFilter, JobId, JobState};

use crate::talk::context::Context;
use crate::talk::dialogue::JobStep;
use crate::talk::exchange::{Answer, Asked};
use crate::talk::render::job as render;

/// The largest number of jobs in a list.
const LISTED: u32 = 10;

/// The stuck jobs that this person may see.
pub(super) async fn list(context: &Context, asked: &Asked) -> Result<Answer> {
    let filter = JobFilter { state: Some(JobState::Stuck), limit: Some(LISTED), ..JobFilter::default() };
    let jobs = context.vmm.jobs(&asked.actor, &filter).await?;
    Ok(render::list(&jobs.items, jobs.next.is_some()).into())
}

/// Does what a button says.
pub(super) async fn step(context: &Context, asked: &Asked, step: JobStep) -> Result<Answer> {
    let (vmm, actor) = (&context.vmm, &asked.actor);
    let job = match step {
        JobStep::List => return list(context, asked).await,
        JobStep::AskClose { job } => return Ok(render::ask_close(job).into()),
        JobStep::Show { job } => vmm.job(actor, JobId(job)).await?,
        JobStep::Retry { job } => vmm.retry_job(actor, JobId(job)).await?,
        JobStep::Close { job } => vmm.close_job(actor, JobId(job)).await?,
    };
    Ok(render::card(&job).into())
}
