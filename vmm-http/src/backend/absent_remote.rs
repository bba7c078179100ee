//! Stands where SSH would be in a program that was built without it.

use async_trait::async_trait;
use vmm_core::remote::{Command, Endpoint, Login, Output, RemoteExec};
use vmm_core::{Error, Part, Result};

/// Answers every call that it is not there.
pub(super) struct AbsentRemote;

#[async_trait]
impl RemoteExec for AbsentRemote {
    async fn run(&self, _: &Endpoint, _: &Login, _: &Command) -> Result<Output> {
        Err(Error::unavailable(Part::Machine, "this program was built without the feature ssh"))
    }
}
