//! The plan of a request: exactly what will be made, bound to an approval by its hash.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    DiskRole, GroupName, HostKey, Hostname, LoginName, MacAddress, OsId, OsName, OsVersion, VmName, VolumeName,
};
use crate::error::{Error, Result};

/// Everything that a request will make, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The host's name.
    pub host: String,
    /// Logical processors of the host.
    pub host_vcpus: u32,
    /// Memory of the host in MiB.
    pub host_memory: u64,
    /// The machines, in order of the CSV's rows.
    pub vms: Vec<PlannedVm>,
}

/// One machine of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedVm {
    /// The row of the CSV that it comes from, counted from 1 below the header.
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
    /// What the approver should know although it does not stand in the way.
    pub warnings: Vec<String>,
}

/// One disk of a planned machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDisk {
    /// What it is for.
    pub role: DiskRole,
    /// Its volume.
    pub volume: VolumeName,
    /// Size in GiB.
    pub size: u32,
}

/// What a host has, and what the machines that are not of a plan take of it. They may take more than there is.
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
    /// What is free for volumes, in GiB.
    pub disk_free: u64,
}

impl Plan {
    /// The hash that an approval names.
    ///
    /// SHA-256 over every field but the warnings, each with its length before it, so that two different plans never
    /// give the same bytes.
    pub fn hash(&self) -> PlanHash {
        let mut bytes = Canonical(Sha256::new());
        bytes.text("vmm plan 1");
        bytes.text(&self.host);
        bytes.number(self.host_vcpus.into());
        bytes.number(self.host_memory);
        bytes.number(self.vms.len() as u64);
        for vm in &self.vms {
            vm.write(&mut bytes);
        }
        PlanHash(bytes.0.finalize().into())
    }

    /// Sum of the machines' virtual processors.
    pub fn vcpus(&self) -> u64 {
        self.vms.iter().map(|vm| u64::from(vm.vcpu)).sum()
    }

    /// Sum of the machines' memory in MiB.
    pub fn memory(&self) -> u64 {
        self.vms.iter().map(|vm| u64::from(vm.memory)).sum()
    }

    /// Sum of the machines' disks in GiB.
    pub fn disk(&self) -> u64 {
        self.vms.iter().flat_map(|vm| &vm.disks).map(|disk| u64::from(disk.size)).sum()
    }
}

impl PlannedVm {
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

/// SHA-256 of a plan; its text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanHash(pub [u8; 32]);

impl fmt::Display for PlanHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PlanHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("plan_hash", "must be the 64 hexadecimal digits that the plan was shown with");
        if text.len() != 64 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(hash))
    }
}
