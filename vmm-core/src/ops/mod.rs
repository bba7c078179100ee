//! The operations of a desk, a folder for each subject and a file for each resource: find the record, pass the gate,
//! make the change.

mod account;
mod bot;
mod desk;
mod machine;
mod remote;
mod request;
mod script;
mod watch;

pub use account::limits::BudgetUse;
pub use account::link::MadeLinkCode;
pub use account::second_factor::{NewSecondFactor, SecondFactorState};
pub use account::session::NewLogin;
pub use account::token::{MadeToken, TokenDraft};
pub use account::user::{UserDraft, UserUpdate};
pub use bot::mail::BotMail;
pub use bot::notice::{RequestNews, RequestProgress};
pub use desk::job::JobWatch;
pub use desk::statistics::DeskStatistics;
pub use machine::adoption::AdoptionDraft;
pub use machine::history::{History, HistoryPoint};
pub use machine::host_key::VmHostKey;
pub use machine::monitor::Monitor;
pub use machine::power::{Power, Switched};
pub use machine::vm::{VmLogin, VmUpdate};
pub use remote::ssh::SshEvent;
pub use remote::transfer::{
    Cargo, Direction, Machines, ReceiveTo, SendFrom, Transfer, TransferReport, TransferReports,
};
pub use request::request::{RequestDraft, RequestPreview, Submission};
pub use script::run::{RunDraft, RunTerms};
pub use script::run_watch::{RunChange, RunWatch};
pub use script::schedule::ScheduleDraft;
pub use script::script::{SavedScript, ScriptDraft, ScriptUpdate};
pub(crate) use {account::file::tidy as tidy_files, desk::audit::log_audit_head, desk::os::tidy_images};

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

/// Returns the names of the changed fields, for the audit log.
fn changed<const N: usize>(fields: [Option<String>; N]) -> String {
    fields.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The label of a job; its owner is that of the request or machine it belongs to.
fn job_label(job: &Job) -> String {
    format!("job {} ({} {})", job.id, job.kind, job.title)
}
