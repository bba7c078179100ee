//! The comparison of a machine's definition with what vmm last saw.
//!
//! vmm changes one element of a definition and leaves the others to whoever wrote them. So it must know that the rest
//! is what it believes: a disk that stands on a snapshot, or that somebody swapped, is not the disk that a job means.
//! The facts of the definition are kept with the machine, and every job that writes a definition or a disk compares
//! first.

use crate::desk::Desk;
use crate::error::{Error, Kind, Result};
use crate::host::Definition;
use crate::model::{Difference, Disk, DiskRole, StatusReason, Vm, VmState, VolumeName};
use crate::planning::seed_volume;

/// The most differences that a sentence names.
const NAMED: usize = 6;

/// A machine's definition, and what differs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefinitionLook {
    /// The definition.
    pub seen: Definition,
    /// The differences from what vmm last saw, or from the machine's record if vmm has not seen it yet.
    pub differences: Vec<Difference>,
}

/// Reads a machine's definition and compares it. One that vmm sees for the first time, and that agrees with the record,
/// is kept.
pub(crate) async fn look(desk: &Desk, vm: &Vm) -> Result<DefinitionLook> {
    look_past(desk, vm, None).await
}

/// Reads the definition of a machine that a job is about to change, and refuses one that differs from what vmm last
/// saw, or that a saved state would bring back.
pub(crate) async fn require_unchanged(desk: &Desk, vm: &Vm) -> Result<Definition> {
    require_unchanged_past(desk, vm, None).await
}

/// As [`require_unchanged`], whatever there is of the disk on this file: the job itself may have attached or detached
/// it before it was cut off.
pub(crate) async fn require_unchanged_past(desk: &Desk, vm: &Vm, path: Option<&str>) -> Result<Definition> {
    let DefinitionLook { seen, differences } = look_past(desk, vm, path).await?;
    if seen.saved {
        let reason = "it has a saved state that depends on its disks; start it, or discard that state first";
        return Err(Error::conflict(Kind::Vm, &vm.name, reason));
    }
    if differences.is_empty() { Ok(seen) } else { Err(changed(vm, &differences)) }
}

async fn look_past(desk: &Desk, vm: &Vm, path: Option<&str>) -> Result<DefinitionLook> {
    let Some(seen) = desk.hypervisor().definitions().by_id(vm.uuid).await? else {
        return Err(vm.refusal(VmState::unknown(StatusReason::Missing)));
    };
    let vms = desk.repository().vms();
    let differences = match vms.definition(vm.id).await? {
        Some(kept) => match path {
            Some(path) => kept.without_disk_at(path).differences(&seen.facts.without_disk_at(path)),
            None => kept.differences(&seen.facts),
        },
        None => {
            let differences = from_record(desk, vm, &seen, path).await?;
            if differences.is_empty() && path.is_none() {
                vms.keep_definition(vm.id, seen.facts.clone()).await?;
            }
            differences
        }
    };
    Ok(DefinitionLook { seen, differences })
}

fn changed(vm: &Vm, differences: &[Difference]) -> Error {
    let reason = format!(
        "it is not as vmm last saw it: {}. Put that back, or have an admin look at it (GET /vm/definition?vm={name}) \
         and accept it (PUT /vm/definition?vm={name})",
        sentence(differences),
        name = vm.name
    );
    Error::conflict(Kind::Vm, &vm.name, reason)
}

/// Names the differences. Snapshots and whole devices stand before the details of a device.
pub(crate) fn sentence(differences: &[Difference]) -> String {
    let mut ordered: Vec<_> = differences.iter().collect();
    ordered.sort_by_key(|difference| (!difference.name.starts_with("snapshot "), difference.name.contains(": ")));
    let mut named: Vec<_> = ordered.iter().take(NAMED).map(ToString::to_string).collect();
    if let Some(more) = differences.len().checked_sub(NAMED).filter(|more| *more > 0) {
        named.push(format!("and {more} more"));
    }
    named.join("; ")
}

/// Compares a definition with the machine's record, which knows less than a definition that vmm saw before.
async fn from_record(desk: &Desk, vm: &Vm, seen: &Definition, path: Option<&str>) -> Result<Vec<Difference>> {
    let disks = desk.repository().disks().of_vm(vm.id).await?;
    let image = match vm.os {
        Some(id) => desk.repository().oses().by_id(id).await?.and_then(|os| os.image).map(|image| image.volume),
        None => None,
    };
    let mut found = Vec::new();
    let mut compare = |name: String, was: Option<String>, now: Option<String>| {
        if was != now {
            found.push(Difference { name, was, now });
        }
    };
    compare("vcpu".to_owned(), Some(vm.vcpu.to_string()), Some(seen.vcpu.to_string()));
    compare("memory".to_owned(), Some(format!("{} MiB", vm.memory)), Some(format!("{} MiB", seen.memory)));
    for mac in seen.macs.iter().filter(|mac| **mac != vm.mac) {
        compare(format!("interface {mac}"), None, Some("not in its record".to_owned()));
    }
    if !seen.macs.contains(&vm.mac) {
        compare(format!("interface {}", vm.mac), Some("in its record".to_owned()), None);
    }
    for snapshot in &seen.snapshots {
        compare(format!("snapshot {snapshot}"), None, Some("not known to vmm".to_owned()));
    }
    compare_disks(vm, &disks, image.as_ref(), seen, path, compare)?;
    Ok(found)
}

