//! The chapters of the specification.

use poem_openapi::Tags;

/// The chapter that an operation stands in.
#[derive(Tags)]
pub(crate) enum Tag {
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
