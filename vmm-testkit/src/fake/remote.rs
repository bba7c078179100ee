//! Machines that answer commands from a script, and keep files.

mod answer;
mod files;
mod machine;
mod transfer;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use vmm_core::model::HostKey;
use vmm_core::remote::{
    Command, Credential, Download, Endpoint, Login, Output, OutputChannel, Piece, Place, Processes, RemoteExec, Sink,
    Source, Stream, Transferred, TreeDownload, TreeTransferred, TreeUpload, Unfinished, Upload,
};
use vmm_core::{Error, Part, Result};

pub use answer::Answer;
use files::Files;

/// The size of the pieces that a follower gets.
const PIECE: usize = 32 << 10;

/// One call as the fake saw it, without the proof of the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The machine.
    pub address: SocketAddr,
    /// The user.
    pub user: String,
    /// True if the proof was sent, which it is not to a machine that shows another host key.
    pub proof_sent: bool,
    /// The command, or what is transferred, if the login was accepted.
    pub line: Option<String>,
    /// Its standard input.
    pub input: Vec<u8>,
}

type Rule = Box<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

struct Machine {
    host_key: HostKey,
    login: Option<Login>,
    refuses: bool,
    silent: bool,
    unready: u32,
    rules: Vec<Rule>,
    files: Files,
    breaks_after: Option<usize>,
    stalls: bool,
}

#[derive(Default)]
struct State {
    machines: HashMap<SocketAddr, Machine>,
    calls: Vec<Call>,
}

/// A stand-in for SSH. Cheap to clone; clones share their machines and calls.
///
/// A machine that was added takes any login and knows no command (exit code 127); one that was not is unreachable.
/// Every other behaviour is scripted on top, and a later rule goes before an earlier one.
#[derive(Clone, Default)]
pub struct FakeRemote(Arc<Mutex<State>>);

impl fmt::Debug for FakeRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeRemote").field("machines", &self.state().machines.keys()).finish_non_exhaustive()
    }
}

impl FakeRemote {
    /// No machines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a machine with this host key, or sets a known one back.
    pub fn machine(&self, address: SocketAddr, host_key: HostKey) {
        let machine = Machine {
            host_key,
            login: None,
            refuses: false,
            silent: false,
            unready: 0,
            rules: Vec::new(),
            files: Files::default(),
            breaks_after: None,
            stalls: false,
        };
        self.state().machines.insert(address, machine);
    }

    /// Answers a command line that contains this text.
    pub fn answer(&self, address: SocketAddr, text: impl Into<String>, answer: Answer) {
        let text = text.into();
        self.answer_with(address, move |line| line.contains(&text).then(|| answer.clone()));
    }

    /// Answers the command lines that the closure has an answer for.
    pub fn answer_with(&self, address: SocketAddr, rule: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) {
        self.change(address, |machine| machine.rules.push(Box::new(rule)));
    }

    /// From now on the machine takes this login only.
    pub fn accept_only(&self, address: SocketAddr, login: Login) {
        self.change(address, |machine| machine.login = Some(login));
    }

    /// From now on the machine takes no login.
    pub fn refuse_logins(&self, address: SocketAddr) {
        self.change(address, |machine| machine.refuses = true);
    }

    /// From now on the machine shows this host key.
    pub fn show_host_key(&self, address: SocketAddr, host_key: HostKey) {
        self.change(address, |machine| machine.host_key = host_key);
    }

    /// From now on the machine takes connections and never says anything.
    pub fn fall_silent(&self, address: SocketAddr) {
        self.change(address, |machine| machine.silent = true);
    }

    /// The machine refuses so many connections from now on, as one that is still starting does.
    pub fn unready(&self, address: SocketAddr, connections: u32) {
        self.change(address, |machine| machine.unready = connections);
    }

    /// Makes a directory on the machine, by its absolute path. `/tmp`, `/root` and the home are there already.
    pub fn make_directory(&self, address: SocketAddr, path: &str) {
        self.change(address, |machine| machine.files.make_directory(path));
    }

