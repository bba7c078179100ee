//! Detaches a data disk from a machine that is off, and removes it.

use async_trait::async_trait;

use super::add_disk::DiskWork;
use crate::desk::Desk;
use crate::error::Result;
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{DiskId, Fate};

/// Detaches a data disk and removes it.
pub(crate) struct DeleteDisk;

#[async_trait]
impl job::Kind for DeleteDisk {
    type On = DiskId;
    type Work = DiskWork;

    const WORD: &'static str = "delete-disk";
    const STEPS: &'static [Step<DiskWork>] =
        &[step!("detach-disk", DiskWork::detach), step!("delete-volume", DiskWork::delete_volume)];
    /// A removal cannot be undone: when a step fails it stops there, and asking again goes on.
    const ON_FAILURE: OnFailure = OnFailure::Stop;
    const IF_DONE: Fate = Fate::Gone;

    async fn load(desk: &Desk, id: DiskId) -> Result<DiskWork> {
        DiskWork::load(desk, id).await
    }
}
