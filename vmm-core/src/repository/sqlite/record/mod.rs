//! Reads and changes of each kind of record inside a transaction. Operations of the resources, beside this folder, are
//! made of it.

pub(super) mod audit;
pub(super) mod disk;
pub(super) mod job;
mod plan;
pub(super) mod request;
pub(super) mod script;
pub(super) mod user;
pub(super) mod vm;
