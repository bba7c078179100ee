//! Detaches a data disk from a machine that is off, and removes it.

use super::add_disk::DiskWork;
use super::step::{OnFailure, Planned, Step, step};
use crate::error::Result;
use crate::model::DiskId;
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<DiskWork>] =
    &[step!("detach-disk", DiskWork::detach), step!("delete-volume", DiskWork::delete_volume)];

/// A removal cannot be undone: when a step fails it stops there, and asking again goes on.
pub(super) async fn load(desk: &Desk, id: DiskId) -> Result<Planned<DiskWork>> {
    Ok(Planned { work: DiskWork::load(desk, id).await?, steps: STEPS, on_failure: OnFailure::Stop })
}
