//! Switching machines.

use std::time::Duration;

use crate::desk::{Desk, Vmm, state_now};
use crate::error::{Error, Kind, Result};
use crate::host::{Start, seen, state_of};
use crate::model::{PauseReason, StatusReason, Vm, VmName, VmState, VmStatus, named};
use crate::policy::{Action, Actor, Target};
use crate::repository::outcome::at_work;

/// The number of looks at a machine after it was resumed from an I/O error, and the time between two of them.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

named! {
    /// A change of a machine's power.
    Power {
        /// Switch it on. One that is saved goes on where it was saved.
        Start = "start",
        /// Ask its system to shut down.
        Shutdown = "shutdown",
        /// Cut the power.
        Stop = "stop",
        /// Ask its system to reboot.
        Reboot = "reboot",
        /// Let it go on after a pause.
        Resume = "resume",
        /// Remove its saved state, with what was in its memory: it is off then.
        DiscardSaved = "discard-saved",
    }
}

impl Power {
    /// Why a machine in this state cannot be switched so; `None` if it can.
    fn refusal(self, vm: &Vm, state: VmState) -> Option<Error> {
        let conflict = |reason: &str| Some(Error::conflict(Kind::Vm, &vm.name, reason));
        match (self, state.status) {
            (_, VmStatus::Request | VmStatus::Unknown) => Some(vm.refusal(state)),
            (Self::Start, VmStatus::Paused)
            | (Self::Shutdown | Self::Reboot, VmStatus::Off | VmStatus::Saved | VmStatus::Paused)
            | (Self::Resume, VmStatus::Off | VmStatus::Saved) => Some(vm.refusal(state)),
            (Self::Stop, VmStatus::Saved) => {
                conflict("is saved, so it has no power to cut; discard the saved state, or start it")
            }
            (Self::DiscardSaved, VmStatus::On) => conflict("is on, and has no saved state"),
            (Self::DiscardSaved, VmStatus::Paused) => {
                conflict("is paused, and has no saved state; resume it, or stop it")
            }
            (Self::Start, VmStatus::On | VmStatus::Off | VmStatus::Saved)
            | (Self::Stop, VmStatus::On | VmStatus::Off | VmStatus::Paused)
            | (Self::Shutdown | Self::Reboot, VmStatus::On)
            | (Self::Resume, VmStatus::On | VmStatus::Paused)
            | (Self::DiscardSaved, VmStatus::Off | VmStatus::Saved) => None,
        }
    }
}

/// The result of switching a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switched {
    /// Its state right after.
    pub state: VmState,
    /// Where it was saved before it was started: whether it went on from there. `false` says that the host could not
    /// use the saved state and booted it.
    pub restored: Option<bool>,
}

impl Vmm {
    /// Switches a machine. Answers when the host has taken the order; a guest may need time to follow.
    ///
    /// # Errors
    /// `Conflict` for a machine that does not exist yet, that a job works on, whose state does not allow it, or that
    /// paused again as soon as it was resumed.
    pub async fn power(&self, actor: &Actor, name: &VmName, power: Power) -> Result<Switched> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmPower, name).await?;
        let detail = power.as_str().to_owned();
        self.effect(actor, Action::VmPower, Target::from(&vm), detail, |desk| async move {
            vm.check_exists()?;
            if let Some(job) = desk.repository().jobs().on_vm(vm.id).await? {
                return Err(Error::conflict(Kind::Vm, &vm.name, at_work(&job)));
            }
            let before = state_now(&desk, &vm).await?;
            if let Some(refusal) = power.refusal(&vm, before) {
                return Err(refusal);
            }
            let switched = switch(&desk, &vm, power, before).await;
            desk.forget_states();
            let (state, restored) = (look(&desk, &vm).await, switched?);
            let state = state?;
            if let (Power::Resume, Some(reason)) = (power, before.reason) {
                stays_resumed(&desk, &vm, reason, state).await?;
            }
            Ok(Switched { state, restored })
        })
        .await
    }
}

async fn switch(desk: &Desk, vm: &Vm, power: Power, before: VmState) -> Result<Option<bool>> {
    let hypervisor = desk.hypervisor();
    match power {
        Power::Start => {
            let start = hypervisor.domains().start(vm.uuid).await?;
            return Ok((before.status == VmStatus::Saved).then_some(start == Start::Restored));
        }
        Power::Shutdown => hypervisor.domains().shutdown(vm.uuid).await?,
        Power::Stop => hypervisor.domains().stop(vm.uuid).await?,
        Power::Reboot => hypervisor.domains().reboot(vm.uuid).await?,
        Power::Resume => hypervisor.domains().resume(vm.uuid).await?,
        Power::DiscardSaved => hypervisor.domains().discard_saved(vm.uuid).await?,
    }
    Ok(None)
}

/// The machine's state now, which is recorded too.
async fn look(desk: &Desk, vm: &Vm) -> Result<VmState> {
    let Some(domain) = desk.hypervisor().domains().by_id(vm.uuid).await? else { return Ok(state_of(None)) };
    desk.repository().vms().observe(vec![seen(&domain, None)]).await?;
    Ok(state_of(Some(domain.state)))
}

/// Refuses to call a machine resumed that pauses again at once: what was the matter with its disk may still be.
async fn stays_resumed(desk: &Desk, vm: &Vm, paused: StatusReason, mut state: VmState) -> Result<()> {
    let looks = if paused == StatusReason::Paused(PauseReason::IoError) { LOOKS } else { 0 };
    for _ in 0..looks {
        if state.status != VmStatus::On {
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
        state = look(desk, vm).await?;
    }
    if state.status == VmStatus::Paused {
        desk.forget_states();
        let reason = format!("was resumed and paused again at once: it {}", state.advice());
        return Err(Error::conflict(Kind::Vm, &vm.name, reason));
    }
    Ok(())
}
