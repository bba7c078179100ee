//! Long operations that survive the process.
//!
//! A job is a list of steps. What is about to happen to a step is written before it happens, every step may be done
//! or undone twice, and every id and name that a step uses is derived from the records. So whatever point a process
//! dies at, the next one reads the log and goes on: forward from the first step that is not done, or, once undoing has
//! begun, backward.
//!
//! Invariants:
//! - Only the holder of the lease moves jobs.
//! - A step acts on things named by its own machine's records and never on what it finds by searching.
//! - Undoing never gives up silently: what cannot be undone leaves the job `stuck`, with the reason.

mod add_disk;
mod adopt_vm;
#[cfg(feature = "crash-points")]
pub mod crash;
mod create_vm;
mod delete_disk;
mod delete_vm;
mod grow_disk;
mod import_os;
mod readiness;
mod release_vm;
mod runner;
mod start_request;
mod step;
mod sweep;
mod worker;

use crate::model::JobKind;

/// The names of a job's steps, in order.
pub(crate) fn step_names(kind: &JobKind) -> Vec<&'static str> {
    match kind {
        JobKind::StartRequest(_) => step::names(start_request::STEPS),
        JobKind::CreateVm(_) => step::names(create_vm::STEPS),
        JobKind::DeleteVm(_) => step::names(delete_vm::STEPS),
        JobKind::AdoptVm(_) => step::names(adopt_vm::STEPS),
        JobKind::ReleaseVm(_) => step::names(release_vm::STEPS),
        JobKind::ImportOs(_) => step::names(import_os::STEPS),
        JobKind::AddDisk(_) => step::names(add_disk::STEPS),
        JobKind::GrowDisk(_) => step::names(grow_disk::STEPS),
        JobKind::DeleteDisk(_) => step::names(delete_disk::STEPS),
    }
}
