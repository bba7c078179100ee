//! Files and directories to and from machines.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::desk::{Desk, Vmm, check_on};
use crate::error::{Error, Result};
use crate::model::{Budget, FileName, ScriptTarget, Vm, VmName};
use crate::policy::{Action, Actor, Target};
use crate::remote::{
    Download, Login, Place, Progress, Sink, Source, Transferred, TreeDownload, TreeTransferred, TreeUpload, Upload,
    tree,
};

use super::fan_out::{Origin, on_each, session};
use crate::ops::account::file;
use crate::ops::script::run::machines;

/// The number of bytes that wait between a machine and the file area, or a directory of this computer.
const BETWEEN: usize = 256 * 1024;

/// The number of machines that are sent to at once; the others wait, and their time does not run.
const AT_ONCE: usize = 16;

/// A transfer: the cargo, its place on a machine, and the login there.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// The cargo of a transfer.
    pub cargo: Cargo,
    /// The place on the machine. What is called `file` there is the file's or the directory's own name.
    pub place: Place,
    /// The login on the machine.
    pub login: Login,
    /// Limit for the whole transfer.
    pub deadline: Duration,
    /// Told how many bytes of the content have been carried.
    pub progress: Progress,
}

/// The cargo of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cargo {
    /// One file, which takes the place of a file of its name. It has the machine's name of it in the file area.
    File,
    /// A directory with all that is below it, as a tar archive. What is neither a regular file nor a directory is left
    /// out and named, and no name in it may lead outside. In the file area the archive is called as the directory with
    /// `.tar` behind it.
    Tree {
        /// True if the directory may take the place of one that is not empty, which is then removed with its content.
        replace: bool,
    },
}

/// The machines that something is carried to or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machines {
    /// One machine.
    One(VmName),
    /// Many machines, to which something of the actor's file area is sent.
    Many(Vec<ScriptTarget>),
}

impl From<&VmName> for Machines {
    fn from(name: &VmName) -> Self {
        Self::One(name.clone())
    }
}

/// Which way something is carried, and what is at the other end.
pub enum Direction {
    /// To machines.
    Send(SendFrom),
    /// From a machine.
    Receive(ReceiveTo),
}

/// Where what is sent to a machine comes from.
pub enum SendFrom {
    /// The actor's file area.
    FileArea,
    /// This content, up to its end: a file, or the tar archive of a directory.
    Content(Source),
    /// A directory of this computer. Links in it are not followed.
    Directory(PathBuf),
}

/// Where what is received from a machine goes to.
pub enum ReceiveTo {
    /// The actor's file area, in place of a file of that name.
    FileArea,
    /// A file, or the tar archive of a directory, is written here. If the transfer fails, a part may have been written.
    Content(Sink),
    /// A directory of this computer, where it is whole or not at all. It holds no links that lead elsewhere.
    Directory {
        /// Its path.
        path: PathBuf,
        /// The most bytes that it may have.
        limit: u64,
    },
}

/// A transfer that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferReport {
    /// The size of the file, or of a directory's files together.
    pub bytes: u64,
    /// SHA-256 of the file's content, or of a directory's files one after the other, in lower-case hexadecimal digits.
    pub sha256: String,
    /// The contents of a directory, with what was left out; `None` for a file.
    pub tree: Option<TreeTransferred>,
    /// From the call to the end.
    pub duration: Duration,
}

/// The result of a transfer on each of its machines, each once, in the order of the targets.
#[derive(Debug)]
pub struct TransferReports(pub Vec<(VmName, Result<TransferReport>)>);

impl TransferReports {
    /// Returns what became of a transfer with one machine.
    ///
    /// # Errors
    /// What the transfer failed with.
    pub fn one(mut self) -> Result<TransferReport> {
        let report = self.0.pop().map(|(_, report)| report);
        report.unwrap_or_else(|| Err(Error::invalid("vm", "names no machine; name at least one")))
    }
}

impl Vmm {
    /// Carries a file or a directory to machines or from a machine. It is whole where it arrives, or not there at all.
    ///
    /// A failure on one of [many](Machines::Many) machines stands in the answer and does not stop the others;
    /// [`Transfer::progress`] is then told what has come to all of them together. What fails on [one](Machines::One)
    /// machine is the error of the call.
    ///
    /// # Errors
    /// `NotFound` if the actor has no such file in the file area; `Invalid` that names `directory` or `file` if it has
    /// no place on the machine or is not there, or the archive is refused; `Conflict` if a directory is there already;
    /// `TooLarge` or `Conflict` if there is no room for what is received. `Invalid` that names `local` if the directory
    /// of this computer is not there or cannot be. `Invalid` that names `vm` for a target that is not there, or for
    /// many targets of anything but a file of the file area; nothing is sent then.
    pub async fn carry(
        &self,
        actor: &Actor,
        machines: impl Into<Machines>,
        transfer: Transfer,
        direction: Direction,
    ) -> Result<TransferReports> {
        match (machines.into(), direction) {
            (Machines::One(name), direction) => {
                // Boxed, because the ways of carrying are large futures.
                let report = Box::pin(self.carry_one(actor, &name, transfer, direction)).await?;
                Ok(TransferReports(vec![(name, Ok(report))]))
            }
            (Machines::Many(targets), Direction::Send(SendFrom::FileArea)) => {
                Box::pin(self.send_to_many(actor, &targets, transfer)).await.map(TransferReports)
            }
            (Machines::Many(_), _) => {
                Err(Error::invalid("vm", "must be one machine unless a file of the area is sent"))
            }
        }
    }

