//! The way to a machine over SSH. Every remote call goes through [`Machine`], so that one rule holds for all of them:
//! the address follows the machine.
//!
//! A call goes to the recorded address. If it fails in a way that another address could explain, the host is asked
//! where the machine is. An address that the host tells instead is recorded, and if nothing has begun on the machine,
//! the call is made there, once. A host key that is not the machine's is told as changed only if the host says that the
//! address is the machine's, and never if it is the key of another machine of the desk.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::content::{Counted, Rewind};
use super::gate::Desk;
use super::state::state_now;
use crate::error::{Error, Part, Result};
use crate::host::seen;
use crate::model::{HostKey, Vm, VmFilter, VmName, VmState, VmStatus};
use crate::remote::{
    Command, Download, Endpoint, Login, Output, Piece, Sink, Source, Transferred, TreeDownload, TreeTransferred,
    TreeUpload, Upload,
};

/// The port that machines' SSH servers listen on.
const SSH_PORT: u16 = 22;

/// The time that the host has to say where a machine is.
const PATIENCE: Duration = Duration::from_secs(8);

/// A machine that somebody works on over SSH.
pub(crate) struct Machine {
    desk: Desk,
    vm: Vm,
}

/// The host's answer about the address at which a call failed.
enum Location {
    /// It is the machine's.
    Here,
    /// It is the machine's, and so is another one, which may be the newer of the two.
    HereAndAt(IpAddr),
    /// The machine has this one instead.
    At(IpAddr),
    /// The host knows no address of the machine.
    Unknown,
    /// The host did not answer.
    Silent(Error),
}

impl Desk {
    /// The way to a machine.
    pub(crate) fn machine(&self, vm: &Vm) -> Machine {
        Machine { desk: self.clone(), vm: vm.clone() }
    }
}

impl Machine {
    /// Runs a command; see [`RemoteExec::run`](crate::remote::RemoteExec::run).
    pub(crate) async fn run(&mut self, login: &Login, command: &Command) -> Result<Output> {
        let desk = self.desk.clone();
        let (desk, total) = (&desk, command.deadline);
        self.reach(|endpoint, spent| {
            let command = command.clone().within(total.saturating_sub(spent));
            Some(async move { desk.remote().run(&endpoint, login, &command).await })
        })
        .await
    }

