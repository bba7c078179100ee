//! The operations of a desk, one file for each resource: find the record, pass the gate, make the change.

mod adoption;
mod audit;
mod bot;
mod bot_group;
mod definition;
mod disk;
mod file;
mod health;
mod history;
mod host_key;
mod idempotency;
mod job;
mod job_stuck;
mod limits;
mod link;
mod many;
mod menu;
mod monitor;
mod notice;
mod os;
mod power;
mod reclaim;
mod request;
mod request_csv;
mod run;
mod run_watch;
mod schedule;
mod script;
mod session;
mod spreadsheet;
mod ssh;
mod ssh_many;
mod statistics;
mod token;
mod transfer;
mod transfer_many;
mod tree;
mod user;
mod vm;

pub use adoption::AdoptionDraft;
pub use bot::BotMail;
pub use history::{History, HistoryPoint};
pub use host_key::VmHostKey;
pub use job::JobWatch;
pub use limits::BudgetUse;
pub use link::MadeLinkCode;
pub use monitor::Monitor;
pub use notice::{RequestNews, RequestProgress};
pub use power::{Power, Switched};
pub use request::{RequestDraft, RequestPreview, Submission};
pub use run::{RunDraft, RunTerms};
pub use run_watch::{RunChange, RunWatch};
pub use schedule::ScheduleDraft;
pub use script::{SavedScript, ScriptDraft, ScriptUpdate};
pub use session::NewLogin;
pub use ssh::SshEvent;
pub use statistics::Statistics;
pub use token::{MadeToken, TokenDraft};
pub use transfer::{Transfer, TransferReport};
pub use tree::{TreeReport, TreeTransfer};
pub use user::{UserDraft, UserUpdate};
pub use vm::{VmLogin, VmUpdate};
pub(crate) use {audit::log_audit_head, file::tidy as tidy_files, os::tidy_images};

use crate::error::{Error, Result};
use crate::model::{Job, Request, Run, Schedule, Script, Vm};
use crate::policy::Target;

impl From<&Vm> for Target {
    fn from(vm: &Vm) -> Self {
        Self::of(vm.user, format!("vm {}", vm.name))
    }
}

impl From<&Request> for Target {
    fn from(request: &Request) -> Self {
        Self::of(request.requester, format!("request {}", request.id))
    }
}

impl From<&Script> for Target {
    fn from(script: &Script) -> Self {
        Self::of(script.owner, format!("script {}", script.name))
    }
}

impl From<&Run> for Target {
    fn from(run: &Run) -> Self {
        Self { label: format!("run {} ({})", run.id, run.script_name), owner: run.user }
    }
}

impl From<&Schedule> for Target {
    fn from(schedule: &Schedule) -> Self {
        Self::of(schedule.owner, format!("schedule {} ({})", schedule.id, schedule.script_name))
    }
}

/// The longest text for people, in characters.
const MAX_TEXT: usize = 4096;

/// Checks a text for people: a description or a reason.
fn text(field: &str, text: &str) -> Result<()> {
    let length = text.chars().count();
    if length > MAX_TEXT {
        return Err(Error::invalid(field, format!("is {length} characters long; at most {MAX_TEXT}")));
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(Error::invalid(field, "holds a control character"));
    }
    Ok(())
}

/// What a change names, for the audit log.
fn changed<const N: usize>(fields: [Option<String>; N]) -> String {
    fields.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The label of a job; its owner is that of the request or machine it belongs to.
fn job_label(job: &Job) -> String {
    format!("job {} ({} {})", job.id, job.kind, job.title)
}
