//! Work on machines over SSH: commands, files and directories, on one or many.

pub(super) mod ssh;
pub(super) mod ssh_many;
pub(super) mod ssh_stream;
pub(super) mod transfer;
pub(super) mod transfer_body;
pub(super) mod transfer_content;
pub(super) mod transfer_stream;