    /// Makes a named pipe on the machine.
    pub fn make_pipe(&self, address: SocketAddr, place: &Place) {
        self.change(address, |machine| machine.files.make_pipe(place));
    }

    /// Puts a file on the machine.
    ///
    /// # Panics
    /// If its directory is not there.
    pub fn put_file(&self, address: SocketAddr, place: &Place, content: impl Into<Vec<u8>>) {
        self.change(address, |machine| {
            machine.files.write(place, content.into(), None).expect("a place for a file");
        });
    }

    /// Content and permission bits of a file on the machine.
    pub fn file(&self, address: SocketAddr, place: &Place) -> Option<(Vec<u8>, u32)> {
        self.state().machines.get(&address).and_then(|machine| machine.files.regular(place))
    }

    /// The names in a directory of the machine.
    pub fn names(&self, address: SocketAddr, directory: &str) -> Vec<String> {
        self.state().machines.get(&address).map(|machine| machine.files.names(directory)).unwrap_or_default()
    }

    /// From now on no login can write to this directory.
    pub fn close_directory(&self, address: SocketAddr, directory: &str) {
        self.change(address, |machine| machine.files.close(directory));
    }

    /// From now on the machine's disk is full.
    pub fn fill_disk(&self, address: SocketAddr) {
        self.change(address, |machine| machine.files.fill());
    }

    /// From now on the connection of a transfer breaks after so many bytes.
    pub fn break_transfers(&self, address: SocketAddr, bytes: usize) {
        self.change(address, |machine| (machine.breaks_after, machine.stalls) = (Some(bytes), false));
    }

    /// From now on nothing more comes or goes after so many bytes of a file's transfer.
    pub fn stall_transfers(&self, address: SocketAddr, bytes: usize) {
        self.change(address, |machine| (machine.breaks_after, machine.stalls) = (Some(bytes), true));
    }

    /// Gives the machine another address, at which it is what it was; nobody answers at the old one.
    ///
    /// # Panics
    /// If the machine was not added.
    pub fn move_machine(&self, from: SocketAddr, to: SocketAddr) {
        let mut state = self.state();
        let machine = state.machines.remove(&from).expect("the machine was added before it moves");
        state.machines.insert(to, machine);
    }

    /// Takes the machine off the network.
    pub fn unreachable(&self, address: SocketAddr) {
        self.state().machines.remove(&address);
    }

