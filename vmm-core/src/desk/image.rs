//! Where the catalog's images come from, and what the pool has of them and of the volumes that a plan wants to make.

use std::fs::File;
use std::time::Duration;

use tokio::time::timeout;

use super::Desk;
use crate::blocking;
use crate::error::{Error, Kind, Problem, Problems, Result};
use crate::host::VolumeDetail;
use crate::image::{self, ImageDirectories, InspectedImage};
use crate::model::{Image, ImageSource, Os, Plan, VolumeName};
use crate::planning::seed_volume;

/// The time that somebody who lists the catalog waits for the host.
const PATIENCE: Duration = Duration::from_secs(2);

/// Inspects an image before its entry is made. It is inspected again, with all of its bytes, when it is imported.
///
/// # Errors
/// `Invalid` if it is not a self-contained qcow2 image in a place that images are taken from.
pub(crate) async fn check(desk: &Desk, source: &ImageSource) -> Result<()> {
    let file = open(desk, source).await?;
    blocking::run("inspecting an image", move || image::inspect_file(&file).map(drop)).await
}

/// Reads and inspects an image, to be imported.
///
/// # Errors
/// `Invalid` if it is not a self-contained qcow2 image in a place that images are taken from.
pub(crate) async fn inspect(desk: &Desk, source: &ImageSource) -> Result<InspectedImage> {
    let file = open(desk, source).await?;
    blocking::run("reading an image", move || InspectedImage::read(file)).await
}

async fn open(desk: &Desk, source: &ImageSource) -> Result<File> {
    match source {
        ImageSource::Path(path) => {
            let (path, directories) = (path.clone(), desk.settings().image_dirs.clone());
            blocking::run("opening an image", move || ImageDirectories(&directories).open(&path)).await
        }
        ImageSource::File { owner, name } => {
            let gone = || Error::invalid("qcow2", format!("there is no file {name}; upload it"));
            let owner = owner.as_ref().ok_or_else(gone)?;
            let owner = desk.repository().users().by_name(owner).await?.ok_or_else(gone)?.id;
            let found = desk.repository().files().by_name(owner, name).await?.ok_or_else(gone)?;
            match desk.files()?.file(owner, found.content).await {
                Err(Error::NotFound { kind: Kind::File, .. }) => Err(gone()),
                file => file,
            }
        }
    }
}

/// Catalog entries with what is wrong with their images. Their content is not read: size, format and the moment of the
/// last change are compared.
///
/// # Errors
/// `Unavailable` if the host does not answer.
pub(crate) async fn inspected(desk: &Desk, mut oses: Vec<Os>) -> Result<Vec<Os>> {
    let volumes: Vec<_> = oses.iter().filter_map(|os| os.image.as_ref()).map(|image| image.volume.clone()).collect();
    if volumes.is_empty() {
        return Ok(oses);
    }
    let found = desk.hypervisor().volumes().inspect(&volumes).await?;
    for os in &mut oses {
        os.problem = os.image.as_ref().and_then(|image| {
            let found = found.iter().find(|found| found.volume.name == image.volume);
            problem(image, found).map(|problem| format!("the image of {}:{} {problem}", os.name, os.version))
        });
    }
    Ok(oses)
}

/// Checks the images for somebody who reads the catalog. If the host does not answer in time, no problem is reported.
pub(crate) async fn inspected_if_possible(desk: &Desk, oses: Vec<Os>) -> Vec<Os> {
    match timeout(PATIENCE, inspected(desk, oses.clone())).await {
        Ok(Ok(inspected)) => inspected,
        Ok(Err(_)) | Err(_) => oses,
    }
}

fn problem(image: &Image, found: Option<&VolumeDetail>) -> Option<String> {
    let Image { volume, .. } = image;
    match found {
        None => Some(format!("(volume {volume}) is missing from the pool; have an admin import it again")),
        Some(found) if is_as_imported(image, found) => None,
        Some(_) => Some(format!(
            "(volume {volume}) was changed since it was imported, and machines made from it may be damaged; have an \
             admin import it again, which compares it with what was imported"
        )),
    }
}

/// Returns whether a volume is, as far as that can be seen without reading it, the one that was imported.
pub(crate) fn is_as_imported(image: &Image, found: &VolumeDetail) -> bool {
    could_be(image, found) && image.stamp.as_ref().is_none_or(|stamp| *stamp == found.stamp)
}

/// Returns whether a volume is of the imported image's kind and size.
pub(crate) fn could_be(image: &Image, found: &VolumeDetail) -> bool {
    found.qcow2 && found.backing.is_none() && found.volume.capacity == image.virtual_size
}

/// Refuses a plan one of whose volumes is there already: it is not the plan's, and neither may be used for it nor be
/// removed if the plan is undone.
///
/// # Errors
/// `Invalid` that names the row of each.
pub(crate) async fn check_volumes_are_free(desk: &Desk, plan: &Plan) -> Result<()> {
    let mut planned = Vec::new();
    for vm in &plan.vms {
        planned.extend(vm.disks.iter().map(|disk| (vm.row, disk.volume.clone())));
        planned.push((vm.row, seed_volume(&vm.name, vm.uuid)?));
    }
    let names: Vec<VolumeName> = planned.iter().map(|(_, volume)| volume.clone()).collect();
    let found = desk.hypervisor().volumes().inspect(&names).await?;
    let problems: Problems = planned
        .iter()
        .filter(|(_, volume)| found.iter().any(|found| found.volume.name == *volume))
        .map(|(row, volume)| {
            let reason =
                format!("the pool has a volume {volume} that vmm did not make; move it away or choose another name");
            Problem::at(*row, "name", reason)
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}
