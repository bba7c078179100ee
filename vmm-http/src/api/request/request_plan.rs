//! Plans on the wire.

use poem_openapi::{Enum, Object};
use vmm_core::model::{HostFigures, Plan, PlannedDisk, PlannedVm};

use crate::api::machine::disk::DiskRoleWord;

/// The resources that all machines of a request need together.
#[derive(Debug, Object)]
#[oai(rename = "Totals")]
pub(super) struct Totals {
    /// The number of machines.
    vms: u64,
    /// Virtual processors.
    vcpu: u64,
    /// Memory in MiB.
    memory: u64,
    /// Disks in GiB.
    disk: u64,
}

impl From<&Plan> for Totals {
    fn from(plan: &Plan) -> Self {
        Self { vms: plan.vms.len() as u64, vcpu: plan.vcpus(), memory: plan.memory(), disk: plan.disk() }
    }
}

/// The host for which a plan was made, with its figures at that moment. An approval binds the pool; everything else may
/// change by itself, and is checked again before anything is made.
#[derive(Debug, Object)]
#[oai(rename = "PlanHost", skip_serializing_if_is_none)]
pub(super) struct HostBody {
    name: String,
    /// The storage pool that the disks will be in.
    pool: String,
    /// Logical processors.
    vcpu: u32,
    /// Memory in MiB.
    memory: u64,
    /// The free space for disks, in GiB.
    disk_free: u64,
    /// The number of addresses that were free for machines without a fixed one; absent if the host does not say.
    addresses_free: Option<u32>,
}

impl HostBody {
    pub(super) fn new(name: String, pool: String, seen: HostFigures) -> Self {
        let HostFigures { vcpus, memory, disk_free, addresses_free } = seen;
        Self { name, pool, vcpu: vcpus, memory, disk_free, addresses_free }
    }
}

/// The verdict on a row. A row with a problem never becomes part of a plan.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "Verdict", rename_all = "lowercase")]
enum Verdict {
    /// Nothing to say.
    Ok,
    /// It can be made, and the approver should read the warnings.
    Warning,
}

/// One machine of a plan.
#[derive(Debug, Object)]
#[oai(rename = "PlanRow", skip_serializing_if_is_none)]
pub(super) struct RowBody {
    /// Row of the table as a spreadsheet numbers it: the header and blank rows count.
    row: u32,
    name: String,
    verdict: Verdict,
    warnings: Vec<String>,
    hostname: String,
    group_name: Option<String>,
    vcpu: u32,
    /// Memory in MiB.
    memory: u32,
    /// Name and version of the catalog entry.
    os: String,
    /// SHA-256 of its image.
    image_sha256: String,
    /// The user that cloud-init makes.
    login: String,
    disks: Vec<PlanDisk>,
    /// The address that is reserved for it.
    ip: Option<String>,
    mac: String,
    uuid: String,
    /// SHA-256 fingerprint of its SSH host key.
    host_key: String,
    description: String,
}

impl From<PlannedVm> for RowBody {
    fn from(vm: PlannedVm) -> Self {
        Self {
            row: vm.row,
            name: vm.name.to_string(),
            verdict: if vm.warnings.is_empty() { Verdict::Ok } else { Verdict::Warning },
            warnings: vm.warnings,
            hostname: vm.hostname.to_string(),
            group_name: vm.group_name.map(|group| group.to_string()),
            vcpu: vm.vcpu,
            memory: vm.memory,
            os: format!("{}:{}", vm.os_name, vm.os_version),
            image_sha256: vm.image_sha256,
            login: vm.login.to_string(),
            disks: vm.disks.into_iter().map(PlanDisk::from).collect(),
            ip: vm.ip.map(|ip| ip.to_string()),
            mac: vm.mac.to_string(),
            uuid: vm.uuid.to_string(),
            host_key: vm.host_key.fingerprint(),
            description: vm.description,
        }
    }
}

/// One disk of a planned machine.
#[derive(Debug, Object)]
#[oai(rename = "PlanDisk")]
struct PlanDisk {
    role: DiskRoleWord,
    volume: String,
    /// Size in GiB.
    size: u32,
}

impl From<PlannedDisk> for PlanDisk {
    fn from(disk: PlannedDisk) -> Self {
        Self { role: disk.role.into(), volume: disk.volume.to_string(), size: disk.size }
    }
}
