//! Lets an adopted machine go; its domain and disks stay.

use async_trait::async_trait;

use super::adopt_vm::Adopted;
use crate::desk::Desk;
use crate::error::Result;
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Fate, VmId};

/// Lets an adopted machine go.
pub(crate) struct ReleaseVm;

#[async_trait]
impl job::Kind for ReleaseVm {
    type On = VmId;
    type Work = Adopted;

    const WORD: &'static str = "release-vm";
    const STEPS: &'static [Step<Adopted>] = &[step!("untag-domain", Adopted::untag)];
    /// When it fails it stops there, and asking again goes on.
    const ON_FAILURE: OnFailure = OnFailure::Stop;
    const IF_DONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: VmId) -> Result<Adopted> {
        Adopted::load(desk, id).await
    }
}
