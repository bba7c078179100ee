//! Definitions of machines on their host: what differs from what vmm last saw, and what an admin accepts.

use std::collections::HashMap;

use crate::desk::definition::{self, DefinitionLook, is_file_of, sentence};
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::host::Definition;
use crate::model::{
    AcceptedDefinition, DefinitionDigest, Disk, DiskFilter, DiskId, DiskRole, Facts, MacAddress, OsFilter, Revision,
    Vm, VmName,
};
use crate::policy::{Action, Actor, Target};

impl Vmm {
    /// Returns the definition of a machine on its host, with the differences from what vmm last saw. One that vmm sees
    /// for the first time, and that agrees with its record, is what it compares with from then on.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name; `Conflict` for a machine that does not exist yet or was adopted, whose
    /// definition vmm never changes; `Unavailable` if the host does not answer.
    pub async fn vm_definition(&self, actor: &Actor, name: &VmName) -> Result<DefinitionLook> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmRead, &Target::from(&vm))?;
        has_definition(&vm)?;
        definition::look(&desk, &vm).await
    }

    /// Accepts that a machine is defined otherwise than vmm last saw it, and takes that into its record: size, hardware
    /// address, where its disks are. `digest` is that of the definition that was looked at; no other is accepted.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin. `Conflict` if the definition is not the one of this digest, differs in
    /// nothing, or is one that vmm cannot work with; and for a machine that a job works on. `Stale` if the record's
    /// revision is not the one to `expect`.
    pub async fn accept_definition(
        &self,
        actor: &Actor,
        name: &VmName,
        digest: DefinitionDigest,
        expect: Option<Revision>,
    ) -> Result<Vm> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmDefinition, name).await?;
        self.change(actor, Action::VmDefinition, Target::from(&vm), |desk, mut audit| async move {
            has_definition(&vm)?;
            let DefinitionLook { seen, differences } = definition::look(&desk, &vm).await?;
            let conflict = |reason: &str| Err(Error::conflict(Kind::Vm, &vm.name, reason));
            if seen.facts.digest() != digest {
                return conflict("its definition has changed since you looked at it; look again, then decide");
            }
            if differences.is_empty() {
                return conflict("its definition is as vmm last saw it, so there is nothing to accept");
            }
            audit.detail = sentence(&differences).into();
            let accepted = accepted(&desk, &vm, seen).await?;
            desk.repository().vms().accept_definition(vm.id, accepted, expect, audit).await
        })
        .await
    }
}

/// Refuses a machine whose definition is not vmm's to change.
fn has_definition(vm: &Vm) -> Result<()> {
    vm.check_exists()?;
    if vm.adopted {
        let reason = "it was adopted, so vmm keeps no definition of it to compare or accept";
        return Err(Error::conflict(Kind::Vm, &vm.name, reason));
    }
    Ok(())
}

async fn accepted(desk: &Desk, vm: &Vm, seen: Definition) -> Result<AcceptedDefinition> {
    let repository = desk.repository();
    let disks = repository.disks().of_vm(vm.id).await?;
    let paths = paths(&disks, repository.vms().definition(vm.id).await?.as_ref(), &seen);
    let system = disks.iter().find(|disk| disk.role == DiskRole::System);
    if system.is_some_and(|system| paths.get(&system.id).is_none_or(Option::is_none)) {
        let reason = "its system disk is not attached; attach it again on the host";
        return Err(Error::conflict(Kind::Vm, &vm.name, reason));
    }
    refuse_taken_files(desk, vm, &seen).await?;
    Ok(AcceptedDefinition {
        vcpu: seen.vcpu.max(1),
        memory: seen.memory.max(1),
        mac: mac(vm, &seen)?,
        paths: paths.into_iter().collect(),
        facts: seen.facts,
    })
}

/// The hardware address that a machine is known by from then on.
fn mac(vm: &Vm, seen: &Definition) -> Result<MacAddress> {
    if seen.macs.contains(&vm.mac) {
        return Ok(vm.mac);
    }
    let refuse = |reason: String| Err(Error::conflict(Kind::Vm, &vm.name, reason));
    match (seen.macs.first(), vm.ip.filter(|_| vm.ip_fixed)) {
        (None, _) => refuse(format!(
            "it has no network interface, which vmm needs for SSH; give it one with the hardware address {}",
            vm.mac
        )),
        (Some(_), Some(ip)) => refuse(format!(
            "its address {ip} is reserved for the hardware address {}; give that back to its interface",
            vm.mac
        )),
        (Some(mac), None) => Ok(*mac),
    }
}

/// Where each disk of the record is: on its own file, on one that stands on that, or on what took its place.
fn paths(disks: &[Disk], kept: Option<&Facts>, seen: &Definition) -> HashMap<DiskId, Option<String>> {
    let mut found = HashMap::new();
    for disk in disks {
        let own = |path: &str| {
            disk.disk_path.as_deref() == Some(path) || disk.volume.as_ref().is_some_and(|own| is_file_of(path, own))
        };
        let on_it = seen.disks.iter().find(|defined| defined.path.as_deref().is_some_and(own));
        let above_it = seen.disks.iter().find(|defined| defined.below.iter().any(|below| own(below)));
        let name = disk.disk_path.as_deref().and_then(|path| kept?.disk_at(path));
        let in_its_place = seen.disks.iter().find(|defined| name == Some(format!("disk {}", defined.target).as_str()));
        let path = on_it.or(above_it).or(in_its_place).and_then(|defined| defined.path.clone());
        found.insert(disk.id, path);
    }
    found
}

/// Two machines that write one file destroy it, and so does a machine that writes an image.
async fn refuse_taken_files(desk: &Desk, vm: &Vm, seen: &Definition) -> Result<()> {
    let repository = desk.repository();
    let others: Vec<_> = repository.disks().list(&DiskFilter::default()).await?;
    let images = repository.oses().list(&OsFilter::default()).await?;
    for defined in seen.disks.iter().filter(|defined| !defined.read_only) {
        let (Some(path), target) = (defined.path.as_deref(), &defined.target) else { continue };
        let is_taken = |disk: &&Disk| {
            disk.vm != vm.id
                && (disk.disk_path.as_deref() == Some(path)
                    || disk.volume.as_ref().is_some_and(|own| is_file_of(path, own)))
        };
        let reason = if let Some(other) = others.iter().find(is_taken) {
            format!(
                "its disk {target} is on a disk of {}, and two machines that write one file destroy it",
                other.vm_name
            )
        } else if images.iter().filter_map(|os| os.image.as_ref()).any(|image| is_file_of(path, &image.volume)) {
            format!("its disk {target} is an image of the catalog, which other machines use")
        } else {
            continue;
        };
        return Err(Error::conflict(Kind::Vm, &vm.name, format!("{reason}; give it another file")));
    }
    Ok(())
}
