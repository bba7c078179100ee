//! The errors by which stores refuse a change that does not fit the records, so that every store says it in the same
//! words.

use std::fmt::Display;

use super::{MOST_GROUPS, MOST_SCHEDULES, MOST_TOKENS, outcome};
use crate::error::{Error, Kind};
use crate::model::{
    Disk, FiringOf, Job, JobId, JobState, MAX_DISKS, MacAddress, Os, OsName, OsVersion, Request, RequestId,
    RequestState, Run, RunId, TokenName, UserName, VmName, VolumeName,
};

/// Refuses a name that another account or script has.
pub fn name_taken(kind: Kind, name: impl Display) -> Error {
    Error::conflict(kind, name, "the name is taken; choose another one")
}

/// Refuses a chat that is bound to another account.
pub fn chat_bound(name: &UserName, holder: impl Display) -> Error {
    Error::conflict(Kind::User, name, format!("the chat is already linked to user {holder}; unlink it there first"))
}

/// Refuses a change after which no enabled admin would be left.
pub fn last_admin(name: &UserName) -> Error {
    Error::conflict(Kind::User, name, "is the last admin; make another one first")
}

/// Refuses to begin a second factor for an account that has one.
pub fn has_second_factor(name: &UserName) -> Error {
    Error::conflict(Kind::User, name, "has a second factor already; remove it first")
}

/// Refuses to confirm a second factor that nobody has begun.
pub fn no_second_factor_begun(name: &UserName) -> Error {
    Error::conflict(Kind::User, name, "has begun no second factor; begin one first")
}

/// Refuses to remove an account that is responsible for a machine.
pub fn user_has_vm(name: &UserName, vm: impl Display) -> Error {
    Error::conflict(Kind::User, name, format!("is responsible for vm {vm}; remove it first"))
}

/// Refuses to remove an account that a request names.
pub fn user_has_request(name: &UserName, request: impl Display) -> Error {
    Error::conflict(Kind::User, name, format!("is named by request {request}, whose record stays"))
}

/// Refuses to remove an account that owns a script.
pub fn user_has_script(name: &UserName, script: impl Display) -> Error {
    Error::conflict(Kind::User, name, format!("owns script {script}; remove it first"))
}

/// Refuses to replace sealed secrets that are other ones than those that were read.
pub fn sealed_meanwhile() -> Error {
    let reason = "something was sealed meanwhile; try again while no vmm program runs";
    Error::conflict(Kind::Key, "master", reason)
}

/// Refuses one more token than an account can have.
pub fn too_many_tokens(name: &TokenName) -> Error {
    let reason = format!("the account has {MOST_TOKENS} tokens already; delete one first");
    Error::conflict(Kind::Token, name, reason)
}

/// Refuses a name that another token of the account has.
pub fn token_name_taken(name: &TokenName) -> Error {
    Error::conflict(Kind::Token, name, "the account has a token of this name already")
}

/// Returns the name and the version of a catalog entry as a CSV has them.
pub fn label(name: &OsName, version: &OsVersion) -> String {
    format!("{name}:{version}")
}

/// Refuses a name and version that the catalog has.
pub fn os_taken(name: &OsName, version: &OsVersion) -> Error {
    let reason = "the catalog has this name and version already; choose another version";
    Error::conflict(Kind::Os, label(name, version), reason)
}

/// Refuses to import what a job imports already.
pub fn os_is_imported(os: &Os, job: JobId) -> Error {
    Error::conflict(Kind::Os, label(&os.name, &os.version), format!("job {job} is importing it already"))
}

/// Refuses to remove a catalog entry while a job imports it.
pub fn os_needs_import(os: &Os, job: JobId) -> Error {
    let reason = format!("job {job} is importing it; wait for it or cancel it");
    Error::conflict(Kind::Os, label(&os.name, &os.version), reason)
}

/// Refuses to remove a catalog entry that a machine is made from.
pub fn os_has_vm(os: &Os, vm: impl Display) -> Error {
    Error::conflict(Kind::Os, label(&os.name, &os.version), format!("vm {vm} is made from it"))
}

/// Refuses to remove a machine that was asked for and not made.
pub fn vm_not_made(name: &VmName) -> Error {
    let reason = "it was asked for and does not exist yet; cancel its request instead";
    Error::conflict(Kind::Vm, name, reason)
}

/// Refuses to change a machine that an open job works on.
pub fn vm_occupied(name: &VmName, job: &Job) -> Error {
    Error::conflict(Kind::Vm, name, outcome::occupied(job))
}

/// Refuses a machine with a value, named by `what`, that another one has.
pub fn vm_value_taken(name: &VmName, what: &str, value: impl Display, vm: impl Display, owner: impl Display) -> Error {
    Error::conflict(Kind::Vm, name, format!("its {what} {value} is taken by vm {vm} of user {owner}"))
}

