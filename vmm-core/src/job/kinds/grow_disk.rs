//! Makes a disk of a machine that is off larger.

use async_trait::async_trait;

use super::add_disk::DiskWork;
use crate::desk::Desk;
use crate::desk::definition;
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{DiskId, Fate};

/// Makes a disk larger.
pub(crate) struct GrowDisk;

#[async_trait]
impl job::Kind for GrowDisk {
    type On = DiskId;
    type Work = DiskWork;

    const WORD: &'static str = "grow-disk";
    const STEPS: &'static [Step<DiskWork>] = &[step!("resize-volume", DiskWork::resize, DiskWork::record_size)];
    const ON_FAILURE: OnFailure = OnFailure::Undo;
    const IF_DONE: Fate = Fate::Grown;

    async fn load(desk: &Desk, id: DiskId) -> Result<DiskWork> {
        DiskWork::load(desk, id).await
    }
}

impl DiskWork {
    async fn resize(&self) -> Result<()> {
        let (Some(size), Some(volume)) = (self.disk.grow_to, &self.disk.volume) else {
            return Err(Error::conflict(Kind::Disk, self.disk.id, "nobody asked for another size"));
        };
        self.off().await?;
        let seen = definition::require_unchanged(&self.machine.desk, &self.machine.vm).await?;
        definition::require_own_file(&self.machine.vm, &seen, &self.disk)?;
        self.machine.desk.hypervisor().volumes().resize(volume, u64::from(size) << 30).await.map(drop)
    }

    /// A disk never shrinks, so what was begun cannot be undone: the record follows the volume.
    async fn record_size(&self) -> Result<()> {
        let (desk, disk) = (&self.machine.desk, &self.disk);
        let volumes = desk.hypervisor().volumes().list().await?;
        match volumes.iter().find(|volume| disk.volume.as_ref() == Some(&volume.name)) {
            Some(volume) => {
                let size = u32::try_from(volume.capacity >> 30).unwrap_or(u32::MAX);
                desk.repository().disks().set_size(disk.id, size).await
            }
            None => Ok(()),
        }
    }
}
