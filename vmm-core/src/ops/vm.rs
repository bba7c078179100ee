//! Machines.

use std::net::IpAddr;

use secrecy::SecretString;

use crate::error::{Error, Kind, Result};
use crate::hypervisor::{Domain, DomainState};
use crate::job;
use crate::model::{
    Disk, GroupName, JobId, JobKind, LoginName, NewJob, Page, Revision, Seen, UserName, Vm, VmChange, VmFilter, VmId,
    VmName, VmStatus, one_more,
};
use crate::policy::{Action, Actor, Target};
use crate::vmm::{Desk, Vmm};

use super::{changed, text};

/// What to do with a machine's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// Switch it on.
    Start,
    /// Ask its system to shut down.
    Shutdown,
    /// Cut the power.
    Stop,
    /// Ask its system to reboot.
    Reboot,
}

/// The login that a machine was made with.
#[derive(Debug)]
pub struct VmLogin {
    /// The user that cloud-init made.
    pub user: LoginName,
    /// The password that it got. Whoever changed it in the machine knows another one.
    pub password: SecretString,
}

/// What somebody wants changed of a machine's record. What is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmUpdate {
    /// Another responsible person.
    pub user: Option<UserName>,
    /// Another group, or none any more.
    pub group_name: Option<Option<GroupName>>,
    /// Another description.
    pub description: Option<String>,
}

impl Vmm {
    /// Machines in order of id, with their state of this second: one call to the host serves all who ask, however many
    /// machines there are. If the host does not answer, the status is as last seen.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn vms(&self, actor: &Actor, filter: &VmFilter) -> Result<Page<Vm, VmId>> {
        let desk = self.read(actor, Action::VmRead, &Target::none())?;
        let asked = VmFilter { limit: one_more(filter.limit), ..filter.clone() };
        let vms = match desk.seen().await {
            Some(seen) => desk.repository().vms().list_seen(&asked, seen).await?,
            None => desk.repository().vms().list(&asked).await?,
        };
        Ok(Page::cut(vms, filter.limit, |vm| vm.id))
    }

    /// One machine, with its state of this second, and its disks.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name.
    pub async fn vm(&self, actor: &Actor, name: &VmName) -> Result<(Vm, Vec<Disk>)> {
        let mut vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmRead, &Target::from(&vm))?;
        if let (Some(seen), VmStatus::On | VmStatus::Off) = (desk.seen().await, vm.status) {
            vm.status = seen.get(&vm.uuid).copied().unwrap_or(VmStatus::Off);
        }
        let disks = desk.repository().disks().of_vm(vm.id).await?;
        Ok((vm, disks))
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
        let vm = self.sought_vm(actor, Action::VmUpdate, name).await?;
        self.change(actor, Action::VmUpdate, Target::from(&vm), |desk, mut audit| async move {
            let VmUpdate { user, group_name, description } = update;
            text("description", description.as_deref().unwrap_or_default())?;
            audit.detail = changed([
                user.as_ref().map(|user| format!("user {user}")),
                group_name.as_ref().map(|group| {
                    group.as_ref().map_or("no group_name".to_owned(), |group| format!("group_name {group}"))
                }),
                description.as_ref().map(|_| "description".to_owned()),
            ]);
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
        let vm = self.sought_vm(actor, Action::VmLogin, name).await?;
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

    /// Switches a machine. Answers when the host has taken the order; a guest may need time to follow.
    ///
    /// # Errors
    /// `Conflict` for a machine that does not exist yet, or that a job works on.
    pub async fn power(&self, actor: &Actor, name: &VmName, power: Power) -> Result<()> {
        let vm = self.sought_vm(actor, Action::VmPower, name).await?;
        let detail = format!("{power:?}").to_lowercase();
        self.effect(actor, Action::VmPower, Target::from(&vm), detail, |desk| async move {
            vm.check_exists()?;
            if let Some(job) = desk.repository().jobs().on_vm(vm.id).await? {
                let reason = format!("job {} ({}) works on it; wait for it", job.id, job.kind.word());
                return Err(Error::conflict(Kind::Vm, &vm.name, reason));
            }
            match power {
                Power::Start => desk.hypervisor().start(vm.uuid).await?,
                Power::Shutdown => desk.hypervisor().shutdown(vm.uuid).await?,
                Power::Stop => desk.hypervisor().stop(vm.uuid).await?,
                Power::Reboot => desk.hypervisor().reboot(vm.uuid).await?,
            }
            desk.forget_seen();
            if let Some(domain) = desk.hypervisor().domain(vm.uuid).await? {
                desk.repository().vms().observe(vec![seen(&domain, None)]).await?;
            }
            Ok(())
        })
        .await
    }

    /// Removes a machine and its disks. One that was adopted is let go instead: its domain and disks stay.
    ///
    /// # Errors
    /// `Stale` if its revision is not the one to `expect`; `Conflict` for a machine that does not exist yet or that a job
    /// works on.
    pub async fn delete_vm(&self, actor: &Actor, name: &VmName, expect: Option<Revision>) -> Result<JobId> {
        let vm = self.sought_vm(actor, Action::VmDelete, name).await?;
        self.change(actor, Action::VmDelete, Target::from(&vm), |desk, audit| async move {
            let kind = if vm.adopted { JobKind::ReleaseVm(vm.id) } else { JobKind::DeleteVm(vm.id) };
            let job = NewJob { steps: job::step_names(&kind), kind, title: vm.name.to_string(), request: None };
            let id = desk.repository().vms().start_delete(vm.id, job, expect, audit).await?;
            desk.work().notify_one();
            Ok(id)
        })
        .await
    }

    pub(super) async fn sought_vm(&self, actor: &Actor, action: Action, name: &VmName) -> Result<Vm> {
        let lookup = self.lookup(actor)?;
        self.seek(actor, action, format!("vm {name}"), lookup.vm(name)).await
    }
}

/// Refuses a machine on which nothing can be done now. The record may be behind: on one that is off by it, the host has
/// the last word.
pub(crate) async fn check_on(desk: &Desk, vm: &Vm) -> Result<()> {
    if vm.status == VmStatus::Off {
        let domain = desk.hypervisor().domain(vm.uuid).await;
        if !domain.is_ok_and(|domain| status(domain.map(|domain| domain.state)) == VmStatus::Off) {
            return Ok(());
        }
    }
    vm.check_on()
}

/// What a look at a domain says of its machine.
pub(crate) fn seen(domain: &Domain, ip: Option<IpAddr>) -> Seen {
    Seen { uuid: domain.uuid, status: status(Some(domain.state)), ip, run: domain.run }
}

/// A domain's state as a machine's status. A machine without a domain is off.
pub(crate) fn status(state: Option<DomainState>) -> VmStatus {
    match state {
        Some(DomainState::Running | DomainState::Paused | DomainState::Stopping) => VmStatus::On,
        Some(DomainState::Off | DomainState::Crashed) | None => VmStatus::Off,
    }
}