/// Refuses a definition with a hardware address that another machine has.
pub fn mac_taken(name: &VmName, mac: &MacAddress) -> Error {
    let reason = format!("its hardware address {mac} is that of another machine; give it one of its own");
    Error::conflict(Kind::Vm, name, reason)
}

/// Refuses one more disk than a machine can have.
pub fn too_many_disks(vm: &VmName) -> Error {
    let reason = format!("it has {MAX_DISKS} disks, which is the most that a machine can have");
    Error::conflict(Kind::Vm, vm, reason)
}

/// Refuses to change the disks of a machine that was adopted.
pub fn disks_of_adopted(vm: &VmName) -> Error {
    let reason = "it was adopted, so vmm does not change its disks; change them with the tools that made them";
    Error::conflict(Kind::Vm, vm, reason)
}

/// Refuses to change the disks of a machine that is not made.
pub fn disks_of_requested(vm: &VmName) -> Error {
    Error::conflict(Kind::Vm, vm, "it does not exist yet; wait until its job is done")
}

/// Refuses a volume that is a disk already.
pub fn volume_taken(volume: &VolumeName, vm: impl Display) -> Error {
    Error::conflict(Kind::Volume, volume, format!("it is a disk of vm {vm} already"))
}

/// Refuses to make a disk smaller, or to leave its size.
pub fn disk_not_larger(size: u32, disk: &Disk) -> Error {
    let has = disk.disk_size;
    let reason = format!("is {size} GiB, and the disk has {has} GiB; name more, since a disk never shrinks");
    Error::invalid("disk_size", reason)
}

/// Refuses to remove a system disk.
pub fn system_disk(disk: &Disk) -> Error {
    let reason = format!("it is the system disk of {}; delete the machine instead", disk.vm_name);
    Error::conflict(Kind::Disk, disk.id, reason)
}

/// Refuses an id that another request has.
pub fn request_id_taken(id: &RequestId) -> Error {
    Error::conflict(Kind::Request, id, "another request has this id; choose another id")
}

/// Refuses to approve a plan that was not shown.
pub fn other_plan(id: &RequestId) -> Error {
    Error::conflict(Kind::Request, id, "its plan has changed since it was shown; look at it again, then decide")
}

/// Refuses a change of a request that is in another state than `state`.
pub fn request_not(request: &Request, state: RequestState) -> Error {
    let by = request.decided_by.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
    Error::conflict(Kind::Request, &request.id, format!("it is {}{by}, not {state}", request.state))
}

/// Refuses to close a request to this state.
pub fn not_a_closing(to: RequestState) -> Error {
    Error::invalid("state", format!("a request is closed to rejected or cancelled, not to {to}"))
}

/// Refuses a job on a machine that another job works on.
pub fn another_job(title: &str) -> Error {
    Error::conflict(Kind::Vm, title, "another job works on it; wait for it or cancel it")
}

/// Refuses to change a job that is over.
pub fn job_over(job: &Job) -> Error {
    Error::conflict(Kind::Job, job.id, format!("it is {} already", job.state))
}

/// Refuses to end a job with this state.
pub fn not_an_end(state: JobState) -> Error {
    Error::invalid("state", format!("{state} is not the end of a job"))
}

/// Says that a job has no step at this position.
pub fn no_step(id: JobId, step: usize) -> Error {
    Error::not_found(Kind::Job, format!("{id} step {step}"))
}

/// Refuses a lease that ends later than time is counted.
pub fn lease_too_long() -> Error {
    Error::invalid("ttl", "is too long")
}

/// Refuses to remove a script that has runs.
pub fn script_has_runs(name: impl Display) -> Error {
    let reason = "has runs, whose records show what it did; ask an admin to delete it";
    Error::conflict(Kind::Script, name, reason)
}

/// Says that a script has no version of this number.
pub fn no_version(number: u32, script: impl Display) -> Error {
    Error::not_found(Kind::Version, format!("{number} of {script}"))
}

/// Refuses to end a machine of a run that is not running.
pub fn machine_not_running(id: RunId, position: usize) -> Error {
    Error::conflict(Kind::Run, format!("{id} machine {position}"), "is not running")
}

/// Refuses to cancel a run that has ended.
pub fn run_over(run: &Run) -> Error {
    Error::conflict(Kind::Run, run.id, format!("it is {} already", run.state))
}

/// Refuses one more schedule than a script can have.
pub fn too_many_schedules(script: impl Display) -> Error {
    Error::conflict(Kind::Script, script, format!("has {MOST_SCHEDULES} schedules, which is the most; delete one"))
}

/// Refuses a run for a moment that is not the schedule's next one.
pub fn not_due(of: &FiringOf) -> Error {
    let reason = format!("it does not fire at {}, or has fired then", of.due_at);
    Error::conflict(Kind::Schedule, of.schedule, reason)
}

/// Refuses one more group than a bot can have.
pub fn too_many_groups(chat: i64) -> Error {
    let reason = format!("the bot has {MOST_GROUPS} allowed groups already; disallow one first");
    Error::conflict(Kind::Group, chat, reason)
}
