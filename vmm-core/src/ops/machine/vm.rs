//! Machines.

use secrecy::SecretString;

use crate::desk::definition;
use crate::desk::{Vmm, require_tagged};
use crate::error::{Error, Kind, Result};
use crate::job::kinds::{delete_vm::DeleteVm, release_vm::ReleaseVm};
use crate::model::{
    Description, Disk, GroupName, JobId, LoginName, NewJob, Page, Revision, UserName, Vm, VmChange, VmFilter, VmId,
    VmName, one_more,
};
use crate::policy::{Action, Actor, Target};

use crate::ops::changed;

/// The login that a machine was made with.
#[derive(Debug)]
pub struct VmLogin {
    /// The user that cloud-init made.
    pub user: LoginName,
    /// The password that it got. Whoever changed it in the machine knows another one.
    pub password: SecretString,
}

/// A change of a machine's record. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmUpdate {
    /// Another responsible person.
    pub user: Option<UserName>,
    /// Another group; `Some(None)` removes it from its group.
    pub group_name: Option<Option<GroupName>>,
    /// Another description.
    pub description: Option<String>,
}

impl Vmm {
    /// Machines in order of id, with their state of this second: one call to the host serves all who ask, however many
    /// machines there are. If the host does not answer, they are unknown.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn vms(&self, actor: &Actor, filter: &VmFilter) -> Result<Page<Vm, VmId>> {
        let desk = self.read(actor, Action::VmRead, &Target::none())?;
        let asked = VmFilter { limit: one_more(filter.limit), ..filter.clone() };
        let vms = desk.repository().vms().list_seen(&asked, desk.observed_states().await).await?;
        Ok(Page::cut(vms, filter.limit, |vm| vm.id))
    }

    /// One machine, with its state of this second, and its disks.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name.
    pub async fn vm(&self, actor: &Actor, name: &VmName) -> Result<(Vm, Vec<Disk>)> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmRead, &Target::from(&vm))?;
        let state = desk.observed_states().await.of(&vm.uuid);
        let disks = desk.repository().disks().of_vm(vm.id).await?;
        Ok((vm.with_state(state), disks))
    }

    /// Changes a machine's record; the machine itself stays as it is.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Invalid` if there is no such responsible person.
    pub async fn update_vm(
        &self,
        actor: &Actor,
        name: &VmName,
        update: VmUpdate,
        expect: Option<Revision>,
    ) -> Result<Vm> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmUpdate, name).await?;
        self.change(actor, Action::VmUpdate, Target::from(&vm), |desk, mut audit| async move {
            let VmUpdate { user, group_name, description } = update;
            Description::check("description", description.as_deref().unwrap_or_default())?;
            audit.detail = changed([
                user.as_ref().map(|user| format!("user {user}")),
                group_name.as_ref().map(|group| {
                    group.as_ref().map_or("no group_name".to_owned(), |group| format!("group_name {group}"))
                }),
                description.as_ref().map(|_| "description".to_owned()),
            ])
            .into();
            let user = match user {
                Some(name) => match desk.repository().users().by_name(&name).await? {
                    Some(user) => Some(user.id),
                    None => return Err(Error::invalid("user", format!("there is no user {name}"))),
                },
                None => None,
            };
            let change = VmChange { user, group_name, description, host_key: None };
            desk.repository().vms().update(vm.id, change, expect, audit).await
        })
        .await
    }

    /// The login that a machine was made with. That it was shown is recorded.
    ///
    /// # Errors
    /// `Forbidden` for anyone but the responsible person and admins; `Conflict` for a machine that vmm did not make.
    pub async fn vm_login(&self, actor: &Actor, name: &VmName) -> Result<VmLogin> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmLogin, name).await?;
        self.effect(actor, Action::VmLogin, Target::from(&vm), String::new(), |desk| async move {
            if vm.adopted {
                let reason = "it was adopted, so vmm does not know its logins; ask its responsible person";
                return Err(Error::conflict(Kind::Vm, &vm.name, reason));
            }
            let password = desk.secrets().login_password(vm.uuid);
            Ok(VmLogin { user: vm.login, password })
        })
        .await
    }

    /// Removes a machine and its disks. One that was adopted is let go instead: its domain and disks stay.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` for a machine that does not exist yet, that a job
    /// works on, or of which a disk stands on its volume through a file that vmm did not make.
    pub async fn delete_vm(&self, actor: &Actor, name: &VmName, expect: Option<Revision>) -> Result<JobId> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmDelete, name).await?;
        self.change(actor, Action::VmDelete, Target::from(&vm), |desk, audit| async move {
            if !vm.adopted {
                match desk.hypervisor().definitions().by_id(vm.uuid).await {
                    Ok(Some(seen)) => {
                        let disks = desk.repository().disks().of_vm(vm.id).await?;
                        definition::require_nothing_above(&vm, &seen, &disks)?;
                    }
                    Ok(None) => require_tagged(&desk, &vm).await?,
                    // The job waits for a host that is away, and looks then.
                    Err(Error::Unavailable { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let job = if vm.adopted { NewJob::of::<ReleaseVm>() } else { NewJob::of::<DeleteVm>() };
            let id = desk.repository().vms().start_delete(vm.id, job, expect, audit).await?;
            desk.work().notify_one();
            Ok(id)
        })
        .await
    }

    pub(in crate::ops) async fn find_vm_or_audit_failure(
        &self,
        actor: &Actor,
        action: Action,
        name: &VmName,
    ) -> Result<Vm> {
        let lookup = self.lookup(actor)?;
        self.find_or_audit_failure(actor, action, format!("vm {name}"), lookup.vm(name)).await
    }
}
