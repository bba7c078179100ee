//! The same commands on many machines.

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{Budget, ScriptTarget, VmName};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Command, Login, Output};

use super::fan_out::{Origin, on_each};
use crate::ops::script::run::{machines, pace};

/// So much is kept of all streams of all commands on all machines together, in bytes.
const OUTPUT_OF_A_CALL: usize = 32 << 20;

impl Vmm {
    /// Runs commands in order on each of many machines, as [`Vmm::ssh`] does on one; what fails on one does not stop
    /// the others. Machines are in the order of the targets, each once. `at_once` of them are worked on at a time: 1 to
    /// 64, 8 if absent. Less is kept of the output the more machines and commands there are. Whoever stops waiting ends
    /// what runs.
    ///
    /// # Errors
    /// `Invalid` that names `vm` for a target that is not there, or `at_once`. Nothing is run then.
    pub async fn ssh_on(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        at_once: Option<u32>,
        mut commands: Vec<(Login, Command)>,
    ) -> Result<Vec<(VmName, Result<Vec<Result<Output>>>)>> {
        if targets.is_empty() {
            return Err(Error::invalid("vm", "names no machine; name at least one"));
        }
        let _call = self.take_place(Budget::MachineCalls, actor.into())?;
        let (_, at_once) = pace(None, at_once)?;
        let desk = self.read(actor, Action::VmRead, &Target::none())?;
        let machines = machines(&desk, targets).await?;
        let streams = 2 * machines.len() * commands.len();
        for (_, command) in &mut commands {
            command.output_limit = command.output_limit.min(OUTPUT_OF_A_CALL / streams.max(1));
        }
        let run = |vm: VmName| {
            let (vmm, actor, commands) = (self.clone(), actor.clone(), commands.clone());
            async move { vmm.run_in_order(&actor, &vm, commands, None, Origin::Many).await }
        };
        on_each(machines, usize::try_from(at_once).unwrap_or(1), run).await
    }
}
