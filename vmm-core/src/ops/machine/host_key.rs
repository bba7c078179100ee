//! The keys that machines prove themselves with.

use std::time::Duration;

use crate::desk::{Vmm, check_on};
use crate::error::{Kind, Result};
use crate::model::{Budget, HostKey, Revision, Vm, VmChange, VmName};
use crate::policy::{Action, Actor, Target};

/// The time that a machine has to show its key.
const DEADLINE: Duration = Duration::from_secs(15);

/// The host key that counts, and the one that a machine shows.
#[derive(Debug)]
pub struct VmHostKey {
    /// The only one that is accepted.
    pub recorded: HostKey,
    /// The one that the machine's SSH server shows now, or why it shows none. Nothing proves that it is the machine's:
    /// compare it with what the machine's console says before it is accepted.
    pub shown: Result<HostKey>,
}

impl Vmm {
    /// The host key that counts for a machine, and the one that it shows now. No credential is sent.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name.
    pub async fn vm_host_key(&self, actor: &Actor, name: &VmName) -> Result<VmHostKey> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let desk = self.read(actor, Action::VmRead, &Target::from(&vm))?;
        let _place = self.take_place(Budget::MachineCalls, actor.into())?;
        let shown = match check_on(&desk, &vm).await {
            Ok(()) => desk.machine(&vm).host_key(DEADLINE).await,
            Err(error) => Err(error),
        };
        Ok(VmHostKey { recorded: vm.host_key, shown })
    }

    /// Accepts another host key for a machine, as after it was installed anew. From then on it is the only one.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin: whoever has the key gets the passwords of all who log in. `Stale` if the
    /// record's revision is not the one to `expect`; `Conflict` for a machine that does not exist yet.
    pub async fn accept_host_key(
        &self,
        actor: &Actor,
        name: &VmName,
        host_key: HostKey,
        expect: Option<Revision>,
    ) -> Result<Vm> {
        let vm = self.find_vm_or_audit_failure(actor, Action::VmHostKey, name).await?;
        self.change(actor, Action::VmHostKey, Target::from(&vm), |desk, mut audit| async move {
            vm.check_exists()?;
            audit.detail = format!("{} in place of {}", host_key.fingerprint(), vm.host_key.fingerprint()).into();
            if host_key == vm.host_key {
                let reason = "this is the host key that counts already";
                return Err(crate::Error::conflict(Kind::Vm, &vm.name, reason));
            }
            let change = VmChange { host_key: Some(host_key), ..VmChange::default() };
            desk.repository().vms().update(vm.id, change, expect, audit).await
        })
        .await
    }
}
