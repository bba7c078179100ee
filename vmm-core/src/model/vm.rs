//! Machines.

use std::net::IpAddr;

use uuid::Uuid;

use crate::error::{Error, Kind, Result};

use super::{
    GroupName, HostKey, Hostname, LoginName, MacAddress, NamePrefix, OsId, RequestId, Revision, StatusReason,
    Timestamp, UserId, UserName, VmName, VmState, VmStatus, row_id,
};

row_id!(
    /// Names a machine.
    VmId
);

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Its row.
    pub id: VmId,
    /// The requester or responsible person: whom to ask. Does not decide who may connect.
    pub user: UserId,
    /// That person's name.
    pub user_name: UserName,
    /// Its group.
    pub group_name: Option<GroupName>,
    /// Its name, unique.
    pub name: VmName,
    /// The name it gives itself.
    pub hostname: Hostname,
    /// Its address: reserved when the request fixed one, otherwise as last seen.
    pub ip: Option<IpAddr>,
    /// True if somebody fixed `ip`. That of a machine that vmm made is reserved in DHCP.
    pub ip_fixed: bool,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The catalog entry it was made from. One that was adopted may have none.
    pub os: Option<OsId>,
    /// Its status as last seen.
    pub status: VmStatus,
    /// Why it is paused or unknown.
    pub status_reason: Option<StatusReason>,
    /// Since when it has been seen running: the moment vmm started it, or found it on after it was off. `None` if it
    /// does not run, or was running already when vmm first saw it.
    pub on_since: Option<Timestamp>,
    /// The number that the host gave the run of its domain that was seen last.
    pub run: Option<u32>,
    /// The hypervisor's id of it.
    pub uuid: Uuid,
    /// The hardware address of its network interface.
    pub mac: MacAddress,
    /// The key that its SSH server proves itself with.
    pub host_key: HostKey,
    /// The user in it that people log in as; the one that cloud-init made, if vmm made the machine.
    pub login: LoginName,
    /// True if it was there before vmm took it over: then vmm neither made nor removes its domain and its disks.
    pub adopted: bool,
    /// The request it came from; `None` if that is no longer known.
    pub request: Option<RequestId>,
    /// For people.
    pub description: String,
    /// The number of times that people changed its record.
    pub revision: Revision,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Vm {
    /// Its state as last seen.
    pub fn state(&self) -> VmState {
        VmState { status: self.status, reason: self.status_reason }
    }

    /// The machine in another state. One that is only asked for stays so.
    #[must_use]
    pub(crate) fn with_state(mut self, state: VmState) -> Self {
        if self.status != VmStatus::Request {
            (self.status, self.status_reason) = (state.status, state.reason);
        }
        self
    }

    /// Refuses a machine that is only asked for.
    pub(crate) fn check_exists(&self) -> Result<()> {
        match self.status {
            VmStatus::Request => Err(self.refusal(VmStatus::Request.into())),
            VmStatus::On | VmStatus::Off | VmStatus::Saved | VmStatus::Paused | VmStatus::Unknown => Ok(()),
        }
    }

    /// Refuses a machine on which nothing can be done, as it was last seen: nobody shall give a password for nothing,
    /// or wait for its network. One whose host does not answer is let through, since it may well run.
    ///
    /// # Errors
    /// `Conflict` if it does not exist yet, or is off, saved, paused or not on its host.
    pub fn check_on(&self) -> Result<()> {
        match (self.status, self.status_reason) {
            (VmStatus::On, _) | (VmStatus::Unknown, Some(StatusReason::Unreachable)) => Ok(()),
            _ => Err(self.refusal(self.state())),
        }
    }

    /// The error of what cannot be done with this machine in this state, with what to do first.
    pub(crate) fn refusal(&self, state: VmState) -> Error {
        Error::conflict(Kind::Vm, &self.name, state.advice())
    }
}

/// An observation of a machine on its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The hypervisor's id of it.
    pub uuid: Uuid,
    /// Its state.
    pub state: VmState,
    /// Its address, where it was looked for and found.
    pub ip: Option<IpAddr>,
    /// The number of its domain's run, where the host counts them.
    pub run: Option<u32>,
}

/// A machine to adopt: what its domain is, and what people say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The hypervisor's id of it.
    pub uuid: Uuid,
    /// The responsible person.
    pub user: UserId,
    /// Its group.
    pub group_name: Option<GroupName>,
    /// Its name, unique; its domain may have another one.
    pub name: VmName,
    /// The name it gives itself.
    pub hostname: Hostname,
    /// Its address, which then stays; looked for if `None`.
    pub ip: Option<IpAddr>,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The catalog entry of its operating system, if there is one.
    pub os: Option<OsId>,
    /// The hardware address of its first network interface.
    pub mac: MacAddress,
    /// The key that its SSH server must prove itself with.
    pub host_key: HostKey,
    /// The user in it that people log in as.
    pub login: LoginName,
    /// For people.
    pub description: String,
    /// Its disks: size in GiB and path on the host.
    pub disks: Vec<(u32, Option<String>)>,
}

/// A change of a machine's record. What is `None` stays; the machine itself does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmChange {
    /// Another responsible person.
    pub user: Option<UserId>,
    /// Another group; `Some(None)` removes it from its group.
    pub group_name: Option<Option<GroupName>>,
    /// Another description.
    pub description: Option<String>,
    /// Another host key.
    pub host_key: Option<HostKey>,
}

/// Which machines to list, in order of id. `Default` lists all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmFilter {
    /// Only those of this responsible person.
    pub user: Option<UserName>,
    /// Only those of this group.
    pub group_name: Option<GroupName>,
    /// Only those with this status.
    pub status: Option<VmStatus>,
    /// Only those of this request.
    pub request: Option<RequestId>,
    /// Only those made from this catalog entry.
    pub os: Option<OsId>,
    /// Only those whose names begin so.
    pub name_prefix: Option<NamePrefix>,
    /// Only those behind this one.
    pub after: Option<VmId>,
    /// At most so many; `None` is all.
    pub limit: Option<u32>,
}