    /// Runs a command and hands on what it writes; see [`RemoteExec::follow`](crate::remote::RemoteExec::follow).
    pub(crate) async fn follow(
        &mut self,
        login: &Login,
        command: &Command,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<Output> {
        let desk = self.desk.clone();
        let (desk, total) = (&desk, command.deadline);
        self.reach(|endpoint, spent| {
            let (command, pieces) = (command.clone().within(total.saturating_sub(spent)), pieces.clone());
            Some(async move { desk.remote().follow(&endpoint, login, &command, pieces).await })
        })
        .await
    }

    /// The host key that the machine shows. One that is not the recorded one is told only if the host says that the
    /// address is the machine's.
    pub(crate) async fn host_key(&mut self, deadline: Duration) -> Result<HostKey> {
        let (desk, recorded) = (self.desk.clone(), self.vm.host_key.clone());
        let (desk, recorded) = (&desk, &recorded);
        let other = Mutex::new(None);
        let looked = self
            .reach(|endpoint, spent| {
                let other = &other;
                Some(async move {
                    let key = desk.remote().host_key(endpoint.address, deadline.saturating_sub(spent)).await?;
                    if key == *recorded {
                        return Ok(key);
                    }
                    let (expected, seen) = (recorded.fingerprint(), key.fingerprint());
                    *other.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
                    Err(Error::HostKeyChanged { machine: endpoint.address.to_string(), expected, seen })
                })
            })
            .await;
        match (looked, other.into_inner().unwrap_or_else(PoisonError::into_inner)) {
            (Err(Error::HostKeyChanged { .. }), Some(other)) => Ok(other),
            (looked, _) => looked,
        }
    }

    /// Sends a file; see [`RemoteExec::send`](crate::remote::RemoteExec::send).
    pub(crate) async fn send(&mut self, login: &Login, upload: &Upload, source: Source) -> Result<Transferred> {
        let (desk, content, total) = (self.desk.clone(), Rewind::new(source), upload.deadline);
        let desk = &desk;
        self.reach(|endpoint, spent| {
            let upload = Upload { deadline: total.saturating_sub(spent), ..upload.clone() };
            let source = content.rewound()?;
            Some(async move { desk.remote().send(&endpoint, login, &upload, source).await })
        })
        .await
    }

    /// Receives a file; see [`RemoteExec::receive`](crate::remote::RemoteExec::receive).
    pub(crate) async fn receive(&mut self, login: &Login, download: &Download, sink: Sink) -> Result<Transferred> {
        let (desk, sink, total) = (self.desk.clone(), Counted::new(sink), download.deadline);
        let desk = &desk;
        self.reach(|endpoint, spent| {
            let download = Download { deadline: total.saturating_sub(spent), ..download.clone() };
            let sink = sink.while_empty()?;
            Some(async move { desk.remote().receive(&endpoint, login, &download, sink).await })
        })
        .await
    }

    /// Sends a directory; see [`RemoteExec::send_tree`](crate::remote::RemoteExec::send_tree).
    pub(crate) async fn send_tree(
        &mut self,
        login: &Login,
        upload: &TreeUpload,
        archive: Source,
    ) -> Result<TreeTransferred> {
        let (desk, content, total) = (self.desk.clone(), Rewind::new(archive), upload.deadline);
        let desk = &desk;
        self.reach(|endpoint, spent| {
            let upload = TreeUpload { deadline: total.saturating_sub(spent), ..upload.clone() };
            let archive = content.rewound()?;
            Some(async move { desk.remote().send_tree(&endpoint, login, &upload, archive).await })
        })
        .await
    }

    /// Receives a directory; see [`RemoteExec::receive_tree`](crate::remote::RemoteExec::receive_tree).
    pub(crate) async fn receive_tree(
        &mut self,
        login: &Login,
        download: &TreeDownload,
        sink: Sink,
    ) -> Result<TreeTransferred> {
        let (desk, sink, total) = (self.desk.clone(), Counted::new(sink), download.deadline);
        let desk = &desk;
        self.reach(|endpoint, spent| {
            let download = TreeDownload { deadline: total.saturating_sub(spent), ..download.clone() };
            let sink = sink.while_empty()?;
            Some(async move { desk.remote().receive_tree(&endpoint, login, &download, sink).await })
        })
        .await
    }

    /// Makes a call at the recorded address, and once more at another one if the machine has moved and nothing has
    /// begun. `call` gets the endpoint and the time that was spent before, and answers `None` if it cannot be made once
    /// more.
    async fn reach<T, F>(&mut self, mut call: impl FnMut(Endpoint, Duration) -> Option<F> + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let began = Instant::now();
        let first = match self.vm.ip {
            Some(ip) => ip,
            None => self.first_address().await?,
        };
        let Some(made) = call(self.endpoint(first), Duration::ZERO) else { return Err(unrepeatable()) };
        let error = match made.await {
            Err(error) if another_address_could_explain(&error) && self.may_move() => error,
            Err(error) => return Err(self.told(error, first, &Location::Here).await),
            done => return done,
        };
        let location = self.locate(first).await;
        let (next, certain) = match &location {
            Location::At(next) => (*next, true),
            Location::HereAndAt(next) => (*next, false),
            Location::Here | Location::Unknown | Location::Silent(_) => {
                return Err(self.told(error, first, &location).await);
            }
        };
        if certain {
            self.record(next).await;
        }
        let again = if nothing_has_begun(&error) { call(self.endpoint(next), began.elapsed()) } else { None };
        let Some(again) = again else { return Err(self.told(error, first, &location).await) };
        match again.await {
            Err(second) if certain => Err(self.told(second, next, &Location::Here).await),
            Err(second) if another_address_could_explain(&second) => {
                Err(self.told(error, first, &Location::Here).await)
            }
            done => {
                if !certain {
                    self.record(next).await;
                }
                done
            }
        }
    }

    fn endpoint(&self, ip: IpAddr) -> Endpoint {
        Endpoint { address: SocketAddr::new(ip, SSH_PORT), host_key: self.vm.host_key.clone() }
    }

    /// Returns whether its address is one that was looked up: one that somebody fixed stays.
    fn may_move(&self) -> bool {
        !self.vm.ip_fixed
    }

    /// The address of a machine that was never seen with one.
    async fn first_address(&mut self) -> Result<IpAddr> {
        let unknown =
            || Error::unavailable(Part::Machine, format!("{} has no known address yet; try again", self.vm.name));
        let found = timeout(PATIENCE, self.desk.hypervisor().network().addresses(self.vm.uuid)).await;
        let ip = found.ok().and_then(Result::ok).and_then(|found| found.into_iter().next()).ok_or_else(unknown)?;
        self.record(ip).await;
        Ok(ip)
    }

    /// Asks the host whether an address is still the machine's.
    async fn locate(&self, tried: IpAddr) -> Location {
        let found = match timeout(PATIENCE, self.desk.hypervisor().network().addresses(self.vm.uuid)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Location::Silent(error),
            Err(_) => return Location::Silent(Error::unavailable(Part::Hypervisor, "it does not say in time")),
        };
        let here = found.contains(&tried);
        // One of the other family is a second address of the same interface, not a newer one.
        let other = found.into_iter().find(|ip| *ip != tried && (!here || ip.is_ipv4() == tried.is_ipv4()));
        match (here, other) {
            (true, None) => Location::Here,
            (true, Some(other)) => Location::HereAndAt(other),
            (false, Some(other)) => Location::At(other),
            (false, None) => Location::Unknown,
        }
    }

    /// Records where the machine is.
    async fn record(&mut self, ip: IpAddr) {
        info!(vm = %self.vm.name, was = ?self.vm.ip, now = %ip, "a machine has another address");
        self.vm.ip = Some(ip);
        let recorded = match self.desk.hypervisor().domains().by_id(self.vm.uuid).await {
            Ok(Some(domain)) => self.desk.repository().vms().observe(vec![seen(&domain, Some(ip))]).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            warn!(vm = %self.vm.name, %error, "a machine's address could not be recorded; the next call looks again");
        }
    }

    /// Returns the error for a call that failed at an address, given the host's answer about that address.
    async fn told(&self, error: Error, tried: IpAddr, location: &Location) -> Error {
        let name = &self.vm.name;
        if let Error::HostKeyChanged { seen, .. } = &error {
            return self.stranger(seen, tried, location).await.unwrap_or(error);
        }
        let silent = matches!(error, Error::Unavailable { part: Part::Connection, .. });
        if silent && let Some(state) = self.not_on().await {
            return self.vm.refusal(state);
        }
        match error {
            Error::Unavailable { part: Part::Connection, reason } if matches!(location, Location::Unknown) => {
                let reason = format!(
                    "{reason}. The host does not know {name}'s address now, so it may have another one; try again when \
                     it has started"
                );
                Error::Unavailable { part: Part::Connection, reason }
            }
            error => error,
        }
    }

    /// The state of the machine if the host says that it is not on, which explains why nothing answers. The record may
    /// be behind.
    async fn not_on(&self) -> Option<VmState> {
        let state = timeout(PATIENCE, state_now(&self.desk, &self.vm)).await.ok()?.ok()?;
        (state.status != VmStatus::On).then_some(state)
    }

    /// Why a key that is not the machine's proves nothing about the machine; `None` if it was shown at its own address
    /// and is no other machine's.
    async fn stranger(&self, seen: &str, tried: IpAddr, location: &Location) -> Option<Error> {
        let name = &self.vm.name;
        let owner = match self.owner(seen, tried, location).await {
            Ok(owner) => owner,
            Err(error) => return Some(error),
        };
        let reason = match (location, owner) {
            (Location::Here | Location::HereAndAt(_), None) => return None,
            (Location::Here | Location::HereAndAt(_), Some(owner)) => format!(
                "{tried} showed the host key of {owner}, but it is recorded for {name}. Find out which of the two has \
                 this address; no password was sent"
            ),
            (Location::At(next), owner) => format!(
                "{tried} is {} and {name} has {next} now. Try again; no password was sent",
                owner.map_or("no longer its address".to_owned(), |owner| format!("now {owner}'s"))
            ),
            (Location::Unknown, Some(owner)) => format!(
                "{tried} is now {owner}'s; {name}'s address is not known yet. Try again in a moment; no password was sent"
            ),
            (Location::Unknown, None) => format!(
                "another machine than {name} answered at {tried}, and {name}'s address is not known yet. Try again in a \
                 moment; no password was sent"
            ),
            (Location::Silent(silent), owner) => format!(
                "{} answered at {tried}, and whether that is still {name}'s address is not known: {silent}. Try again \
                 later; no password was sent",
                owner.map_or_else(|| format!("another machine than {name}"), |owner| owner.to_string())
            ),
        };
        Some(Error::unavailable(Part::Machine, reason))
    }

    /// The other machine of the desk whose host key this is, or that is recorded at an address which the host does not
    /// give to this machine.
    async fn owner(&self, fingerprint: &str, tried: IpAddr, location: &Location) -> Result<Option<VmName>> {
        let vms = self.desk.repository().vms().list(&VmFilter::default()).await?;
        let others = || vms.iter().filter(|vm| vm.id != self.vm.id);
        let by_key = others().find(|vm| vm.host_key.fingerprint() == fingerprint);
        let confirmed = matches!(location, Location::Here | Location::HereAndAt(_));
        let by_address = || others().find(|vm| !confirmed && vm.ip == Some(tried) && vm.status == VmStatus::On);
        Ok(by_key.or_else(by_address).map(|vm| vm.name.clone()))
    }
}

/// Returns whether the call may have failed because the machine is elsewhere. A refused login is none of these: the
/// host key was the machine's.
fn another_address_could_explain(error: &Error) -> bool {
    matches!(
        error,
        Error::HostKeyChanged { .. }
            | Error::Unavailable { part: Part::Connection | Part::Machine, .. }
            | Error::Timeout { .. }
    )
}

/// Returns whether the call ended before anything was asked of the machine.
fn nothing_has_begun(error: &Error) -> bool {
    matches!(error, Error::HostKeyChanged { .. } | Error::Unavailable { part: Part::Connection, .. })
}

fn unrepeatable() -> Error {
    Error::internal("making a remote call", "its content was used before it was made")
}