    async fn carry_one(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: Transfer,
        direction: Direction,
    ) -> Result<TransferReport> {
        let content = match direction {
            Direction::Receive(to) => return self.receive(actor, name, transfer, to).await,
            Direction::Send(SendFrom::FileArea) => {
                return self.send_from_area(actor, name, transfer, Origin::One).await;
            }
            Direction::Send(SendFrom::Content(content)) => content,
            Direction::Send(SendFrom::Directory(local)) => {
                require_tree(transfer.cargo)?;
                if !tokio::fs::metadata(&local).await.is_ok_and(|about| about.is_dir()) {
                    let reason = format!("{:?} is not a directory on this computer", local.display().to_string());
                    return Err(Error::invalid("local", reason));
                }
                tree::pack(local)
            }
        };
        let vm = self.lookup(actor)?.vm(name).await?;
        let detail = detail("send", &transfer);
        let send = |desk: Desk, vm: Vm| async move { put(&desk, &vm, transfer, content).await };
        self.on_machine(actor, vm, Origin::One, detail, send).await
    }

    /// Sends a file of the actor's file area to one machine.
    async fn send_from_area(
        &self,
        actor: &Actor,
        name: &VmName,
        transfer: Transfer,
        origin: Origin,
    ) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let file_name = name_in_area(&transfer)?;
        let (owner, target) = file::own(actor, &file_name)?;
        self.read(actor, Action::FileRead, &target)?;
        let detail = detail("send", &transfer);
        self.on_machine(actor, vm, origin, detail, |desk, vm| async move {
            let (file, content) = file::open(&desk, owner, &file_name, 0).await?;
            // An archive is larger than the files in it.
            if transfer.cargo == Cargo::File {
                transfer.progress.expect(file.bytes);
            }
            put(&desk, &vm, transfer, content).await
        })
        .await
    }

    /// Sends a file of the actor's file area to many machines.
    async fn send_to_many(
        &self,
        actor: &Actor,
        targets: &[ScriptTarget],
        transfer: Transfer,
    ) -> Result<Vec<(VmName, Result<TransferReport>)>> {
        let name = name_in_area(&transfer)?;
        if targets.is_empty() {
            return Err(Error::invalid("vm", "names no machine; name at least one"));
        }
        let _call = self.take_place(Budget::MachineCalls, actor.into())?;
        let (owner, target) = file::own(actor, &name)?;
        let desk = self.read(actor, Action::FileRead, &target)?;
        let machines = machines(&desk, targets).await?;
        let bytes = file::find(&desk, owner, &name).await?.bytes;
        if transfer.cargo == Cargo::File {
            transfer.progress.expect(bytes.saturating_mul(machines.len() as u64));
        }
        let send = |vm: VmName| {
            let (vmm, actor) = (self.clone(), actor.clone());
            let transfer = Transfer { progress: transfer.progress.part(), ..transfer.clone() };
            async move { vmm.send_from_area(&actor, &vm, transfer, Origin::Many).await }
        };
        on_each(machines, AT_ONCE, send).await
    }

    async fn receive(&self, actor: &Actor, name: &VmName, transfer: Transfer, to: ReceiveTo) -> Result<TransferReport> {
        let vm = self.lookup(actor)?.vm(name).await?;
        let detail = detail("receive", &transfer);
        match to {
            ReceiveTo::FileArea => self.receive_into_area(actor, vm, transfer, detail).await,
            ReceiveTo::Content(sink) => {
                let receive = |desk: Desk, vm: Vm| async move { get(&desk, &vm, transfer, u64::MAX, sink).await };
                self.on_machine(actor, vm, Origin::One, detail, receive).await
            }
            ReceiveTo::Directory { path, limit } => {
                let replace = require_tree(transfer.cargo)?;
                self.on_machine(actor, vm, Origin::One, detail, |desk, vm| async move {
                    let (here, there) = tokio::io::duplex(BETWEEN);
                    let unpacking = tree::Unpacking { target: path, replace, limit };
                    // The directory is put in place only when the machine has confirmed what came.
                    let received = get_tree(&desk, &vm, transfer, limit, Box::new(there));
                    tree::unpack(here, unpacking, received).await.map(Arrived::from)
                })
                .await
            }
        }
    }

    /// Receives a file of a machine into the actor's file area.
    async fn receive_into_area(
        &self,
        actor: &Actor,
        vm: Vm,
        transfer: Transfer,
        detail: String,
    ) -> Result<TransferReport> {
        let file_name = name_in_area(&transfer)?;
        let (owner, target) = file::own(actor, &file_name)?;
        self.on_machine(actor, vm, Origin::One, detail, |desk, vm| async move {
            desk.files()?;
            let (limit, is_file) = (desk.settings().file_limit, transfer.cargo == Cargo::File);
            let _upload = desk.budgets().take(Budget::Uploads, actor.into())?;
            self.change(actor, Action::FileWrite, target, |desk, audit| async move {
                let (here, there) = tokio::io::duplex(BETWEEN);
                let (received, draft) = tokio::join!(
                    get(&desk, &vm, transfer, limit, Box::new(there)),
                    file::take_in(&desk, (actor, owner), &file_name, None, Box::new(here)),
                );
                // A file area that takes no more ends the transfer, and is the reason to tell.
                let (draft, received) = (draft?, received?);
                if is_file && draft.draft.sha256 != received.sha256 {
                    return Err(Error::internal("storing a received file", "another content was stored"));
                }
                file::keep(desk, owner, file_name, draft, audit).await?;
                Ok(received)
            })
            .await
        })
        .await
    }

    /// Does a transfer's work on a machine that is on, with a session of the actor's share.
    async fn on_machine<F>(
        &self,
        actor: &Actor,
        vm: Vm,
        origin: Origin,
        detail: String,
        work: impl FnOnce(Desk, Vm) -> F + Send,
    ) -> Result<TransferReport>
    where
        F: Future<Output = Result<Arrived>> + Send,
    {
        let _call = self.machine_call(actor, origin)?;
        let began = Instant::now();
        self.effect(actor, Action::VmTransfer, Target::from(&vm), detail, |desk| async move {
            check_on(&desk, &vm).await?;
            let _session = session(&desk, actor, origin).await?;
            let Arrived { bytes, sha256, tree } = Box::pin(work(desk, vm)).await?;
            Ok(TransferReport { bytes, sha256, tree, duration: began.elapsed() })
        })
        .await
    }
}

