//! The kinds of jobs, each in its file and in one line of [`ALL`].

pub(crate) mod add_disk;
pub(crate) mod adopt_vm;
pub(crate) mod create_vm;
pub(crate) mod delete_disk;
pub(crate) mod delete_vm;
pub(crate) mod grow_disk;
pub(crate) mod import_os;
pub(crate) mod release_vm;
pub(crate) mod start_request;

use super::kind::AnyKind;

/// Every kind of job.
pub(crate) const ALL: &[&dyn AnyKind] = &[
    &import_os::ImportOs,
    &start_request::StartRequest,
    &create_vm::CreateVm,
    &add_disk::AddDisk,
    &grow_disk::GrowDisk,
    &delete_disk::DeleteDisk,
    &delete_vm::DeleteVm,
    &adopt_vm::AdoptVm,
    &release_vm::ReleaseVm,
];