    /// Every call that reached a machine, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    fn change(&self, address: SocketAddr, change: impl FnOnce(&mut Machine)) {
        let mut state = self.state();
        let machine = state.machines.get_mut(&address);
        change(machine.expect("the machine was added before it is scripted"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides at once what happens; `None` is silence.
    fn decide<T>(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        act: impl FnOnce(&mut Machine) -> T,
    ) -> Result<Option<T>> {
        if let Credential::Password(password) = &login.credential
            && password.expose_secret().contains('\0')
        {
            return Err(Error::invalid("password", "must not contain a NUL character"));
        }
        let address = endpoint.address;
        let mut state = self.state();
        let refused = || Error::unavailable(Part::Connection, format!("connecting to {address} failed: refused"));
        let machine = state.machines.get_mut(&address).ok_or_else(refused)?;
        if machine.unready > 0 {
            machine.unready -= 1;
            return Err(refused());
        }
        let mut call = Call { address, user: login.user.clone(), proof_sent: false, line: None, input: Vec::new() };
        let decision = machine.decide(endpoint, login, command, &mut call).map(|heard| heard.then(|| act(machine)));
        state.calls.push(call);
        decision
    }

    fn disk<T>(&self, address: SocketAddr, act: impl FnOnce(&mut Files) -> Result<T>) -> Result<T> {
        let broken = || Error::unavailable(Part::Machine, format!("the file transfer with {address} broke off"));
        self.state().machines.get_mut(&address).ok_or_else(broken).and_then(|machine| act(&mut machine.files))
    }
}

fn kept(bytes: Vec<u8>, limit: usize) -> Stream {
    let total = bytes.len() as u64;
    let mut bytes = bytes;
    bytes.truncate(limit);
    Stream { bytes, total }
}

#[async_trait]
impl RemoteExec for FakeRemote {
    async fn run(&self, endpoint: &Endpoint, login: &Login, command: &Command) -> Result<Output> {
        let (pieces, follower) = mpsc::channel(1);
        drop(follower);
        self.follow(endpoint, login, command, pieces).await
    }

    async fn follow(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Output> {
        let began = Instant::now();
        let answer = self.decide(endpoint, login, command, |machine| machine.answer(command))?;
        let Some(answer) = answer else {
            tokio::time::sleep(command.deadline).await;
            return Err(too_late("the SSH handshake with", endpoint, command.deadline));
        };
        let (leaves, breaks) = (answer.leaves, answer.breaks);
        let stdout = kept(answer.stdout, command.output_limit);
        let stderr = kept(answer.stderr, command.output_limit);
        let unfinished = |after: Option<Duration>| {
            let reason = match after {
                Some(limit) => {
                    format!("the command on {} did not finish within {} s", endpoint.address, limit.as_secs())
                }
                None => format!("the connection to {} was lost while the command ran", endpoint.address),
            };
            let processes = match after {
                None => Processes::Unknown,
                Some(_) if leaves => Processes::Background,
                Some(_) => Processes::Killed,
            };
            let exit = leaves.then(|| answer.exit.clone());
            let (stdout, stderr, duration) = (stdout.clone(), stderr.clone(), began.elapsed());
            Err(Unfinished { reason, after, exit, processes, stdout, stderr, duration }.into())
        };
        let answered = async {
            for (channel, stream) in [(OutputChannel::Stdout, &stdout), (OutputChannel::Stderr, &stderr)] {
                for bytes in stream.bytes.chunks(PIECE) {
                    let _ = pieces.send(Piece { channel, bytes: bytes.to_vec() }).await;
                }
            }
            tokio::time::sleep(answer.takes).await;
        };
        match timeout(command.deadline, answered).await {
            Err(_) => unfinished(Some(command.deadline)),
            Ok(()) if breaks => unfinished(None),
            Ok(()) => Ok(Output { exit: answer.exit, stdout, stderr, duration: began.elapsed() }),
        }
    }

    async fn host_key(&self, address: SocketAddr, deadline: Duration) -> Result<HostKey> {
        let shown = match self.state().machines.get(&address) {
            Some(machine) if machine.unready > 0 => None,
            Some(machine) => Some((!machine.silent).then(|| machine.host_key.clone())),
            None => None,
        };
        match shown {
            Some(Some(host_key)) => Ok(host_key),
            Some(None) => {
                tokio::time::sleep(deadline).await;
                let stage = format!("the SSH handshake with {address}");
                Err(Error::Timeout { stage, after: deadline, detail: "no answer".into() })
            }
            None => Err(Error::unavailable(Part::Connection, format!("connecting to {address} failed: refused"))),
        }
    }

    async fn send(&self, endpoint: &Endpoint, login: &Login, upload: &Upload, source: Source) -> Result<Transferred> {
        transfer::send(self, endpoint, login, upload, source).await
    }

    async fn receive(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        download: &Download,
        sink: Sink,
    ) -> Result<Transferred> {
        transfer::receive(self, endpoint, login, download, sink).await
    }

    async fn send_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        upload: &TreeUpload,
        archive: Source,
    ) -> Result<TreeTransferred> {
        transfer::send_tree(self, endpoint, login, upload, archive).await
    }

    async fn receive_tree(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        download: &TreeDownload,
        sink: Sink,
    ) -> Result<TreeTransferred> {
        transfer::receive_tree(self, endpoint, login, download, sink).await
    }
}

fn too_late(stage: &str, endpoint: &Endpoint, after: Duration) -> Error {
    Error::Timeout { stage: format!("{stage} {}", endpoint.address), after, detail: "no answer".into() }
}
