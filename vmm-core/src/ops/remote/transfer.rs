//! Files to and from machines.

use std::time::{Duration, Instant};

use crate::desk::{Desk, Vmm, check_on};
use crate::error::{Error, Result};
use crate::model::{Budget, FileName, Vm, VmName};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Download, Login, Place, Progress, Sink, Source, Transferred, Upload};

use super::many::{Origin, session};
use crate::ops::account::file;

/// So many bytes wait between a machine and the file area.
pub(in crate::ops) const BETWEEN: usize = 256 * 1024;

/// What the audit log has of a transfer to a machine.
pub(in crate::ops) const SEND: &str = "send";
/// What the audit log has of a transfer from a machine.
pub(in crate::ops) const RECEIVE: &str = "receive";

/// What to carry: a file's place on a machine, and the login there.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The place on the machine. The file has the same name in the file area.
    pub place: Place,
    /// The login on the machine.
    pub login: Login,
    /// Limit for the whole transfer.
    pub deadline: Duration,
    /// Told how far it has come.
    pub progress: Progress,
}

/// A transfer that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferReport {
    /// The file's size.
    pub bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
    /// From the call to the end.
    pub duration: Duration,
}

impl Vmm {
    /// Sends a file of the actor's file area to a machine, where it replaces what is there.
    ///
    /// # Errors
    /// `NotFound` if the actor has no such file; `Invalid` that names `directory` or `file` if it has no place there.
    pub async fn send_file(&self, actor: &Actor, name: &VmName, transfer: Transfer) -> Result<TransferReport> {
        self.send_file_of(actor, name, transfer, Origin::One).await
    }

    /// Sends a file of the actor's file area to a machine, for a call of this origin.
    pub(in crate::ops) async fn send_file_of(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: Transfer,
        origin: Origin,
    ) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let file_name = FileName::new(transfer.place.file())?;
        let (owner, target) = file::own(actor, &file_name)?;
        self.read(actor, Action::FileRead, &target)?;
        self.carry(actor, vm, (SEND, origin), transfer, |desk, vm, transfer| async move {
            let (file, content) = file::open(&desk, owner, &file_name, 0).await?;
            transfer.progress.expect(file.bytes);
            send(&desk, &vm, transfer, content).await
        })
        .await
    }

    /// Sends content to a machine, where it replaces what is there.
    ///
    /// # Errors
    /// `Invalid` that names `directory` or `file` if it has no place there.
    pub async fn send_content(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: Transfer,
        content: Source,
    ) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let send = |desk: Desk, vm: Vm, transfer| async move { send(&desk, &vm, transfer, content).await };
        self.carry(actor, vm, (SEND, Origin::One), transfer, send).await
    }

    /// Fetches a machine's file into the actor's file area, in place of one of the same name.
    ///
    /// # Errors
    /// `Invalid` that names `directory` or `file` if it is not there; `TooLarge` or `Conflict` if there is no room for
    /// it in the area.
    pub async fn receive_file(&self, actor: &Actor, name: &VmName, transfer: Transfer) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let file_name = FileName::new(transfer.place.file())?;
        let (owner, target) = file::own(actor, &file_name)?;
        self.carry(actor, vm, (RECEIVE, Origin::One), transfer, |desk, vm, transfer| async move {
            desk.files()?;
            let _upload = desk.budgets().take(Budget::Uploads, actor.into())?;
            self.change(actor, Action::FileWrite, target, |desk, audit| async move {
                let (here, there) = tokio::io::duplex(BETWEEN);
                let (received, draft) = tokio::join!(
                    receive(&desk, &vm, transfer, Box::new(there)),
                    file::take_in(&desk, (actor, owner), &file_name, None, Box::new(here)),
                );
                // A file area that takes no more ends the transfer, and is the reason to tell.
                let (draft, received) = (draft?, received?);
                if draft.draft.sha256 != received.sha256 {
                    return Err(Error::internal("storing a received file", "another content was stored"));
                }
                file::keep(desk, owner, file_name, draft, audit).await?;
                Ok(received)
            })
            .await
        })
        .await
    }

    /// Fetches a machine's file into `sink`. If it fails, `sink` may have got a part.
    ///
    /// # Errors
    /// `Invalid` that names `directory` or `file` if it is not there.
    pub async fn receive_content(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: Transfer,
        sink: Sink,
    ) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let receive = |desk: Desk, vm: Vm, transfer| async move { receive(&desk, &vm, transfer, sink).await };
        self.carry(actor, vm, (RECEIVE, Origin::One), transfer, receive).await
    }

    async fn carry<F>(
        &self,
        actor: &Actor,
        vm: Vm,
        (direction, origin): (&str, Origin),
        transfer: Transfer,
        work: impl FnOnce(Desk, Vm, Transfer) -> F + Send,
    ) -> Result<TransferReport>
    where
        F: Future<Output = Result<Transferred>> + Send,
    {
        let _call = self.machine_call(actor, origin)?;
        let began = Instant::now();
        let detail = format!("{direction} {:?}", transfer.place.to_string());
        self.effect(actor, Action::VmTransfer, Target::from(&vm), detail, |desk| async move {
            check_on(&desk, &vm).await?;
            let _session = session(&desk, actor, origin).await?;
            let Transferred { bytes, sha256 } = Box::pin(work(desk, vm, transfer)).await?;
            Ok(TransferReport { bytes, sha256, duration: began.elapsed() })
        })
        .await
    }
}

async fn send(desk: &Desk, vm: &Vm, transfer: Transfer, content: Source) -> Result<Transferred> {
    let Transfer { place, login, deadline, progress } = transfer;
    desk.machine(vm).send(&login, &Upload { place, mode: None, deadline, progress }, content).await
}

async fn receive(desk: &Desk, vm: &Vm, transfer: Transfer, sink: Sink) -> Result<Transferred> {
    let Transfer { place, login, deadline, progress } = transfer;
    desk.machine(vm).receive(&login, &Download { place, deadline, progress }, sink).await
}
