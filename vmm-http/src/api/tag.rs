//! The chapters of the specification.

use poem_openapi::Tags;

/// The tag of an operation.
#[derive(Tags)]
pub(crate) enum Tag {
    /// Signing in and out, API tokens, and linked chats.
    Session,
    /// Accounts.
    User,
    /// The catalog that machines are made from.
    Os,
    /// Requests for machines, and decisions on them.
    Request,
    /// Long operations.
    Job,
    /// Machines.
    Vm,
    /// Disks of machines.
    Disk,
    /// Files in one's own file area and on machines.
    File,
    /// Scripts that run on many machines.
    Script,
    /// The audit log.
    Audit,
    /// The health of the desk.
    Health,
}
