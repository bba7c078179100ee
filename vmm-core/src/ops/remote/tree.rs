//! Whole directories to and from machines.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::desk::{Desk, Vmm, check_on};
use crate::error::{Error, Result};
use crate::model::{Budget, FileName, Vm, VmName};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Login, Place, Progress, Sink, Source, TreeDownload, TreeTransferred, TreeUpload, tree};

use super::many::{Origin, session};
use super::transfer::{BETWEEN, RECEIVE, SEND};
use crate::ops::account::file;

/// A directory to carry: its place on a machine, and the login there.
#[derive(Clone, Debug)]
pub struct TreeTransfer {
    /// The place on the machine. What is called `file` there is the directory's own name.
    pub place: Place,
    /// The login on the machine.
    pub login: Login,
    /// Whether what is sent or received may take the place of a directory that is not empty, which is then removed
    /// with all that is in it.
    pub replace: bool,
    /// Limit for the whole transfer.
    pub deadline: Duration,
    /// Told how many bytes of the files' content have been carried.
    pub progress: Progress,
}

/// A directory that was carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeReport {
    /// What it holds, and what was left out.
    pub tree: TreeTransferred,
    /// From the call to the end.
    pub duration: Duration,
}

impl Vmm {
    /// Sends the directory that is in a tar archive to a machine. No name in it may lead outside; what is neither a
    /// regular file nor a directory is left out and named.
    ///
    /// # Errors
    /// `Invalid` that names `directory` or `file` if it has no place there, or the archive is refused; `Conflict` if
    /// there is a directory already.
    pub async fn send_tree(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: TreeTransfer,
        archive: Source,
    ) -> Result<TreeReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let send = |desk: Desk, vm: Vm, transfer| async move { send(&desk, &vm, transfer, archive).await };
        self.carry_tree(actor, vm, (SEND, Origin::One), transfer, send).await
    }

    /// Fetches a machine's directory into `sink`, as a tar archive. If it fails, `sink` may have got a part.
    ///
    /// # Errors
    /// `Invalid` that names `directory` or `file` if it is not there.
    pub async fn receive_tree(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: TreeTransfer,
        sink: Sink,
    ) -> Result<TreeReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let receive = |desk: Desk, vm: Vm, transfer| async move { receive(&desk, &vm, transfer, u64::MAX, sink).await };
        self.carry_tree(actor, vm, (RECEIVE, Origin::One), transfer, receive).await
    }

    /// Sends a directory whose tar archive is in the actor's file area, under its name with `.tar` behind it.
    ///
    /// # Errors
    /// As [`Vmm::send_tree`]; `NotFound` if the actor has no such file.
    pub async fn send_tree_file(&self, actor: &Actor, name: &VmName, transfer: TreeTransfer) -> Result<TreeReport> {
        self.send_tree_file_of(actor, name, transfer, Origin::One).await
    }

    /// Sends a directory whose tar archive is in the actor's file area, for a call of this origin.
    pub(in crate::ops) async fn send_tree_file_of(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: TreeTransfer,
        origin: Origin,
    ) -> Result<TreeReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let archive = archive_name(&transfer.place)?;
        let (owner, target) = file::own(actor, &archive)?;
        self.read(actor, Action::FileRead, &target)?;
        self.carry_tree(actor, vm, (SEND, origin), transfer, |desk, vm, transfer| async move {
            let (_, content) = file::open(&desk, owner, &archive, 0).await?;
            send(&desk, &vm, transfer, content).await
        })
        .await
    }

    /// Fetches a machine's directory into the actor's file area, as a tar archive that is called as it with `.tar`
    /// behind it, in place of a file of that name.
    ///
    /// # Errors
    /// As [`Vmm::receive_tree`]; `TooLarge` or `Conflict` if there is no room for it in the area.
    pub async fn receive_tree_file(&self, actor: &Actor, name: &VmName, transfer: TreeTransfer) -> Result<TreeReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let archive = archive_name(&transfer.place)?;
        let (owner, target) = file::own(actor, &archive)?;
        self.carry_tree(actor, vm, (RECEIVE, Origin::One), transfer, |desk, vm, transfer| async move {
            let limit = desk.settings().file_limit;
            let _upload = desk.budgets().take(Budget::Uploads, actor.into())?;
            self.change(actor, Action::FileWrite, target, |desk, audit| async move {
                let (here, there) = tokio::io::duplex(BETWEEN);
                let (received, draft) = tokio::join!(
                    receive(&desk, &vm, transfer, limit, Box::new(there)),
                    file::take_in(&desk, (actor, owner), &archive, None, Box::new(here)),
                );
                // A file area that takes no more ends the transfer, and is the reason to tell.
                let (draft, received) = (draft?, received?);
                file::keep(desk, owner, archive, draft, audit).await?;
                Ok(received)
            })
            .await
        })
        .await
    }

    /// Sends a directory of this computer to a machine. Links in it are not followed, but left out and named, and so is
    /// everything else that is neither a regular file nor a directory.
    ///
    /// # Errors
    /// As [`Vmm::send_tree`]; `Invalid` that names `local` if there is no such directory here.
    pub async fn send_directory(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: TreeTransfer,
        local: PathBuf,
    ) -> Result<TreeReport> {
        if !tokio::fs::metadata(&local).await.is_ok_and(|about| about.is_dir()) {
            return Err(Error::invalid("local", format!("{:?} is no directory here", local.display().to_string())));
        }
        self.send_tree(actor, name, transfer, tree::pack(local)).await
    }

    /// Fetches a machine's directory to this computer, where it is at `local` whole or not at all. Nothing in it leads
    /// elsewhere: there are no links in it.
    ///
    /// # Errors
    /// As [`Vmm::receive_tree`]; `Conflict` if there is something at `local` that may not be replaced, `TooLarge` for
    /// more than `limit` bytes, `Invalid` that names `local` if it is in no directory.
    pub async fn receive_directory(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: TreeTransfer,
        local: PathBuf,
        limit: u64,
    ) -> Result<TreeReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        self.carry_tree(actor, vm, (RECEIVE, Origin::One), transfer, |desk, vm, transfer| async move {
            let (here, there) = tokio::io::duplex(BETWEEN);
            let unpacking = tree::Unpacking { target: local, replace: transfer.replace, limit };
            // The directory is put in place only when the machine has confirmed what came.
            let received = receive(&desk, &vm, transfer, limit, Box::new(there));
            tree::unpack(here, unpacking, received).await
        })
        .await
    }

    async fn carry_tree<F>(
        &self,
        actor: &Actor,
        vm: Vm,
        (direction, origin): (&str, Origin),
        transfer: TreeTransfer,
        work: impl FnOnce(Desk, Vm, TreeTransfer) -> F + Send,
    ) -> Result<TreeReport>
    where
        F: Future<Output = Result<TreeTransferred>> + Send,
    {
        let _call = self.machine_call(actor, origin)?;
        let began = Instant::now();
        let detail = format!("{direction} the directory {:?}", transfer.place.to_string());
        self.effect(actor, Action::VmTransfer, Target::from(&vm), detail, |desk| async move {
            check_on(&desk, &vm).await?;
            let _session = session(&desk, actor, origin).await?;
            let tree = Box::pin(work(desk, vm, transfer)).await?;
            Ok(TreeReport { tree, duration: began.elapsed() })
        })
        .await
    }
}

/// What a directory's archive is called in a file area.
pub(in crate::ops) fn archive_name(place: &Place) -> Result<FileName> {
    FileName::new(format!("{}.tar", place.file()))
}

async fn send(desk: &Desk, vm: &Vm, transfer: TreeTransfer, archive: Source) -> Result<TreeTransferred> {
    let TreeTransfer { place, login, replace, deadline, progress } = transfer;
    let upload = TreeUpload { place, replace, deadline, progress };
    desk.machine(vm).send_tree(&login, &upload, archive).await
}

async fn receive(desk: &Desk, vm: &Vm, transfer: TreeTransfer, limit: u64, sink: Sink) -> Result<TreeTransferred> {
    let TreeTransfer { place, login, replace: _, deadline, progress } = transfer;
    let download = TreeDownload { place, limit, deadline, progress };
    desk.machine(vm).receive_tree(&login, &download, sink).await
}
