//! Figures of machines.

use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::Monitor;
use vmm_core::hypervisor::{DiskStatistics, DomainState, InterfaceStatistics};
use vmm_core::model::VmName;

use super::Tag;
use super::vm_dto::VmBody;
use crate::auth::Caller;
use crate::batch::named;
use crate::error::Failure;

pub(crate) struct MonitorApi;

/// A machine's state as its host sees it; `missing` if the host does not have it any more.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "VmState", rename_all = "lowercase")]
pub(super) enum StateWord {
    Running,
    Paused,
    Stopping,
    Off,
    Crashed,
    Missing,
}

impl From<Option<DomainState>> for StateWord {
    fn from(state: Option<DomainState>) -> Self {
        match state {
            Some(DomainState::Running) => Self::Running,
            Some(DomainState::Paused) => Self::Paused,
            Some(DomainState::Stopping) => Self::Stopping,
            Some(DomainState::Off) => Self::Off,
            Some(DomainState::Crashed) => Self::Crashed,
            None => Self::Missing,
        }
    }
}

/// A machine at this moment. Counters run from its start.
#[derive(Debug, Object)]
#[oai(rename = "Monitor", skip_serializing_if_is_none)]
struct MonitorBody {
    vm: VmBody,
    state: StateWord,
    /// Seconds for which it has been seen running: since vmm started it, or found it on after it was off. A reboot by the
    /// guest does not end it. Absent if it does not run, or was running already when vmm first saw it.
    uptime: Option<u64>,
    /// Share of its virtual processors that was busy in the last half second.
    cpu_percent: Option<f64>,
    /// Processor time used, in nanoseconds.
    cpu_time: u64,
    memory: MemoryBody,
    disks: Vec<DiskBody>,
    interfaces: Vec<InterfaceBody>,
    addresses: Vec<String>,
}

/// A machine's memory, in KiB.
#[derive(Debug, Object)]
#[oai(rename = "MemoryFigures", skip_serializing_if_is_none)]
struct MemoryBody {
    /// Given to the guest.
    current: u64,
    /// Not used by the guest; known when its balloon driver reports.
    unused: Option<u64>,
    /// Spent on it by the host.
    resident: u64,
}

/// One disk, in bytes.
#[derive(Debug, Object)]
#[oai(rename = "DiskFigures")]
struct DiskBody {
    name: String,
    read: u64,
    written: u64,
    /// What the guest sees.
    capacity: u64,
    /// What the host spends.
    allocation: u64,
}

impl From<DiskStatistics> for DiskBody {
    fn from(disk: DiskStatistics) -> Self {
        Self {
            read: disk.read,
            written: disk.written,
            capacity: disk.capacity,
            allocation: disk.allocation,
            name: disk.name,
        }
    }
}

/// One network interface, in bytes.
#[derive(Debug, Object)]
#[oai(rename = "InterfaceFigures")]
struct InterfaceBody {
    name: String,
    received: u64,
    sent: u64,
}

impl From<InterfaceStatistics> for InterfaceBody {
    fn from(interface: InterfaceStatistics) -> Self {
        Self { received: interface.received, sent: interface.sent, name: interface.name }
    }
}

impl From<Monitor> for MonitorBody {
    fn from(monitor: Monitor) -> Self {
        let figures = monitor.statistics;
        Self {
            vm: monitor.vm.into(),
            state: monitor.state.into(),
            uptime: monitor.uptime.map(|uptime| uptime.as_secs()),
            cpu_percent: monitor.cpu_percent,
            cpu_time: figures.cpu_time,
            memory: MemoryBody {
                current: figures.memory_current,
                unused: figures.memory_unused,
                resident: figures.memory_resident,
            },
            disks: figures.disks.into_iter().map(DiskBody::from).collect(),
            interfaces: figures.interfaces.into_iter().map(InterfaceBody::from).collect(),
            addresses: monitor.addresses.iter().map(ToString::to_string).collect(),
        }
    }
}

#[OpenApi(tag = "Tag::Vm")]
impl MonitorApi {
    /// See a machine's state, load and figures at this moment. Takes half a second for a running machine.
    #[oai(path = "/vm/monitor", method = "get", operation_id = "monitorVm")]
    async fn monitor(
        &self,
        caller: Caller,
        /// The machine's name.
        vm: Query<String>,
    ) -> Result<Json<MonitorBody>, Failure> {
        let login = caller.0;
        Ok(Json(login.vmm.monitor(&login.actor, &named("vm", VmName::new(vm.0))?).await?.into()))
    }
}
