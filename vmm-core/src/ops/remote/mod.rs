//! Work on machines over SSH: commands, files and directories, on one or many.

pub(super) mod fan_out;
pub(super) mod ssh;
pub(super) mod ssh_many;
pub(super) mod transfer;
