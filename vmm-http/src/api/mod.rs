//! The operations, one file for each resource. A handler reads its input, makes one call to the desk, and answers.

mod audit;
mod bot_group;
mod config;
mod disk;
mod file;
mod health;
mod job;
mod limits;
mod link;
mod metrics;
mod os;
mod request_vm;
mod request_vm_dto;
mod session;
mod token;
mod user;
mod vm;
mod vm_adoption;
mod vm_definition;
mod vm_dto;
mod vm_ft;
mod vm_ft_content;
mod vm_ft_dto;
mod vm_ft_stream;
mod vm_host_key;
mod vm_monitor;
mod vm_reclaim;
mod vm_script;
mod vm_script_run;
mod vm_script_run_events;
mod vm_script_schedule;
mod vm_ssh;
mod vm_ssh_many;
mod vm_ssh_stream;

use std::time::Duration;

use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;
use poem_openapi::{ApiResponse, Tags};
use vmm_core::model::Revision;
use vmm_core::remote::Exit;

/// Every resource's operations, as a type and as its one value. What belongs together is nested, since poem-openapi takes
/// 16 at most.
macro_rules! every_api {
    () => {
        (
            session::SessionApi,
            (token::TokenApi, link::LinkApi, bot_group::BotGroupApi),
            config::ConfigApi,
            (user::UserApi, limits::LimitsApi),
            os::OsApi,
            request_vm::RequestApi,
            job::JobApi,
            (vm::VmApi, vm_host_key::HostKeyApi, vm_definition::DefinitionApi, vm_reclaim::ReclaimApi),
            (vm_ssh::SshApi, vm_ssh_stream::SshStreamApi, vm_ssh_many::SshManyApi),
            (
                vm_script::ScriptApi,
                vm_script_run::RunApi,
                vm_script_run_events::RunEventsApi,
                vm_script_schedule::ScheduleApi,
            ),
            vm_monitor::MonitorApi,
            disk::DiskApi,
            (file::FileApi, vm_ft::FtApi, vm_ft_stream::FtStreamApi),
            audit::AuditApi,
            health::HealthApi,
            metrics::MetricsApi,
        )
    };
}

/// Every operation of the specification.
pub(crate) type Apis = every_api!();

pub(crate) fn apis() -> Apis {
    every_api!()
}

#[derive(Tags)]
enum Tag {
    /// Log in and out; tokens for programs; chats.
    Session,
    /// Accounts.
    User,
    /// The catalog that machines are made from.
    Os,
    /// Requests for machines: submit, look, decide.
    Request,
    /// Long operations.
    Job,
    /// Machines.
    Vm,
    /// Disks of machines.
    Disk,
    /// Files: one's own area, and on machines.
    File,
    /// Scripts that run on many machines.
    Script,
    /// The record of who did what.
    Audit,
    /// Whether the desk works.
    Health,
}

/// One record.
#[derive(ApiResponse)]
enum Tagged<T: ToJSON> {
    /// The record.
    #[oai(status = 200)]
    Found(
        Json<T>,
        /// The record's revision, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl<T: ToJSON> Tagged<T> {
    fn new(record: T, revision: Revision) -> Self {
        Self::Found(Json(record), format!("\"{revision}\""))
    }
}

/// Done, and nothing to tell.
#[derive(ApiResponse)]
enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// Begun; it goes on in the background.
#[derive(ApiResponse)]
enum Accepted<T: ToJSON> {
    /// Begun; it goes on in the background.
    #[oai(status = 202)]
    Accepted(Json<T>),
}

/// How a command ended: its exit code, or the signal's name without `SIG`.
fn ending(exit: Exit) -> (Option<i32>, Option<String>) {
    match exit {
        Exit::Code(code) => (Some(code), None),
        Exit::Signal(name) => (None, Some(name)),
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
