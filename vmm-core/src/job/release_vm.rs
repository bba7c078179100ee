//! Lets an adopted machine go; its domain and disks stay.

use super::adopt_vm::Adopted;
use super::step::{OnFailure, Planned, Step, step};
use crate::error::Result;
use crate::model::VmId;
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<Adopted>] = &[step!("untag-domain", Adopted::untag)];

/// When it fails it stops there, and asking again goes on.
pub(super) async fn load(desk: &Desk, id: VmId) -> Result<Planned<Adopted>> {
    Ok(Planned { work: Adopted::load(desk, id).await?, steps: STEPS, on_failure: OnFailure::Stop })
}
