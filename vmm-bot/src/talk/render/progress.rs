//! The progress of a request's machines, and its end.

use vmm_core::model::{Job, JobState, Request, RequestState, StepState, Subject, Vm};

use super::request::{counted, headline};
use super::table::{shown, table};
use super::{escape, shortened};
use crate::talk::reply::Reply;

/// The largest number of machines that are shown one by one while they are made.
const SHOWN: usize = 25;
/// The longest list of failures, in characters.
const LONGEST_FAILURES: usize = 1500;

/// The machines of an approved request, a bar for each.
pub(crate) fn progress(request: &Request, jobs: &[Job]) -> Reply {
    let jobs: Vec<_> = jobs.iter().filter(|job| matches!(job.subject, Subject::Vm(_))).collect();
    let made = jobs.iter().filter(|job| job.state == JobState::Done).count();
    let of = counted(request.plan.vms.len(), "machine is", "machines are");
    let mut text = format!("{}\n{made} of {of} ready.", headline(request));
    if jobs.is_empty() {
        return Reply::text(text);
    }
    let rows: Vec<_> = jobs.iter().take(SHOWN).map(|job| vec![job.title.clone(), steps(job), stage(job)]).collect();
    text.push_str(&format!("\n<pre>{}</pre>", escape(table(&rows).trim_end())));
    if jobs.len() > SHOWN {
        text.push_str(&format!("\n… and {} more", jobs.len() - SHOWN));
    }
    Reply::text(text)
}

/// Renders the end of an approved request, which replaces its progress.
pub(crate) fn ended(request: &Request) -> Reply {
    Reply::text(format!("{}{}", headline(request), failures(request)))
}

/// To the requester at the end: each machine with its address and the user to log in as, and perhaps a file to show
/// before.
pub(crate) fn result(request: &Request, vms: &[Vm]) -> (Option<Reply>, Reply) {
    let mut text = format!("{}{}", headline(request), failures(request));
    if vms.is_empty() {
        return (None, Reply::text(text));
    }
    let row =
        |vm: &Vm| vec![vm.name.to_string(), vm.ip.map(|ip| ip.to_string()).unwrap_or_default(), vm.login.to_string()];
    let head = ["name", "address", "user"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(vms.iter().map(row)).collect();
    let (table, file) = shown(&rows, &format!("{}-machines.txt", request.id));
    text.push_str(&format!(
        "\n{table}\nI send no first passwords in a chat. <code>GET /vm/login?vm={}</code> returns them.",
        escape(vms[0].name.as_str())
    ));
    (file, Reply::text(text))
}

/// The machines of a request as a table for programs.
pub(crate) fn result_csv(request: &Request, csv: String) -> Reply {
    Reply::text("The machines as a table for programs.").document(format!("{}-result.csv", request.id), csv)
}

/// Renders a line for each machine that failed, with the stage and the reason.
fn failures(request: &Request) -> String {
    let (RequestState::Failed, Some(reason)) = (request.state, &request.reason) else { return String::new() };
    let lines: String = reason.lines().map(|line| format!("\n• {line}")).collect();
    escape(&shortened(&lines, LONGEST_FAILURES))
}

/// So much of so much.
pub(super) fn bar(done: usize, of: usize) -> String {
    "▓".repeat(done) + &"░".repeat(of.saturating_sub(done))
}

fn steps(job: &Job) -> String {
    bar(job.steps.iter().filter(|step| step.state == StepState::Done).count(), job.steps.len())
}

fn stage(job: &Job) -> String {
    match job.state {
        JobState::Done => "runs".to_owned(),
        JobState::Queued => "waits".to_owned(),
        JobState::Running => {
            let acting = job.steps.iter().find(|step| step.state != StepState::Done);
            acting.map(|step| step.name.replace('-', " ")).unwrap_or_default()
        }
        JobState::Undoing | JobState::Failed | JobState::Cancelled | JobState::Stuck | JobState::Closed => {
            let error = job.error.as_deref().unwrap_or_default();
            shortened(&format!("{}: {}", job.state, error.lines().next().unwrap_or_default()), 60)
        }
    }
}