fn compare_disks(
    vm: &Vm,
    disks: &[Disk],
    image: Option<&VolumeName>,
    seen: &Definition,
    path: Option<&str>,
    mut compare: impl FnMut(String, Option<String>, Option<String>),
) -> Result<()> {
    let seed = seed_volume(&vm.name, vm.uuid)?;
    let is_counted = |found: Option<&str>| path.is_none() || found != path;
    let is_seed = |found: Option<&str>| found.is_some_and(|found| is_file_of(found, &seed));
    let (mut expected, mut others) = (Vec::new(), Vec::new());
    for disk in disks.iter().filter(|disk| is_counted(disk.disk_path.as_deref())) {
        match disk.disk_path.as_deref().and_then(|path| seen.disk_at(path)) {
            Some(defined) => {
                let base = image.filter(|_| disk.role == DiskRole::System);
                let is_right = match (base, defined.below.as_slice()) {
                    (Some(image), [first, ..]) => is_file_of(first, image),
                    (None, below) => below.is_empty(),
                    (Some(_), []) => false,
                };
                if !is_right {
                    let was = base.map_or("nothing".to_owned(), ToString::to_string);
                    let now = if defined.below.is_empty() { "nothing".to_owned() } else { defined.below.join(" on ") };
                    compare(format!("disk {}: chain", defined.target), Some(was), Some(now));
                }
            }
            None => expected.push(disk.disk_path.clone()),
        }
    }
    let is_known = |found: Option<&str>| disks.iter().any(|disk| disk.disk_path.as_deref() == found);
    for defined in &seen.disks {
        let found = defined.path.as_deref();
        if is_counted(found) && !is_seed(found) && !(found.is_some() && is_known(found)) {
            others.push(defined);
        }
    }
    let mut others = others.into_iter();
    for was in expected {
        match others.next() {
            Some(now) => compare(format!("disk {}", now.target), was, Some(now.path.clone().unwrap_or_default())),
            None => compare("a disk of its record".to_owned(), Some(was.unwrap_or_default()), None),
        }
    }
    for added in others {
        compare(format!("disk {}", added.target), None, Some(added.path.clone().unwrap_or_default()));
    }
    Ok(())
}

/// Returns whether a path on the host is that of a volume of the pool.
pub(crate) fn is_file_of(path: &str, volume: &VolumeName) -> bool {
    path.rsplit('/').next() == Some(volume.as_str())
}

/// Refuses a disk that is not simply the volume that vmm made for it, or that a snapshot of its machine includes: to
/// grow or remove its volume would then change something else than this disk.
pub(crate) fn require_own_file(vm: &Vm, seen: &Definition, disk: &Disk) -> Result<()> {
    let refuse = |reason: String| Err(Error::conflict(Kind::Disk, disk.id, reason));
    let Some(volume) = &disk.volume else { return refuse("it was not made by vmm".to_owned()) };
    if let Some((top, target)) = above(seen, volume) {
        let name = &vm.name;
        return refuse(format!(
            "it is {top}, which has {volume} as its backing file (disk {target} of {name}); merge the two first, \
             as with virsh blockcommit {name} {target} --active --pivot while {name} runs, and have an admin accept it"
        ));
    }
    if let Some(path) = disk.disk_path.as_deref().filter(|path| !is_file_of(path, volume)) {
        return refuse(format!(
            "it is on {path}, which vmm did not make; change that file with the tool that made it, or put \
             {volume} back"
        ));
    }
    if !seen.snapshots.is_empty() {
        let snapshots = seen.snapshots.join(", ");
        return refuse(format!("its machine has snapshots ({snapshots}) that include it; delete them first"));
    }
    Ok(())
}

/// Refuses to remove a machine of which a disk stands on a volume of its own through a file that vmm did not make: the
/// file would stay behind without what it stands on.
pub(crate) fn require_nothing_above(vm: &Vm, seen: &Definition, disks: &[Disk]) -> Result<()> {
    for volume in disks.iter().filter_map(|disk| disk.volume.as_ref()) {
        if let Some((top, target)) = above(seen, volume) {
            let name = &vm.name;
            let reason = format!(
                "its disk {target} is on {top}, which vmm did not make and whose backing file is {volume}. vmm removes \
                 what it made. Merge the two (virsh blockcommit {name} {target} --active --pivot while it runs), or \
                 take the disk off (virsh detach-disk {name} {target} --config) and delete {top} yourself, then try \
                 again"
            );
            return Err(Error::conflict(Kind::Vm, name, reason));
        }
    }
    Ok(())
}

/// The file on which a disk is that stands on this volume through it, and that disk's name.
fn above<'a>(seen: &'a Definition, volume: &VolumeName) -> Option<(&'a str, &'a str)> {
    let stands = seen.disks.iter().find(|disk| disk.below.iter().any(|below| is_file_of(below, volume)))?;
    Some((stands.path.as_deref().unwrap_or("a file"), stands.target.as_str()))
}
