//! Volumes of the pool, all through libvirt, so that the host can be another machine.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use roxmltree::Document;
use virt::storage_pool::StoragePool;
use virt::storage_vol::StorageVol;
use virt::sys;

use super::connection::{Driver, Session};
use super::error::{Failure, Result, optional};
use super::xml::{Element, element, find, text_at};
use crate::error::{Error, Kind, Part};
use crate::host::{NewVolume, Volume, VolumeDetail};
use crate::model::VolumeName;

/// The time that a pool may be busy creating other volumes.
const BUSY: Duration = Duration::from_secs(5);

/// The greatest depth of overlays on each other.
pub(super) const MAX_CHAIN: usize = 16;

/// A disk with the files it stands on, all of them on the host.
#[derive(Clone, Debug)]
pub(super) struct DiskFile {
    pub path: String,
    pub format: &'static str,
    /// The qcow2 files below it, the next one first. Written out so that nobody has to guess their format.
    pub backing: Vec<String>,
}

/// A volume as the pool describes it.
#[derive(Debug)]
pub(super) struct Described {
    pub path: String,
    pub capacity: u64,
    pub format: String,
    pub backing: Option<String>,
    /// The file's size and when it was written last, as the host says it.
    pub stamp: String,
    /// The format that its own header gives the volume below.
    pub backing_format: Option<String>,
}

impl Described {
    pub(super) fn read(volume: &StorageVol) -> Result<Self> {
        let xml = volume.xml_desc(0)?;
        let document = Document::parse(&xml)?;
        let root = document.root_element();
        let capacity = text_at(root, &["capacity"]).and_then(|text| text.parse().ok());
        Ok(Self {
            path: text_at(root, &["target", "path"]).unwrap_or_default().to_owned(),
            capacity: capacity.ok_or_else(|| Failure::Answer("a volume without a capacity".to_owned()))?,
            format: find(root, &["target", "format"])
                .and_then(|format| format.attribute("type"))
                .unwrap_or_default()
                .to_owned(),
            backing: text_at(root, &["backingStore", "path"]).map(ToOwned::to_owned),
            stamp: format!(
                "{} {}",
                text_at(root, &["physical"]).unwrap_or_default(),
                text_at(root, &["target", "timestamps", "mtime"]).unwrap_or_default()
            ),
            backing_format: find(root, &["backingStore", "format"])
                .and_then(|format| format.attribute("type"))
                .map(ToOwned::to_owned),
        })
    }

    pub(super) fn named(self, name: &VolumeName) -> Volume {
        Volume { name: name.clone(), path: self.path, capacity: self.capacity }
    }
}

/// The pool, running.
pub(super) fn pool(session: &Session, name: &str) -> Result<StoragePool> {
    let missing = |reason| Failure::from(Error::unavailable(Part::Hypervisor, reason));
    let pool = optional(session.connect.lookup_storage_pool_by_name(name), sys::VIR_ERR_NO_STORAGE_POOL)?
        .ok_or_else(|| missing(format!("there is no storage pool {name:?}; define it, or set pool to another one")))?;
    if pool.is_active()? {
        Ok(pool)
    } else {
        Err(missing(format!("the storage pool {name:?} is not started; start it with virsh pool-start")))
    }
}

pub(super) fn lookup(pool: &StoragePool, name: &str) -> Result<Option<StorageVol>> {
    optional(pool.lookup_storage_vol_by_name(name), sys::VIR_ERR_NO_STORAGE_VOL)
}

/// The volume of this name with its description.
pub(super) fn describe(pool: &StoragePool, name: &VolumeName) -> Result<Option<Described>> {
    let Some(volume) = lookup(pool, name.as_str())? else {
        return Ok(None);
    };
    match Described::read(&volume) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_STORAGE_VOL) => Ok(None),
        described => described.map(Some),
    }
}

