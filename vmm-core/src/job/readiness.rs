//! Waits until a started machine is what it was asked to be: an address, an SSH server that proves itself with the
//! pinned key, and a cloud-init that says it is done.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::Instant;

use crate::desk::Desk;
use crate::error::{Error, Result};
use crate::host::DomainState;
use crate::model::{PauseReason, Vm, VmState};
use crate::remote::{Command, Credential, Login, Stream};
use crate::seed::READINESS_COMMAND;

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(500);
/// Pause between two logins: twice what the last one took, within these bounds. They cost the guest time, too.
const LOGIN_POLL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(15);
/// Limit for one login and the question.
const ATTEMPT: Duration = Duration::from_secs(30);

/// Waits for an address; the fixed one if the machine has one.
pub(super) async fn wait_for_address(desk: &Desk, vm: &Vm) -> Result<IpAddr> {
    let waiting = Waiting::new(desk, vm, "waiting for an address");
    loop {
        waiting.still_runs().await?;
        let addresses = desk.hypervisor().network().addresses(vm.uuid).await?;
        let fixed = vm.ip.filter(|_| vm.ip_fixed);
        if let Some(address) = addresses.iter().find(|address| fixed.is_none_or(|fixed| fixed == **address)) {
            return Ok(*address);
        }
        let seen = match addresses.first() {
            Some(other) => format!("it has {other} instead of the reserved address"),
            None => "it has none; look at the network and at the guest's DHCP client".to_owned(),
        };
        if addresses.is_empty() && fixed.is_none() && waiting.is_over() {
            waiting.fail_if_none_is_free().await?;
        }
        waiting.pause(POLL, &seen).await?;
    }
}

/// Waits for the login and for cloud-init.
pub(super) async fn wait_for_login(desk: &Desk, vm: &Vm) -> Result<()> {
    let waiting = Waiting::new(desk, vm, "waiting for SSH and cloud-init");
    let mut machine = desk.machine(vm);
    let login = Login {
        user: vm.login.to_string(),
        credential: Credential::PrivateKey(desk.secrets().readiness_key(vm.uuid)?.private_openssh_pem),
    };
    let question = Command::new(READINESS_COMMAND).within(ATTEMPT).ending_in_output();
    loop {
        waiting.still_runs().await?;
        let asked = Instant::now();
        let seen = match machine.run(&login, &question).await {
            Ok(output) => match Progress::of(&output.stdout) {
                Progress::Done => return Ok(()),
                Progress::Failed(detail) => return Err(waiting.failed(&format!("cloud-init failed: {detail}")).await),
                Progress::Busy(detail) => detail,
            },
            // Before cloud-init has written its keys and users the machine may refuse us or be unknown to us; no
            // password is sent in either case.
            Err(
                error @ (Error::Unavailable { .. }
                | Error::Timeout { .. }
                | Error::Unfinished(_)
                | Error::LoginRefused { .. }
                | Error::HostKeyChanged { .. }),
            ) => error.to_string(),
            Err(error) => return Err(error),
        };
        let pause = (2 * asked.elapsed()).clamp(*LOGIN_POLL.start(), *LOGIN_POLL.end());
        waiting.pause(pause, &seen).await?;
    }
}

/// The answers of [`READINESS_COMMAND`].
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Done,
    Busy(String),
    Failed(String),
}

impl Progress {
    fn of(stdout: &Stream) -> Self {
        let text = stdout.text();
        let status = text.lines().find_map(|line| line.trim().strip_prefix("status:")).map(str::trim);
        match status {
            Some("done" | "degraded done") => Self::Done,
            Some(error) if error.starts_with("error") => Self::Failed(text.trim().to_owned()),
            Some(other) => Self::Busy(format!("cloud-init is {other}")),
            None => Self::Busy(format!("cloud-init answers {:?}", text.trim())),
        }
    }
}

/// A wait with its deadline and what to say when it is over.
struct Waiting<'a> {
    desk: &'a Desk,
    vm: &'a Vm,
    stage: &'static str,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn new(desk: &'a Desk, vm: &'a Vm, stage: &'static str) -> Self {
        Self { desk, vm, stage, since: Instant::now() }
    }

    /// Fails at once when there is nothing left to wait for.
    async fn still_runs(&self) -> Result<()> {
        match self.desk.hypervisor().domains().by_id(self.vm.uuid).await?.map(|domain| domain.state) {
            Some(DomainState::Off | DomainState::Crashed) => Err(self.failed("the machine went off").await),
            None => Err(self.failed("the machine was removed from the host").await),
            Some(DomainState::Saved) => Err(self.failed("the machine was saved").await),
            Some(DomainState::Paused(reason @ (PauseReason::IoError | PauseReason::Crashed))) => {
                Err(self.failed(&format!("the machine {}", VmState::paused(reason).advice())).await)
            }
            Some(DomainState::Running | DomainState::Paused(_) | DomainState::Stopping | DomainState::Unknown) => {
                Ok(())
            }
        }
    }

    async fn pause(&self, pause: Duration, seen: &str) -> Result<()> {
        if self.is_over() {
            return Err(self.failed(seen).await);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.desk.settings().boot_deadline
    }

    /// Says that no address is free, if so: the guest's console would show only that it asks for one again and again.
    async fn fail_if_none_is_free(&self) -> Result<()> {
        let Some(pool) = self.desk.hypervisor().host().describe().await?.address_pool.filter(|pool| pool.free() == 0)
        else {
            return Ok(());
        };
        let detail = format!(
            "{}: none of the {} addresses that the network hands out is free; remove a machine, wait until a lease ends, or \
             widen the network's range",
            self.vm.name,
            pool.size()
        );
        Err(Error::Timeout { stage: self.stage.to_owned(), after: self.since.elapsed(), detail })
    }

    async fn failed(&self, seen: &str) -> Error {
        let limit = self.desk.settings().console_tail;
        let console = self.desk.hypervisor().console().tail(self.vm.uuid, limit).await.unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        let console: String = console.chars().filter(|c| !c.is_control() || *c == '\n').collect();
        let detail = match console.trim() {
            "" => format!("{}: {seen}; its console is empty", self.vm.name),
            console => format!("{}: {seen}; the end of its console:\n{console}", self.vm.name),
        };
        Error::Timeout { stage: self.stage.to_owned(), after: self.since.elapsed(), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Progress {
        Progress::of(&Stream { bytes: text.as_bytes().to_vec(), total: text.len() as u64 })
    }

    #[test]
    fn only_done_counts_as_done() {
        assert_eq!(answer("status: done\n"), Progress::Done);
        assert_eq!(answer("\nstatus: done\ntime: x\n"), Progress::Done);
        assert!(matches!(answer("status: running\n"), Progress::Busy(_)));
        assert!(matches!(answer("status: not run\n"), Progress::Busy(_)));
        assert!(matches!(answer(""), Progress::Busy(_)));
        assert!(matches!(answer("status: error\ndetail: x"), Progress::Failed(_)));
        assert!(matches!(answer("status: not done"), Progress::Busy(_)));
    }
}
