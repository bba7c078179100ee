//! One file or directory to many machines.

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{Budget, FileName, ScriptTarget, VmName};
use crate::policy::{Action, Actor};

use super::many::{Origin, on_each};
use super::transfer::{Transfer, TransferReport};
use super::tree;
use super::tree::{TreeReport, TreeTransfer};
use crate::ops::account::file;
use crate::ops::script::run::machines;

/// So many machines are sent to at once; the others wait, and their time does not run.
const AT_ONCE: usize = 16;

impl Vmm {
    /// Sends a file of the actor's file area to many machines, as [`Vmm::send_file`] does to each; what fails on one does
    /// not stop the others. Machines are in the order of the targets, each once. `progress` is told what has
    /// come to all of them together.
    ///
    /// # Errors
    /// `Invalid` that names `vm` for a target that is not there, `NotFound` if the actor has no such file. Nothing is
    /// sent then.
    pub async fn send_file_to(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        transfer: Transfer,
    ) -> Result<Vec<(VmName, Result<TransferReport>)>> {
        let name = FileName::new(transfer.place.file())?;
        let send = |bytes| {
            transfer.progress.expect(bytes);
            move |vm: VmName| {
                let (vmm, actor) = (self.clone(), actor.clone());
                let transfer = Transfer { progress: transfer.progress.part(), ..transfer.clone() };
                async move { vmm.send_file_of(&actor, &vm, transfer, Origin::Many).await }
            }
        };
        self.to_many(actor, targets, &name, send).await
    }

    /// Sends a directory whose archive is in the actor's file area to many machines, as [`Vmm::send_tree_file`] does to
    /// each; else as [`Vmm::send_file_to`].
    ///
    /// # Errors
    /// As [`Vmm::send_file_to`].
    pub async fn send_tree_file_to(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        transfer: TreeTransfer,
    ) -> Result<Vec<(VmName, Result<TreeReport>)>> {
        let name = tree::archive_name(&transfer.place)?;
        // An archive is larger than the files in it.
        let send = |_| {
            move |vm: VmName| {
                let (vmm, actor) = (self.clone(), actor.clone());
                let transfer = TreeTransfer { progress: transfer.progress.part(), ..transfer.clone() };
                async move { vmm.send_tree_file_of(&actor, &vm, transfer, Origin::Many).await }
            }
        };
        self.to_many(actor, targets, &name, send).await
    }

    /// Has each machine sent to by what `send` makes, once it is known how many bytes that is in all.
    async fn to_many<T: Send + 'static, F, S>(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        name: &FileName,
        send: impl FnOnce(u64) -> S + Send,
    ) -> Result<Vec<(VmName, Result<T>)>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
        S: Fn(VmName) -> F + Send,
    {
        if targets.is_empty() {
            return Err(Error::invalid("vm", "names no machine"));
        }
        let _call = self.take_place(Budget::MachineCalls, actor.into())?;
        let (owner, target) = file::own(actor, name)?;
        let desk = self.read(actor, Action::FileRead, &target)?;
        let machines = machines(&desk, targets).await?;
        let bytes = file::find(&desk, owner, name).await?.bytes;
        let total = bytes.saturating_mul(machines.len() as u64);
        on_each(machines, AT_ONCE, send(total)).await
    }
}
