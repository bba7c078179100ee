//! Volumes of the fake host.

use std::io;

use async_trait::async_trait;
use vmm_core::host::{HostVolumes, NewVolume, Volume, VolumeDetail};
use vmm_core::image::InspectedImage;
use vmm_core::model::VolumeName;
use vmm_core::{Error, Kind, Result};

use super::FakeHypervisor;
use super::state::{Content, FakeDomain, FakeVolume, Turn};

#[async_trait]
impl HostVolumes for FakeHypervisor {
    async fn import(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume> {
        let mut turn = self.enter("volumes.import")?;
        let mut body = image.body();
        io::copy(&mut body, &mut io::sink())
            .map_err(|error| Error::invalid("qcow2", format!("the image cannot be read: {error}")))?;
        body.verify()?;
        turn.import(name, image.info().virtual_size, image.sha256().to_owned())
    }

    async fn create(&self, volume: &NewVolume) -> Result<Volume> {
        self.enter("volumes.create")?.create(volume)
    }

    async fn resize(&self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        self.enter("volumes.resize")?.resize(name, capacity)
    }

    async fn write(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        self.enter("volumes.write")?.write(name, bytes)
    }

    async fn delete(&self, name: &VolumeName) -> Result<()> {
        self.enter("volumes.delete")?.delete(name)
    }

    async fn list(&self) -> Result<Vec<Volume>> {
        Ok(self.enter("volumes.list")?.volumes())
    }

    async fn inspect(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
        Ok(self.enter("volumes.inspect")?.inspect(names))
    }

    async fn checksum(&self, name: &VolumeName) -> Result<String> {
        self.enter("volumes.checksum")?.checksum(name)
    }
}

impl Turn<'_> {
    pub(super) fn import(&mut self, name: &VolumeName, virtual_size: u64, sha256: String) -> Result<Volume> {
        match self.state.volumes.get(name) {
            Some(FakeVolume { capacity, content: Content::Disk(None), .. }) if *capacity == virtual_size => {}
            Some(FakeVolume { content: Content::Disk(_), .. }) => return Err(other_volume(name)),
            _ => self.state.put(name, virtual_size, Content::Disk(None), &sha256),
        }
        Ok(volume(name, virtual_size))
    }

    pub(super) fn create(&mut self, new: &NewVolume) -> Result<Volume> {
        if let Some(name) = &new.backing {
            let below = self.state.volumes.get(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
            if new.capacity < below.capacity {
                let reason = format!("{} bytes are less than the {} of the volume below", new.capacity, below.capacity);
                return Err(Error::invalid("disk", reason));
            }
        }
        match self.state.volumes.get(&new.name) {
            Some(FakeVolume { capacity, content: Content::Disk(backing), .. })
                if (*capacity, backing) == (new.capacity, &new.backing) => {}
            Some(_) => return Err(other_volume(&new.name)),
            None => self.state.put(&new.name, new.capacity, Content::Disk(new.backing.clone()), ""),
        }
        Ok(volume(&new.name, new.capacity))
    }

    pub(super) fn resize(&mut self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        let known = self.state.volumes.get_mut(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
        if capacity < known.capacity {
            let reason = format!("it has {} bytes already; a volume is never made smaller", known.capacity);
            return Err(Error::conflict(Kind::Volume, name, reason));
        }
        known.capacity = capacity;
        Ok(volume(name, capacity))
    }

    pub(super) fn write(&mut self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        let capacity = bytes.len() as u64;
        self.state.put(name, capacity, Content::Raw(bytes.to_vec()), "");
        Ok(volume(name, capacity))
    }

    pub(super) fn delete(&mut self, name: &VolumeName) -> Result<()> {
        let stands_on_it = |content: &Content| matches!(content, Content::Disk(Some(below)) if below == name);
        let overlay = self.state.volumes.iter().find(|(_, volume)| stands_on_it(&volume.content));
        let path = volume(name, 0).path;
        let uses_it = |domain: &&FakeDomain| {
            domain.spec.disks.iter().chain(&domain.spec.seed).any(|disk| disk == name)
                || domain.disks.iter().any(|disk| disk.path.as_ref() == Some(&path))
        };
        let user = match (overlay, self.state.domains.values().find(uses_it)) {
            (Some((overlay, _)), _) => format!("volume {overlay:?} stands on it"),
            (None, Some(domain)) => format!("domain {:?} uses it", domain.name),
            (None, None) => {
                self.state.volumes.remove(name);
                return Ok(());
            }
        };
        if !self.state.volumes.contains_key(name) {
            return Ok(());
        }
        Err(Error::conflict(Kind::Volume, name, format!("{user}, so it cannot be removed; remove that first")))
    }

    pub(super) fn inspect(&self, names: &[VolumeName]) -> Vec<VolumeDetail> {
        let detail = |name: &VolumeName| {
            let known = self.state.volumes.get(name)?;
            Some(VolumeDetail {
                volume: volume(name, known.capacity),
                qcow2: matches!(known.content, Content::Disk(_)),
                backing: match &known.content {
                    Content::Disk(Some(below)) => Some(volume(below, 0).path),
                    Content::Disk(None) | Content::Raw(_) | Content::Unfinished => None,
                },
                stamp: known.changed.to_string(),
            })
        };
        names.iter().filter_map(detail).collect()
    }

    pub(super) fn checksum(&self, name: &VolumeName) -> Result<String> {
        let known = self.state.volumes.get(name).ok_or_else(|| Error::not_found(Kind::Volume, name))?;
        Ok(known.sha256.clone())
    }

    pub(super) fn volumes(&self) -> Vec<Volume> {
        self.state.volumes.iter().map(|(name, known)| volume(name, known.capacity)).collect()
    }
}

fn volume(name: &VolumeName, capacity: u64) -> Volume {
    Volume { name: name.clone(), path: path(name), capacity }
}

/// Where a volume is on the fake host.
pub(super) fn path(name: &VolumeName) -> String {
    format!("/fake/pool/{name}")
}

fn other_volume(name: &VolumeName) -> Error {
    Error::conflict(Kind::Volume, name, "another volume with this name exists; delete it or choose another name")
}
