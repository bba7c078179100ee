//! Imports a catalog entry's image into the pool, or mends the one that was imported before.
//!
//! Each entry has a volume of its own, whose name follows from the desk, the entry and the moment at which the entry
//! was made. So no other job, and no other desk on the pool, makes a volume of that name, and undoing an import removes
//! nothing that somebody else stands on.

use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::desk::Desk;
use crate::desk::image::{could_be, inspect, is_as_imported};
use crate::error::{Error, Kind, Result};
use crate::host::VolumeDetail;
use crate::image::InspectedImage;
use crate::job;
use crate::job::step::{OnFailure, Step, step};
use crate::model::{Image, ImageSource, Os, OsId, VolumeName, image_volume};

/// Imports a catalog entry's image into the pool.
pub(crate) struct ImportOs;

#[async_trait]
impl job::Kind for ImportOs {
    type On = OsId;
    type Work = Import;

    const WORD: &'static str = "import-os";
    const STEPS: &'static [Step<Import>] =
        &[step!("upload-image", Import::upload, Import::remove), step!("record-image", Import::record)];
    const ON_FAILURE: OnFailure = OnFailure::Undo;

    async fn load(desk: &Desk, id: OsId) -> Result<Import> {
        let os = desk.repository().oses().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Os, id))?;
        let source = os.qcow2.as_deref().unwrap_or_default().parse()?;
        Ok(Import { desk: desk.clone(), os, source, image: OnceCell::new() })
    }
}

/// A catalog entry and its image.
pub(crate) struct Import {
    desk: Desk,
    os: Os,
    source: ImageSource,
    /// The image, inspected once by each process that works on the job.
    image: OnceCell<InspectedImage>,
}

impl Import {
    async fn upload(&self) -> Result<()> {
        let image = self.image().await?;
        if let Some(known) = &self.os.image
            && self.is_mended(known, image).await?
        {
            return Ok(());
        }
        self.desk.hypervisor().volumes().import(&self.volume()?, image).await.map(drop)
    }

    /// Returns whether the volume of an image that was imported before is as it was. One that is not is removed, unless
    /// something uses it.
    async fn is_mended(&self, known: &Image, file: &InspectedImage) -> Result<bool> {
        if known.sha256 != file.sha256() {
            let reason = format!(
                "{} is not the file that was imported; put that one back, or add this one as another version",
                self.source
            );
            return Err(Error::conflict(Kind::Os, self.label(), reason));
        }
        // One that is not qcow2 is what an interrupted import has left, which the next one replaces.
        let Some(found) = self.found(&known.volume).await?.filter(|found| found.qcow2) else { return Ok(false) };
        let hypervisor = self.desk.hypervisor();
        if is_as_imported(known, &found)
            || (could_be(known, &found) && hypervisor.volumes().checksum(&known.volume).await? == known.sha256)
        {
            return Ok(true);
        }
        match hypervisor.volumes().delete(&known.volume).await {
            Err(Error::Conflict { reason, .. }) => {
                let reason = format!(
                    "its volume {} does not hold what was imported any more, and cannot be replaced: {reason}. Restore \
                     that volume from a backup",
                    known.volume
                );
                Err(Error::conflict(Kind::Os, self.label(), reason))
            }
            deleted => deleted.map(|()| false),
        }
    }

    /// An image that is recorded is the entry's, and stays.
    async fn remove(&self) -> Result<()> {
        match self.desk.repository().oses().by_id(self.os.id).await? {
            Some(Os { image: Some(_), .. }) => Ok(()),
            _ => self.desk.hypervisor().volumes().delete(&self.volume()?).await,
        }
    }

    /// Records what the pool has. A process that did not copy the image itself asks the pool, since the file may have
    /// been changed after another process copied it.
    async fn record(&self) -> Result<()> {
        let volume = self.volume()?;
        let found = self.found(&volume).await?.ok_or_else(|| Error::not_found(Kind::Volume, &volume))?;
        let sha256 = match self.image.get() {
            Some(image) => image.sha256().to_owned(),
            None => self.desk.hypervisor().volumes().checksum(&volume).await?,
        };
        let image = Image { volume, sha256, virtual_size: found.volume.capacity, stamp: Some(found.stamp) };
        self.desk.repository().oses().set_image(self.os.id, image).await
    }

    async fn found(&self, volume: &VolumeName) -> Result<Option<VolumeDetail>> {
        Ok(self.desk.hypervisor().volumes().inspect(std::slice::from_ref(volume)).await?.pop())
    }

    async fn image(&self) -> Result<&InspectedImage> {
        self.image.get_or_try_init(|| inspect(&self.desk, &self.source)).await
    }

    /// The volume that the entry has, or is to have.
    fn volume(&self) -> Result<VolumeName> {
        match &self.os.image {
            Some(image) => Ok(image.volume.clone()),
            None => image_volume(self.desk.repository().desk(), self.os.id, self.os.created_at),
        }
    }

    fn label(&self) -> String {
        format!("{}:{}", self.os.name, self.os.version)
    }
}