/// The cargo that has arrived.
struct Arrived {
    bytes: u64,
    sha256: String,
    tree: Option<TreeTransferred>,
}

impl From<Transferred> for Arrived {
    fn from(file: Transferred) -> Self {
        let Transferred { bytes, sha256 } = file;
        Self { bytes, sha256, tree: None }
    }
}

impl From<TreeTransferred> for Arrived {
    fn from(tree: TreeTransferred) -> Self {
        Self { bytes: tree.bytes, sha256: tree.sha256.clone(), tree: Some(tree) }
    }
}

/// Returns what the audit log has of a transfer.
fn detail(direction: &str, transfer: &Transfer) -> String {
    let place = transfer.place.to_string();
    match transfer.cargo {
        Cargo::File => format!("{direction} {place:?}"),
        Cargo::Tree { .. } => format!("{direction} the directory {place:?}"),
    }
}

/// Returns the name that a transfer's cargo has in the file area.
fn name_in_area(transfer: &Transfer) -> Result<FileName> {
    match transfer.cargo {
        Cargo::File => FileName::new(transfer.place.file()),
        Cargo::Tree { .. } => FileName::new(format!("{}.tar", transfer.place.file())),
    }
}

/// Returns whether a directory may be replaced; refuses a file, which no directory of this computer is.
fn require_tree(cargo: Cargo) -> Result<bool> {
    match cargo {
        Cargo::Tree { replace } => Ok(replace),
        Cargo::File => Err(Error::invalid("local", "is a directory; copy it as a directory")),
    }
}

async fn put(desk: &Desk, vm: &Vm, transfer: Transfer, content: Source) -> Result<Arrived> {
    let Transfer { cargo, place, login, deadline, progress } = transfer;
    let mut machine = desk.machine(vm);
    match cargo {
        Cargo::File => {
            let upload = Upload { place, mode: None, deadline, progress };
            machine.send(&login, &upload, content).await.map(Arrived::from)
        }
        Cargo::Tree { replace } => {
            let upload = TreeUpload { place, replace, deadline, progress };
            machine.send_tree(&login, &upload, content).await.map(Arrived::from)
        }
    }
}

async fn get(desk: &Desk, vm: &Vm, transfer: Transfer, limit: u64, sink: Sink) -> Result<Arrived> {
    match transfer.cargo {
        Cargo::File => {
            let Transfer { cargo: _, place, login, deadline, progress } = transfer;
            let download = Download { place, deadline, progress };
            desk.machine(vm).receive(&login, &download, sink).await.map(Arrived::from)
        }
        Cargo::Tree { .. } => get_tree(desk, vm, transfer, limit, sink).await.map(Arrived::from),
    }
}

async fn get_tree(desk: &Desk, vm: &Vm, transfer: Transfer, limit: u64, sink: Sink) -> Result<TreeTransferred> {
    let Transfer { cargo: _, place, login, deadline, progress } = transfer;
    let download = TreeDownload { place, limit, deadline, progress };
    desk.machine(vm).receive_tree(&login, &download, sink).await
}
