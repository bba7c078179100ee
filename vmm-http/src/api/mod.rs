//! The operations, one folder for each subject and one file for each resource, named as in the core. A handler reads
//! its input, makes one call to the desk, and answers.

mod account;
mod answer;
mod bot;
mod desk;
mod machine;
mod remote;
mod request;
mod script;
mod tag;

/// Every resource's operations, as a type and as its one value. What belongs together is nested, since poem-openapi
/// takes 16 at most.
macro_rules! every_api {
    () => {
        (
            (
                account::session::SessionApi,
                account::session_web::WebSessionApi,
                account::second_factor::SecondFactorApi,
            ),
            (account::token::TokenApi, account::link::LinkApi, bot::bot_group::BotGroupApi),
            (account::user::UserApi, account::limits::LimitsApi),
            desk::os::OsApi,
            request::request::RequestApi,
            desk::job::JobApi,
            (
                machine::vm::VmApi,
                machine::host_key::HostKeyApi,
                machine::definition::DefinitionApi,
                machine::reclaim::ReclaimApi,
            ),
            (remote::ssh::SshApi, remote::ssh_stream::SshStreamApi, remote::ssh_many::SshManyApi),
            (
                script::script::ScriptApi,
                script::run::RunApi,
                script::run_watch::RunEventsApi,
                script::schedule::ScheduleApi,
            ),
            machine::monitor::MonitorApi,
            machine::disk::DiskApi,
            (account::file::FileApi, remote::transfer::FtApi, remote::transfer_stream::FtStreamApi),
            desk::audit::AuditApi,
            desk::health::HealthApi,
            desk::statistics::MetricsApi,
        )
    };
}

/// Every operation of the specification.
pub(crate) type Apis = every_api!();

pub(crate) fn apis() -> Apis {
    every_api!()
}
