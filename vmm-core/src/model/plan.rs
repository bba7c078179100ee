//! The plan of a request: exactly what will be made, bound to an approval by its hash.

use std::net::{IpAddr, Ipv4Addr};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::hash::sha256_type;
use super::{
    DiskRole, GroupName, HostKey, Hostname, LoginName, MacAddress, OsId, OsName, OsVersion, RequestId, Revision,
    Timestamp, UserId, UserName, Vm, VmId, VmName, VmStatus, VolumeName,
};

/// Everything that a request will make, and where.
///
/// Two plans are equal if they bind the same things, as their [`hash`](Self::hash) does. What varies by itself (the
/// host's name and figures, the warnings that follow from them, and what a table was understood as) is kept for people
/// to read, and is never compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The host's name, for people. It may change by itself, for instance with the answers of a DNS server.
    pub host: String,
    /// The storage pool of the disks, by what does not change by itself.
    pub pool: String,
    /// The host's figures when the plan was made.
    pub seen: HostFigures,
    /// Notes for people on cells that were not read literally: `column "RAM" is read as memory`.
    pub understood: Vec<String>,
    /// The machines, in order of the CSV's rows.
    pub vms: Vec<PlannedVm>,
}

/// The resources of a host at one moment. All of it may change by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFigures {
    /// Logical processors.
    pub vcpus: u32,
    /// Memory in MiB.
    pub memory: u64,
    /// Free space of the storage pool in GiB.
    pub disk_free: u64,
    /// The number of addresses that were free for machines without a fixed one, if the host says.
    pub addresses_free: Option<u32>,
}

/// One machine of a plan. Two are equal if they bind the same things; warnings are not compared.
#[derive(Clone, Debug)]
pub struct PlannedVm {
    /// The row of the table that it comes from, as a spreadsheet numbers it: blank rows and the header count.
    pub row: u32,
    /// Its name.
    pub name: VmName,
    /// The name it gives itself.
    pub hostname: Hostname,
    /// Its group.
    pub group_name: Option<GroupName>,
    /// Virtual processors.
    pub vcpu: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// The catalog entry.
    pub os: OsId,
    /// The catalog entry's name.
    pub os_name: OsName,
    /// The catalog entry's version.
    pub os_version: OsVersion,
    /// SHA-256 of the catalog entry's image.
    pub image_sha256: String,
    /// The user that cloud-init makes in it.
    pub login: LoginName,
    /// Its disks, the system disk first.
    pub disks: Vec<PlannedDisk>,
    /// The address to reserve for it.
    pub ip: Option<Ipv4Addr>,
    /// Derived from desk, request and name.
    pub uuid: Uuid,
    /// Derived from `uuid`.
    pub mac: MacAddress,
    /// Derived from `uuid` and the desk's master key.
    pub host_key: HostKey,
    /// For people.
    pub description: String,
    /// Warnings for the approver, which do not prevent the request.
    pub warnings: Vec<String>,
}

/// One disk of a planned machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDisk {
    /// The disk's purpose.
    pub role: DiskRole,
    /// Its volume.
    pub volume: VolumeName,
    /// Size in GiB.
    pub size: u32,
}

/// The resources of a host, and the part that machines outside a plan take. They may take more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Logical processors of the host.
    pub vcpus: u32,
    /// Virtual processors of the other machines.
    pub vcpus_taken: u64,
    /// Memory of the host in MiB.
    pub memory: u64,
    /// Memory of the other machines in MiB.
    pub memory_taken: u64,
    /// The free space for volumes, in GiB.
    pub disk_free: u64,
}

impl Plan {
    /// The hash that an approval names.
    ///
    /// SHA-256 over the pool and the machines without their warnings, each field with its length before it, so that two
    /// different plans never give the same bytes. Nothing that varies by itself is in it.
    pub fn hash(&self) -> PlanHash {
        let mut bytes = Canonical(Sha256::new());
        bytes.text("vmm plan 2");
        bytes.text(&self.pool);
        bytes.number(self.vms.len() as u64);
        for vm in &self.vms {
            vm.write(&mut bytes);
        }
        PlanHash(bytes.0.finalize().into())
    }

