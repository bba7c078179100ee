//! Stuck jobs.

use vmm_core::model::{Job, JobState, StepState};

use super::{code, escape, shortened};
use crate::talk::dialogue::{Intent, JobStep};
use crate::talk::reply::Reply;

/// The longest reason that is shown, in characters.
const REASON: usize = 2_000;

/// Stuck jobs, each with a button for its card.
pub(crate) fn list(jobs: &[Job], more: bool) -> Reply {
    if jobs.is_empty() {
        return Reply::text("No job is stuck.");
    }
    let mut lines: Vec<_> = jobs.iter().map(headline).collect();
    if more {
        lines.push(format!("There are more: {}", code("GET /job?state=stuck")));
    }
    let button = |job: &Job| vec![(format!("Job {}: {}", job.id, job.title), show(job))];
    Reply::text(format!("<b>Stuck jobs</b>\n\n{}", lines.join("\n"))).rows(jobs.iter().map(button).collect())
}

/// One job, with buttons for what can be done about it while it is stuck.
pub(crate) fn card(job: &Job) -> Reply {
    let mut lines = vec![headline(job)];
    lines.extend(job.error.as_ref().map(|error| format!("<pre>{}</pre>", escape(&shortened(error, REASON)))));
    let job_id = job.id.0;
    let mut buttons = Vec::new();
    if job.state == JobState::Stuck {
        buttons.push(("Try again".to_owned(), Intent::Job(JobStep::Retry { job: job_id })));
        buttons.push(("Close".to_owned(), Intent::Job(JobStep::AskClose { job: job_id })));
    }
    let all = ("Stuck jobs".to_owned(), Intent::Job(JobStep::List));
    Reply::text(lines.join("\n")).rows(vec![buttons, vec![("Refresh".to_owned(), show(job)), all]])
}

/// Asks before a job is closed.
pub(crate) fn ask_close(job: i64) -> Reply {
    let text = format!(
        "<b>Close job {job}?</b>\nvmm stops working on it, and removes nothing from the host. Its machine gets the \
         state that the host reports, and I tell what is left on the host."
    );
    let yes = ("Yes, close".to_owned(), Intent::Job(JobStep::Close { job }));
    let no = ("No".to_owned(), Intent::Job(JobStep::Show { job }));
    Reply::text(text).rows(vec![vec![yes, no]])
}

fn show(job: &Job) -> Intent {
    Intent::Job(JobStep::Show { job: job.id.0 })
}

/// Renders a job: what it does, its state, the step that it reached, and since when.
fn headline(job: &Job) -> String {
    let at = match job.step() {
        Some(step) if !matches!(job.state, JobState::Done | JobState::Failed | JobState::Cancelled) => {
            let undone = if step.state == StepState::Undoing { ", while it was undone" } else { "" };
            format!(" at {}{undone}", code(&step.name))
        }
        _ => String::new(),
    };
    let since = job.changed_at.format("%Y-%m-%d %H:%M UTC");
    format!("<b>Job {}</b> ({} {}) is {}{at}, since {since}", job.id, job.kind, escape(&job.title), job.state)
}
