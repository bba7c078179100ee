//! Machines whose domain has lost vmm's tag.

use crate::desk::{Desk, Vmm, untagged};
use crate::error::{Error, Kind, Result};
use crate::host::ForeignDomain;
use crate::model::{Vm, VmName};
use crate::policy::{Action, Actor, Target};
use crate::repository::outcome::at_work;

impl Vmm {
    /// Sets vmm's tag again on the domain of a machine that has lost it, as when somebody defined the domain anew with
    /// another tool. The domain must be the machine's by its id, by the hardware address of an interface, and by a
    /// disk.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin. `Conflict` for a machine that does not exist yet or that a job works on, if
    /// the host has no domain without a tag that has its id, and if that domain is not the machine's; `Unavailable` if
    /// the host does not answer.
    pub async fn reclaim_vm(&self, actor: &Actor, name: &VmName) -> Result<()> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmReclaim, name).await?;
        self.effect(actor, Action::VmReclaim, Target::from(&vm), String::new(), |desk| async move {
            vm.check_exists()?;
            if let Some(job) = desk.repository().jobs().on_vm(vm.id).await? {
                return Err(Error::conflict(Kind::Vm, &vm.name, at_work(&job)));
            }
            let Some(found) = untagged(&desk, &vm).await? else {
                let reason = "its host has no domain that has its id and no tag, so there is no tag to restore";
                return Err(Error::conflict(Kind::Vm, &vm.name, reason));
            };
            require_own(&desk, &vm, &found).await?;
            if vm.adopted {
                desk.hypervisor().adoption().adopt(vm.uuid).await?;
            } else {
                desk.hypervisor().adoption().reclaim(vm.uuid).await?;
            }
            desk.forget_states();
            Ok(())
        })
        .await
    }
}

async fn require_own(desk: &Desk, vm: &Vm, found: &ForeignDomain) -> Result<()> {
    let refuse = |reason: String| Err(Error::conflict(Kind::Vm, &vm.name, reason));
    if !found.macs.contains(&vm.mac) {
        return refuse(format!(
            "the domain {} has its id, but no interface with its hardware address {}, so that it may be another machine; \
             give it one and try again",
            found.name, vm.mac
        ));
    }
    let disks = desk.repository().disks().of_vm(vm.id).await?;
    let paths: Vec<_> = disks.iter().filter_map(|disk| disk.disk_path.as_deref()).collect();
    let has_own = found.disks.iter().filter_map(|disk| disk.path.as_deref()).any(|path| paths.contains(&path));
    if !has_own && !paths.is_empty() {
        return refuse(format!(
            "the domain {} has its id, but none of its disks ({}), so that it may be another machine; attach them and try \
             again",
            found.name,
            paths.join(", ")
        ));
    }
    Ok(())
}
