//! Imports a catalog entry's image into the pool.

use std::path::{Path, PathBuf};

use tokio::sync::OnceCell;

use super::step::{OnFailure, Planned, Step, step};
use crate::blocking;
use crate::error::{Error, Kind, Result};
use crate::image::{self, ImageInfo};
use crate::model::{Image, Os, OsFilter, OsId, VolumeName};
use crate::vmm::Desk;

pub(super) const STEPS: &[Step<ImportOs>] =
    &[step!("upload-image", ImportOs::upload, ImportOs::remove), step!("record-image", ImportOs::record)];

pub(super) struct ImportOs {
    desk: Desk,
    os: Os,
    path: PathBuf,
    image: OnceCell<Image>,
}

pub(super) async fn load(desk: &Desk, id: OsId) -> Result<Planned<ImportOs>> {
    let os = desk.repository().oses().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Os, id))?;
    let path = PathBuf::from(os.qcow2.clone().unwrap_or_default());
    let work = ImportOs { desk: desk.clone(), os, path, image: OnceCell::new() };
    Ok(Planned { work, steps: STEPS, on_failure: OnFailure::Undo })
}

/// Looks at an image before anybody else does.
///
/// # Errors
/// `Invalid` if it is not a self-contained qcow2 file.
pub(crate) async fn inspect(path: PathBuf) -> Result<ImageInfo> {
    blocking::run("inspecting an image", move || image::inspect(&path)).await
}

impl ImportOs {
    async fn upload(&self) -> Result<()> {
        let image = self.image().await?;
        self.desk.hypervisor().import_volume(&image.volume, &self.path).await.map(|_| ())
    }

    /// The volume's name is its content's, so another entry may stand on it.
    async fn remove(&self) -> Result<()> {
        let Ok(image) = self.image().await else { return Ok(()) };
        let oses = self.desk.repository().oses().list(&OsFilter::default()).await?;
        let shared = oses.iter().any(|os| os.image.as_ref().is_some_and(|other| other.volume == image.volume));
        if shared { Ok(()) } else { self.desk.hypervisor().delete_volume(&image.volume).await }
    }

    async fn record(&self) -> Result<()> {
        let image = self.image().await?.clone();
        self.desk.repository().oses().set_image(self.os.id, image).await
    }

    async fn image(&self) -> Result<&Image> {
        self.image.get_or_try_init(|| image_of(&self.path)).await
    }
}

async fn image_of(path: &Path) -> Result<Image> {
    let path = path.to_owned();
    blocking::run("reading an image", move || {
        let info = image::inspect(&path)?;
        let sha256 = image::checksum(&path)?;
        let volume = VolumeName::new(format!("vmm-image-{}.qcow2", &sha256[..32]))?;
        Ok(Image { volume, sha256, virtual_size: info.virtual_size })
    })
    .await
}
