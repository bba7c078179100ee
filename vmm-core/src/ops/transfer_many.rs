//! One file or directory to many machines.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::model::{FileName, ScriptTarget, VmName};
use crate::policy::{Action, Actor};
use crate::remote::Progress;
use crate::vmm::Vmm;

use super::run::machines;
use super::{Transfer, TransferReport, TreeReport, TreeTransfer, file, tree};

/// So many machines are sent to at once; the others wait, and their time does not run.
const AT_ONCE: usize = 16;

impl Vmm {
    /// Sends a file of the actor's file area to many machines, as [`Vmm::send_file`] does to each; what fails on one does
    /// not stop the others. Machines are in the order of the targets, each once. `progress` is not told.
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
        let send = move |vmm: Vmm, actor: Actor, vm: VmName| {
            let transfer = Transfer { progress: Progress::new(), ..transfer.clone() };
            async move { vmm.send_file(&actor, &vm, transfer).await }
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
        let send = move |vmm: Vmm, actor: Actor, vm: VmName| {
            let transfer = TreeTransfer { progress: Progress::new(), ..transfer.clone() };
            async move { vmm.send_tree_file(&actor, &vm, transfer).await }
        };
        self.to_many(actor, targets, &name, send).await
    }

    async fn to_many<T: Send + 'static, F>(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        name: &FileName,
        send: impl Fn(Self, Actor, VmName) -> F + Send,
    ) -> Result<Vec<(VmName, Result<T>)>>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        if targets.is_empty() {
            return Err(Error::invalid("vm", "names no machine"));
        }
        let (owner, target) = file::own(actor, name)?;
        let desk = self.read(actor, Action::FileRead, &target)?;
        file::find(&desk, owner, name).await?;
        let machines = machines(&desk, targets).await?;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        // Those that are under way end with the caller's waiting.
        let mut calls = JoinSet::new();
        for (index, (_, vm)) in machines.iter().enumerate() {
            let (places, sending) = (Arc::clone(&places), send(self.clone(), actor.clone(), vm.clone()));
            calls.spawn(async move {
                let _place = places.acquire_owned().await;
                (index, sending.await)
            });
        }
        let mut results: Vec<_> = machines.into_iter().map(|(_, vm)| (vm, None)).collect();
        while let Some(call) = calls.join_next().await {
            let (index, result) = call.map_err(|error| Error::internal("sending to many machines", error))?;
            if let Some((_, slot)) = results.get_mut(index) {
                *slot = Some(result);
            }
        }
        Ok(results.into_iter().filter_map(|(vm, result)| result.map(|result| (vm, result))).collect())
    }
}
