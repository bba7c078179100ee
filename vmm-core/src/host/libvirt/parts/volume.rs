//! The volumes of the pool.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::LibvirtHypervisor;
use super::super::progress::Progress;
use super::super::{console, content, storage, usage};
use crate::error::{Error, Kind, Result};
use crate::host::{HostVolumes, NewVolume, Volume, VolumeDetail};
use crate::image::InspectedImage;
use crate::model::VolumeName;

#[async_trait]
impl HostVolumes for LibvirtHypervisor {
    async fn import(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume> {
        let turn = Arc::clone(&self.importing).lock_owned().await;
        let (name, image) = (name.clone(), image.clone());
        let progress = Progress::default();
        let (seen, context) = (progress.clone(), Arc::clone(&self.context));
        self.connector
            .call_watched("importing an image", progress, move |session| {
                // Ends with the copying, which goes on for a moment when nobody waits for it any more.
                let _turn = &turn;
                content::supported(session)?;
                let pool = storage::pool(session, &context.config.pool)?;
                content::import(session, &pool, &name, &image, &seen)
            })
            .await
    }

    async fn create(&self, volume: &NewVolume) -> Result<Volume> {
        let volume = volume.clone();
        self.pool("creating a volume", move |_, pool| storage::create(pool, &volume)).await
    }

    async fn resize(&self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        let name = name.clone();
        self.pool("resizing a volume", move |session, pool| storage::resize(session, pool, &name, capacity)).await
    }

    async fn write(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        let (name, bytes) = (name.clone(), bytes.to_vec());
        self.pool("writing a volume", move |session, pool| {
            content::supported(session)?;
            let written = content::write(session, pool, name.as_str(), &bytes, bytes.len() as u64)?;
            Ok(storage::Described::read(&written)?.named(&name))
        })
        .await
    }

    async fn delete(&self, name: &VolumeName) -> Result<()> {
        let (name, progress, context) = (name.clone(), Progress::default(), Arc::clone(&self.context));
        let seen = progress.clone();
        self.connector
            .call_watched("deleting a volume", progress, move |session| {
                let pool = storage::pool(session, &context.config.pool)?;
                usage::delete(session, &pool, name.as_str(), &seen)
            })
            .await
    }

    async fn list(&self) -> Result<Vec<Volume>> {
        self.pool("listing volumes", |_, pool| storage::list(pool, console::is_log)).await
    }

    async fn inspect(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
        let names = names.to_vec();
        self.pool("inspecting volumes", move |session, pool| storage::inspect(session, pool, &names)).await
    }

    async fn checksum(&self, name: &VolumeName) -> Result<String> {
        let (name, progress, context) = (name.clone(), Progress::default(), Arc::clone(&self.context));
        let seen = progress.clone();
        self.connector
            .call_watched("reading a volume", progress, move |session| {
                content::supported(session)?;
                let pool = storage::pool(session, &context.config.pool)?;
                let volume = storage::lookup(&pool, name.as_str())?;
                let volume = volume.ok_or_else(|| Error::not_found(Kind::Volume, &name))?;
                content::checksum(session, &volume, &seen)
            })
            .await
    }
}