    /// Says for people what `new` binds otherwise than this plan: at most ten things.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.pool != new.pool {
            found.push(format!(
                "the storage pool, which was {} on {} and is {} on {}",
                self.pool, self.host, new.pool, new.host
            ));
        }
        if self.vms.len() != new.vms.len() {
            found.push(format!("the number of machines, which was {} and is {}", self.vms.len(), new.vms.len()));
        }
        let pairs = self.vms.iter().zip(&new.vms).filter(|(old, new)| old != new);
        found.extend(pairs.map(|(old, new)| format!("{} ({})", new.name, old.differences(new))));
        found.truncate(10);
        found
    }

    /// Sum of the machines' virtual processors.
    pub fn vcpus(&self) -> u64 {
        self.vms.iter().map(|vm| u64::from(vm.vcpu)).sum()
    }

    /// Sum of the machines' memory in MiB.
    pub fn memory(&self) -> u64 {
        self.vms.iter().map(|vm| u64::from(vm.memory)).sum()
    }

    /// Returns the number of machines that have no fixed address, and get one from the host's DHCP server.
    pub fn dynamic_addresses(&self) -> u64 {
        self.vms.iter().filter(|vm| vm.ip.is_none()).count() as u64
    }

    /// Sum of the machines' disks in GiB.
    pub fn disk(&self) -> u64 {
        self.vms.iter().flat_map(|vm| &vm.disks).map(|disk| u64::from(disk.size)).sum()
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.pool == other.pool && self.vms == other.vms
    }
}

impl Eq for Plan {}

impl PartialEq for PlannedVm {
    fn eq(&self, other: &Self) -> bool {
        self.bound() == other.bound()
    }
}

impl Eq for PlannedVm {}

impl PlannedVm {
    /// SHA-256 over what an approval binds of it.
    fn bound(&self) -> [u8; 32] {
        let mut bytes = Canonical(Sha256::new());
        self.write(&mut bytes);
        bytes.0.finalize().into()
    }

    /// Says for people what `new` binds otherwise. The CSV of a request never changes, so only what it is read against
    /// can.
    fn differences(&self, new: &Self) -> String {
        let os = |vm: &Self| format!("{}:{}", vm.os_name, vm.os_version);
        let mut found = Vec::new();
        if self.os != new.os || os(self) != os(new) {
            found.push(format!("{} instead of {}", os(new), os(self)));
        } else if self.image_sha256 != new.image_sha256 {
            found.push(format!("another image of {}", os(new)));
        }
        if self.login != new.login {
            found.push(format!("the login {} instead of {}", new.login, self.login));
        }
        if self.disks != new.disks {
            let sizes = |vm: &Self| vm.disks.iter().map(|disk| disk.size.to_string()).collect::<Vec<_>>().join("+");
            found.push(format!("disks of {} GiB instead of {}", sizes(new), sizes(self)));
        }
        if self.host_key != new.host_key {
            found.push("another host key".to_owned());
        }
        if found.is_empty() { "its identity".to_owned() } else { found.join(", ") }
    }

    fn write(&self, bytes: &mut Canonical) {
        let Self {
            row,
            name,
            hostname,
            group_name,
            vcpu,
            memory,
            os,
            os_name,
            os_version,
            image_sha256,
            login,
            disks,
            ip,
            uuid,
            mac,
            host_key,
            description,
            warnings: _,
        } = self;
        bytes.number((*row).into());
        bytes.text(name.as_str());
        bytes.text(hostname.as_str());
        bytes.text(group_name.as_ref().map_or("", GroupName::as_str));
        bytes.number((*vcpu).into());
        bytes.number((*memory).into());
        bytes.number(os.0.unsigned_abs());
        bytes.text(os_name.as_str());
        bytes.text(os_version.as_str());
        bytes.text(image_sha256);
        bytes.text(login.as_str());
        bytes.number(disks.len() as u64);
        for disk in disks {
            bytes.text(disk.role.as_str());
            bytes.text(disk.volume.as_str());
            bytes.number(disk.size.into());
        }
        bytes.text(&ip.map(|ip| ip.to_string()).unwrap_or_default());
        bytes.text(&uuid.to_string());
        bytes.text(&mac.to_string());
        bytes.text(&host_key.to_string());
        bytes.text(description);
    }
}

impl PlannedVm {
    /// Returns the record of the machine for a request that is approved at a moment. It has the status `request`.
    pub(crate) fn record(
        &self,
        id: VmId,
        request: &RequestId,
        (user, user_name): (UserId, UserName),
        at: Timestamp,
    ) -> Vm {
        Vm {
            id,
            user,
            user_name,
            group_name: self.group_name.clone(),
            name: self.name.clone(),
            hostname: self.hostname.clone(),
            ip: self.ip.map(IpAddr::V4),
            ip_fixed: self.ip.is_some(),
            vcpu: self.vcpu,
            memory: self.memory,
            os: Some(self.os),
            status: VmStatus::Request,
            status_reason: None,
            on_since: None,
            run: None,
            uuid: self.uuid,
            mac: self.mac,
            host_key: self.host_key.clone(),
            login: self.login.clone(),
            adopted: false,
            request: Some(request.clone()),
            description: self.description.clone(),
            revision: Revision(1),
            created_at: at,
        }
    }
}

struct Canonical(Sha256);

impl Canonical {
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }
}

sha256_type!(
    /// SHA-256 of a plan.
    PlanHash, "plan_hash", "the plan"
);
