//! Machines that exist on the host without vmm, on the wire.

use std::net::IpAddr;

use poem_openapi::Object;
use vmm_core::host::ForeignDomain;
use vmm_core::model::{Description, GroupName, Hostname, JobId, LoginName, UserName, Vm, VmName};
use vmm_core::{AdoptionDraft, Error};

use super::monitor::StateWord;
use super::vm_body::VmBody;
use crate::wire::batch::named;
use crate::wire::text::TextOf;

/// A domain of the host that belongs to no desk.
#[derive(Debug, Object)]
#[oai(rename = "AdoptableDomain")]
struct AdoptableDomainBody {
    name: String,
    uuid: String,
    state: StateWord,
    vcpu: u32,
    /// Memory in MiB.
    memory: u32,
    /// Hardware addresses of its network interfaces, in order.
    mac: Vec<String>,
}

impl From<ForeignDomain> for AdoptableDomainBody {
    fn from(domain: ForeignDomain) -> Self {
        Self {
            name: domain.name,
            uuid: domain.uuid.to_string(),
            state: Some(domain.state).into(),
            vcpu: domain.vcpu,
            memory: domain.memory,
            mac: domain.macs.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Domains of the host that belong to no desk, in order of name.
#[derive(Debug, Object)]
#[oai(rename = "AdoptableDomains")]
pub(super) struct AdoptableDomainsBody {
    domain: Vec<AdoptableDomainBody>,
}

impl From<Vec<ForeignDomain>> for AdoptableDomainsBody {
    fn from(domains: Vec<ForeignDomain>) -> Self {
        Self { domain: domains.into_iter().map(Into::into).collect() }
    }
}

/// A machine to adopt.
#[derive(Debug, Object)]
#[oai(rename = "VmAdoption", deny_unknown_fields)]
pub(super) struct VmAdoptionBody {
    /// The name of its domain on the host. The domain keeps it.
    #[oai(validator(min_length = 1, max_length = 255))]
    domain: String,
    /// The machine's name; the domain's if absent, and required where that one cannot be a machine's.
    name: Option<TextOf<VmName>>,
    /// The responsible person; the caller if absent.
    #[oai(validator(max_length = 128))]
    user: Option<String>,
    group_name: Option<TextOf<GroupName>>,
    /// The catalog's entry that it runs, if there is one: `debian:12`, `debian` for the newest version, or the entry's
    /// id.
    #[oai(validator(max_length = 128))]
    os: Option<String>,
    /// The machine's own hostname; its name if absent.
    hostname: Option<TextOf<Hostname>>,
    /// The machine's fixed address; if it is absent, vmm finds the address out.
    #[oai(validator(max_length = 45))]
    ip: Option<String>,
    /// The machine's SSH host key, as in `/etc/ssh/ssh_host_ed25519_key.pub`. vmm accepts no other key.
    #[oai(validator(min_length = 1, max_length = 16384))]
    host_key: String,
    /// The user that people sign in as on the machine.
    login: TextOf<LoginName>,
    #[oai(default)]
    description: TextOf<Description>,
}

impl TryFrom<VmAdoptionBody> for AdoptionDraft {
    type Error = Error;

    fn try_from(body: VmAdoptionBody) -> vmm_core::Result<Self> {
        let VmAdoptionBody { domain, name, user, group_name, os, hostname, ip, host_key, login, description } = body;
        let address = |ip: String| {
            ip.parse::<IpAddr>().map_err(|_| Error::invalid("ip", "is not an IP address like 192.168.122.50"))
        };
        Ok(Self {
            domain,
            name: name.map(VmName::new).transpose()?,
            user: named("user", user.map(UserName::new).transpose())?,
            group_name: group_name.map(GroupName::new).transpose()?,
            os,
            hostname: hostname.map(Hostname::new).transpose()?,
            ip: ip.map(address).transpose()?,
            host_key: host_key.parse()?,
            login: named("login", LoginName::new(login))?,
            description: description.into(),
        })
    }
}

/// Machines to adopt.
#[derive(Debug, Object)]
#[oai(rename = "VmAdoptions", deny_unknown_fields)]
pub(super) struct VmAdoptionsBody {
    #[oai(validator(min_items = 1, max_items = 100))]
    pub(super) vm: Vec<VmAdoptionBody>,
}

/// A machine that is being adopted.
#[derive(Debug, Object)]
#[oai(rename = "AdoptedVm", skip_serializing_if_is_none)]
struct AdoptedVmBody {
    #[oai(flatten)]
    vm: VmBody,
    /// The job that tags its domain.
    job: i64,
}

impl From<(Vm, JobId)> for AdoptedVmBody {
    fn from((vm, job): (Vm, JobId)) -> Self {
        Self { vm: vm.into(), job: job.0 }
    }
}

/// Machines that are being adopted, in the order of the call.
#[derive(Debug, Object)]
#[oai(rename = "AdoptedVms")]
pub(super) struct AdoptedVmsBody {
    vm: Vec<AdoptedVmBody>,
}

impl From<Vec<(Vm, JobId)>> for AdoptedVmsBody {
    fn from(adopted: Vec<(Vm, JobId)>) -> Self {
        Self { vm: adopted.into_iter().map(Into::into).collect() }
    }
}
