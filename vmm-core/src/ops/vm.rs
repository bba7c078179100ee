//! Machines.

use std::collections::HashMap;

use secrecy::SecretString;
use uuid::Uuid;

use crate::error::{Error, Kind, Result};
use crate::hypervisor::{Domain, DomainState};
use crate::job;
use crate::model::{Disk, JobId, JobKind, LoginName, NewJob, Vm, VmFilter, VmName, VmStatus};
use crate::policy::{Action, Actor, Target};
use crate::vmm::Vmm;

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

impl Vmm {
    /// Machines in order of id, with their state of this moment: one bulk call to the host, however many they are.
    /// If the host does not answer, the status is as last seen.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn vms(&self, actor: &Actor, filter: &VmFilter) -> Result<Vec<Vm>> {
        let desk = self.read(actor, Action::VmRead, &Target::none())?;
        let mut vms = desk.repository().vms().list(filter).await?;
        if let Ok(domains) = desk.hypervisor().domains().await {
            let domains: HashMap<Uuid, Domain> = domains.into_iter().map(|domain| (domain.uuid, domain)).collect();
            for vm in vms.iter_mut().filter(|vm| vm.status != VmStatus::Request) {
                vm.status = status(domains.get(&vm.uuid).map(|domain| domain.state));
            }
            vms.retain(|vm| filter.status.is_none_or(|status| vm.status == status));
        }
        Ok(vms)
    }

    /// One machine and its disks.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name.
    pub async fn vm(&self, actor: &Actor, name: &VmName) -> Result<(Vm, Vec<Disk>)> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmRead, &Target::from(&vm))?;
        let disks = desk.repository().disks().of_vm(vm.id).await?;
        Ok((vm, disks))
    }

    /// The login that a machine was made with. That it was shown is recorded.
    ///
    /// # Errors
    /// `Forbidden` for anyone but the responsible person and admins.
    pub async fn vm_login(&self, actor: &Actor, name: &VmName) -> Result<VmLogin> {
        let vm = self.lookup(actor)?.vm(name).await?;
        self.effect(actor, Action::VmLogin, Target::from(&vm), String::new(), |desk| async move {
            let password = desk.secrets().login_password(vm.uuid);
            Ok(VmLogin { user: vm.login, password })
        })
        .await
    }

    /// Switches a machine. Answers when the host has taken the order; a guest may need time to follow.
    ///
    /// # Errors
    /// `Conflict` for a machine that does not exist yet, or that is being made or removed.
    pub async fn power(&self, actor: &Actor, name: &VmName, power: Power) -> Result<()> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let detail = format!("{power:?}").to_lowercase();
        self.effect(actor, Action::VmPower, Target::from(&vm), detail, |desk| async move {
            exists(&vm)?;
            match power {
                Power::Start => desk.hypervisor().start(vm.uuid).await?,
                Power::Shutdown => desk.hypervisor().shutdown(vm.uuid).await?,
                Power::Stop => desk.hypervisor().stop(vm.uuid).await?,
                Power::Reboot => desk.hypervisor().reboot(vm.uuid).await?,
            }
            if let Some(domain) = desk.hypervisor().domain(vm.uuid).await? {
                desk.repository().vms().observe(vec![(vm.uuid, status(Some(domain.state)), None)]).await?;
            }
            Ok(())
        })
        .await
    }

    /// Removes a machine and its disks.
    ///
    /// # Errors
    /// `Conflict` for a machine that does not exist yet or that a job works on.
    pub async fn delete_vm(&self, actor: &Actor, name: &VmName) -> Result<JobId> {
        let vm = self.lookup(actor)?.vm(name).await?;
        self.change(actor, Action::VmDelete, Target::from(&vm), |desk, audit| async move {
            let kind = JobKind::DeleteVm(vm.id);
            let job = NewJob { steps: job::step_names(&kind), kind, title: vm.name.to_string(), request: None };
            let id = desk.repository().vms().start_delete(vm.id, job, audit).await?;
            desk.work().notify_one();
            Ok(id)
        })
        .await
    }
}

/// Refuses a machine that is only asked for.
pub(crate) fn exists(vm: &Vm) -> Result<()> {
    match vm.status {
        VmStatus::Request => {
            Err(Error::conflict(Kind::Vm, &vm.name, "is not there yet; its request shows how far it is"))
        }
        VmStatus::On | VmStatus::Off => Ok(()),
    }
}

/// A domain's state as a machine's status. A machine without a domain is off.
pub(crate) fn status(state: Option<DomainState>) -> VmStatus {
    match state {
        Some(DomainState::Running | DomainState::Paused | DomainState::Stopping) => VmStatus::On,
        Some(DomainState::Off | DomainState::Crashed) | None => VmStatus::Off,
    }
}