/// Reads the pool's directory again; a busy pool refuses that for a while.
pub(super) fn refresh(pool: &StoragePool) -> Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        match pool.refresh(0) {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

pub(super) fn list(pool: &StoragePool, hidden: impl Fn(&str) -> bool) -> Result<Vec<Volume>> {
    // Files that came or went by other hands are seen only then; a pool that is busy is listed as it was.
    let _ = pool.refresh(0);
    let mut volumes = Vec::new();
    for volume in pool.list_all_volumes(0)? {
        // A name that we could not have given is not ours to show.
        let Ok(name) = VolumeName::new(volume.name()?) else { continue };
        if hidden(name.as_str()) {
            continue;
        }
        match Described::read(&volume) {
            Ok(described) => volumes.push(described.named(&name)),
            Err(failure) if failure.is(sys::VIR_ERR_NO_STORAGE_VOL) => {}
            Err(failure) => return Err(failure),
        }
    }
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(volumes)
}

/// Those of these volumes that are there, also if they came by other hands.
pub(super) fn inspect(session: &Session, pool: &StoragePool, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
    let mut known = known(pool)?;
    if session.driver == Driver::Qemu && names.iter().any(|name| !known.contains(name.as_str())) {
        refresh(pool)?;
        known = self::known(pool)?;
    }
    let mut found = Vec::new();
    for name in names.iter().filter(|name| known.contains(name.as_str())) {
        let Some(described) = describe(pool, name)? else { continue };
        let (qcow2, stamp, backing) = (described.format == "qcow2", described.stamp.clone(), described.backing.clone());
        found.push(VolumeDetail { volume: described.named(name), qcow2, backing, stamp });
    }
    Ok(found)
}

/// The names of all volumes, in one call.
fn known(pool: &StoragePool) -> Result<HashSet<String>> {
    pool.list_all_volumes(0)?.iter().map(|volume| Ok(volume.name()?)).collect()
}

pub(super) fn create(pool: &StoragePool, new: &NewVolume) -> Result<Volume> {
    let below = new.backing.as_ref().map(|name| base(pool, name, new)).transpose()?;
    let backing = below.map(|below| below.path);
    if let Some(described) = describe(pool, &new.name)? {
        // What a libvirtd that was killed while creating leaves behind has no size yet.
        if described.capacity > 0 {
            return same(new, described, backing.as_deref());
        }
        delete(pool, new.name.as_str())?;
    }
    let xml = volume_xml(new.name.as_str(), new.capacity, "qcow2")
        .children(backing.map(|path| {
            element("backingStore")
                .child(element("path").text(path))
                .child(element("format").attribute("type", "qcow2"))
        }))
        .render();
    let volume = StorageVol::create_xml(pool, &xml, 0)?;
    Ok(Described::read(&volume)?.named(&new.name))
}

fn base(pool: &StoragePool, name: &VolumeName, new: &NewVolume) -> Result<Described> {
    let below = describe(pool, name)?.ok_or_else(|| Error::not_found(Kind::Volume, name))?;
    if new.capacity < below.capacity {
        let reason = format!("{} bytes are less than the {} of the volume below", new.capacity, below.capacity);
        return Err(Error::invalid("disk", reason).into());
    }
    Ok(below)
}

fn same(new: &NewVolume, described: Described, backing: Option<&str>) -> Result<Volume> {
    // A driver that runs nothing may not say which format it pretends.
    let format = matches!(described.format.as_str(), "qcow2" | "");
    if format && described.capacity == new.capacity && described.backing.as_deref() == backing {
        return Ok(described.named(&new.name));
    }
    let reason = "another volume with this name exists; delete it or choose another name";
    Err(Error::conflict(Kind::Volume, &new.name, reason).into())
}

pub(super) fn volume_xml(name: &str, capacity: u64, format: &'static str) -> Element {
    let target = element("target").child(element("format").attribute("type", format));
    let target = if format == "qcow2" { target.child(element("compat").text("1.1")) } else { target };
    element("volume")
        .child(element("name").text(name))
        .child(element("capacity").attribute("unit", "bytes").text(capacity))
        .child(element("allocation").attribute("unit", "bytes").text(0))
        .child(target)
}

pub(super) fn resize(session: &Session, pool: &StoragePool, name: &VolumeName, capacity: u64) -> Result<Volume> {
    if session.driver == Driver::Test {
        return Err(Error::Unsupported("making a volume larger").into());
    }
    let volume = lookup(pool, name.as_str())?.ok_or_else(|| Error::not_found(Kind::Volume, name))?;
    let present = Described::read(&volume)?;
    if capacity < present.capacity {
        let reason = format!("it has {} bytes already; a volume is never made smaller", present.capacity);
        return Err(Error::conflict(Kind::Volume, name, reason).into());
    }
    if capacity > present.capacity {
        volume.resize(capacity, 0)?;
    }
    Ok(Volume { capacity, ..present.named(name) })
}

pub(super) fn delete(pool: &StoragePool, name: &str) -> Result<()> {
    let Some(volume) = lookup(pool, name)? else {
        return Ok(());
    };
    match volume.delete(0).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_STORAGE_VOL) => Ok(()),
        Err(failure) if failure.is(sys::VIR_ERR_OPERATION_INVALID) => {
            Err(Error::conflict(Kind::Volume, name, "it is being copied; wait until that is done").into())
        }
        deleted => deleted,
    }
}

/// A qcow2 volume with everything below it.
pub(super) fn disk_file(session: &Session, pool: &StoragePool, name: &VolumeName) -> Result<DiskFile> {
    let described = describe(pool, name)?.ok_or_else(|| Error::not_found(Kind::Volume, name))?;
    let mut backing = Vec::new();
    let mut next = described.backing;
    while let Some(path) = next {
        if backing.len() == MAX_CHAIN {
            return Err(Error::conflict(Kind::Volume, name, "too many overlays stand on each other").into());
        }
        let below = session.connect.lookup_storage_vol_by_path(&path)?;
        next = Described::read(&below)?.backing;
        backing.push(path);
    }
    Ok(DiskFile { path: described.path, format: "qcow2", backing })
}

/// A raw volume.
pub(super) fn raw_file(pool: &StoragePool, name: &VolumeName) -> Result<DiskFile> {
    let described = describe(pool, name)?.ok_or_else(|| Error::not_found(Kind::Volume, name))?;
    Ok(DiskFile { path: described.path, format: "raw", backing: Vec::new() })
}
