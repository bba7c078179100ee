//! Machines that exist on the host without vmm.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Result};
use crate::host::ForeignDomain;
use crate::job::kinds::adopt_vm::AdoptVm;
use crate::model::{
    Adoption, Description, GroupName, HostKey, Hostname, JobId, LoginName, NewJob, OsFilter, OsId, UserName, Vm,
    VmFilter, VmName,
};
use crate::planning::catalog;
use crate::policy::{Action, Actor, Target};
use crate::text::quoted;

/// The longest name of a domain, in bytes.
const MAX_DOMAIN: usize = 255;

/// A machine that somebody wants to adopt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptionDraft {
    /// The name of its domain on the host.
    pub domain: String,
    /// Its name; the domain's if `None`, which must be a name that a machine can have.
    pub name: Option<VmName>,
    /// The responsible account; the actor if `None`.
    pub user: Option<UserName>,
    /// Its group.
    pub group_name: Option<GroupName>,
    /// The catalog's entry that it runs, if there is one: `debian:12`, `debian` for the newest version, or the entry's
    /// id.
    pub os: Option<String>,
    /// The name it gives itself; its name if `None`.
    pub hostname: Option<Hostname>,
    /// Its address, which then stays; looked for if `None`.
    pub ip: Option<IpAddr>,
    /// The key that its SSH server must prove itself with. Naming it is to accept it.
    pub host_key: HostKey,
    /// The user in it that people log in as.
    pub login: LoginName,
    /// For people.
    pub description: String,
}

impl Vmm {
    /// The domains of the host that are no desk's, in order of name.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, `Unavailable` if the host does not answer.
    pub async fn adoptable(&self, actor: &Actor) -> Result<Vec<ForeignDomain>> {
        let desk = self.read(actor, Action::VmAdopt, &Target::none())?;
        let known: HashSet<_> =
            desk.repository().vms().list(&VmFilter::default()).await?.iter().map(|vm| vm.uuid).collect();
        let mut domains = desk.hypervisor().adoption().adoptable().await?;
        domains.retain(|domain| !known.contains(&domain.uuid));
        Ok(domains)
    }

    /// Makes a domain that exists on the host a machine of this desk; a job tags it. Nothing else of it changes, and it
    /// may run.
    ///
    /// # Errors
    /// `NotFound` if the host has no such domain; `Conflict` if it is a desk's already, this one's or another's, or has
    /// no network interface; `Invalid` if a machine cannot have its name, or for a person or catalog entry that is not
    /// there.
    pub async fn adopt_vm(&self, actor: &Actor, draft: AdoptionDraft) -> Result<(Vm, JobId)> {
        let unprintable = draft.domain.chars().any(char::is_control);
        if draft.domain.is_empty() || draft.domain.len() > MAX_DOMAIN || unprintable {
            return Err(Error::invalid(
                "domain",
                format!("must be 1 to {MAX_DOMAIN} bytes without control characters"),
            ));
        }
        let target = Target::new(format!("domain {}", draft.domain));
        self.change(actor, Action::VmAdopt, target, |desk, mut audit| async move {
            let adoption = self.adoption(&desk, actor, draft).await?;
            audit.detail = format!("vm {}, host key {}", adoption.name, adoption.host_key.fingerprint()).into();
            let adopted = desk.repository().vms().adopt(adoption, NewJob::of::<AdoptVm>(), audit).await?;
            desk.work().notify_one();
            Ok(adopted)
        })
        .await
    }

    async fn adoption(&self, desk: &Desk, actor: &Actor, draft: AdoptionDraft) -> Result<Adoption> {
        let AdoptionDraft { domain, name, user, group_name, os, hostname, ip, host_key, login, description } = draft;
        Description::check("description", &description)?;
        let user = self.responsible(actor, Action::VmAdopt, "user", user.as_ref()).await?;
        let user = user.ok_or(Error::Unauthenticated)?;
        let os = match os {
            Some(os) => Some(entry(desk, &os).await?),
            None => None,
        };
        let found = find(desk, &domain).await?;
        let name = match name {
            Some(name) => name,
            None => VmName::new(domain.as_str()).map_err(|error| {
                Error::invalid("name", format!("is missing, and the domain's own cannot be a machine's: {error}"))
            })?,
        };
        let Some(mac) = found.macs.first().copied() else {
            let reason = "it has no network interface, which vmm needs for SSH; give it one";
            return Err(Error::conflict(Kind::Domain, &domain, reason));
        };
        let size = |bytes: u64| u32::try_from(bytes.div_ceil(1 << 30)).unwrap_or(u32::MAX);
        Ok(Adoption {
            uuid: found.uuid,
            user,
            group_name,
            hostname: hostname.map_or_else(|| Hostname::new(name.as_str()), Ok)?,
            name,
            ip,
            vcpu: found.vcpu.max(1),
            memory: found.memory.max(1),
            os,
            mac,
            host_key,
            login,
            description,
            disks: found.disks.into_iter().map(|disk| (size(disk.capacity), disk.path)).collect(),
        })
    }
}

/// Returns the entry of the catalog that a text names: by its id, or by its name, with or without a version.
async fn entry(desk: &Desk, text: &str) -> Result<OsId> {
    let (name, version) = text.split_once(':').map_or((text, None), |(name, version)| (name, Some(version)));
    let oses = desk.repository().oses().list(&OsFilter::default()).await?;
    let entries: Vec<_> = oses.iter().collect();
    let by_id = || entries.iter().find(|os| text.parse() == Ok(os.id.0)).copied();
    let found = catalog::find(&entries, name, version).or_else(by_id);
    found.map(|os| os.id).ok_or_else(|| Error::invalid("os", catalog::missing(&entries, &quoted(text))))
}

async fn find(desk: &Desk, name: &str) -> Result<ForeignDomain> {
    if let Some(found) = desk.hypervisor().adoption().adoptable().await?.into_iter().find(|domain| domain.name == name)
    {
        return Ok(found);
    }
    if desk.hypervisor().host().describe().await?.domain_names.iter().any(|known| known == name) {
        let reason = "it belongs to a desk already, or it is transient and would disappear when it is off";
        return Err(Error::conflict(Kind::Domain, name, reason));
    }
    Err(Error::not_found(Kind::Domain, name))
}
