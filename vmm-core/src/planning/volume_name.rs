//! The names of the volumes that are made for a machine.

use crate::error::Result;
use crate::model::{VmName, VolumeName};

/// The name holds the id, so that a file of the same name that is not ours is never taken for ours.
pub(crate) fn disk_volume(name: &VmName, uuid: uuid::Uuid, index: usize) -> Result<VolumeName> {
    let role = if index == 0 { "system".to_owned() } else { format!("data{index}") };
    VolumeName::new(format!("{}.{role}.qcow2", volume_stem(name, uuid)))
}

/// The name of a machine's seed volume.
pub(crate) fn seed_volume(name: &VmName, uuid: uuid::Uuid) -> Result<VolumeName> {
    VolumeName::new(format!("{}.seed.iso", volume_stem(name, uuid)))
}

/// Returns what the names of all volumes of a machine begin with.
pub(super) fn volume_stem(name: &VmName, uuid: uuid::Uuid) -> String {
    let id = uuid.simple().to_string();
    format!("{name}.{}", &id[..12])
}
