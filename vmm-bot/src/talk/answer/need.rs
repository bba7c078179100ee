//! The inputs that a task needs before it can start.

use vmm_core::model::VmName;

use crate::talk::exchange::Answer;

/// An input that a task needs before it can start.
pub(super) enum Need {
    /// The person has to read this answer first, and perhaps to answer a question in it.
    Answer(Answer),
    /// Nothing: the script has a login that its owner has stored with it.
    Nothing,
    /// A login on these machines.
    Login(Vec<VmName>),
}
