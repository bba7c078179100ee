//! Figures of machines.

use std::time::Duration;

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use vmm_core::host::{DiskStatistics, DomainState, InterfaceStatistics};
use vmm_core::model::VmName;
use vmm_core::{History, HistoryPoint, Monitor};

use super::vm_body::VmBody;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;
use crate::wire::batch::named;
use crate::wire::text::TextOf;

pub(crate) struct MonitorApi;

/// The state of a machine's domain as its host sees it; `unknown` if the host does not say, or does not have it. The
/// machine's `status_reason` says why it is paused or unknown.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "VmState", rename_all = "lowercase")]
pub(super) enum StateWord {
    Running,
    Paused,
    Stopping,
    Off,
    Saved,
    Crashed,
    Unknown,
}

impl From<Option<DomainState>> for StateWord {
    fn from(state: Option<DomainState>) -> Self {
        match state {
            Some(DomainState::Running) => Self::Running,
            Some(DomainState::Paused(_)) => Self::Paused,
            Some(DomainState::Stopping) => Self::Stopping,
            Some(DomainState::Off) => Self::Off,
            Some(DomainState::Saved) => Self::Saved,
            Some(DomainState::Crashed) => Self::Crashed,
            Some(DomainState::Unknown) | None => Self::Unknown,
        }
    }
}

/// The figures of a machine at this moment. Counters begin at its start.
#[derive(Debug, Object)]
#[oai(rename = "Monitor", skip_serializing_if_is_none)]
struct MonitorBody {
    vm: VmBody,
    state: StateWord,
    /// The seconds since vmm started the machine, or saw it on after it was off. A reboot by the guest does not reset
    /// it. Absent if the machine does not run, or was running already when vmm first saw it.
    uptime: Option<u64>,
    /// The percentage of its virtual processors that was busy in the last half second.
    cpu_percent: Option<f64>,
    /// Processor time used, in nanoseconds.
    cpu_time: u64,
    memory: MemoryBody,
    disks: Vec<DiskBody>,
    interfaces: Vec<InterfaceBody>,
    addresses: Vec<String>,
    /// The figures of the past, if `window` was given.
    history: Option<HistoryBody>,
}

/// A machine's memory, in KiB.
#[derive(Debug, Object)]
#[oai(rename = "MemoryFigures", skip_serializing_if_is_none)]
struct MemoryBody {
    /// The memory that the guest has been given.
    current: u64,
    /// The memory that the guest does not use; absent unless its balloon driver reports it.
    unused: Option<u64>,
    /// The memory that the guest takes on the host.
    resident: u64,
}

/// One disk, in bytes.
#[derive(Debug, Object)]
#[oai(rename = "DiskFigures")]
struct DiskBody {
    name: String,
    read: u64,
    written: u64,
    /// The size that the guest sees.
    capacity: u64,
    /// The bytes that the disk takes on the host.
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

/// A machine's load and traffic of the last `window` seconds.
#[derive(Debug, Object)]
#[oai(rename = "MonitorHistory")]
struct HistoryBody {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// A point for every ten seconds, oldest first. There is none for a time at which vmm did not look or the machine
    /// was off. The first point after a gap or a start has only its moment, so that no line is drawn across the gap.
    points: Vec<PointBody>,
}

impl From<History> for HistoryBody {
    fn from(history: History) -> Self {
        Self { from: history.from, to: history.to, points: history.points.into_iter().map(PointBody::from).collect() }
    }
}

/// The figures of a machine at one moment; unknown figures are absent. Percentages and rates are averages since the
/// previous point.
#[derive(Debug, Object)]
#[oai(rename = "MonitorPoint", skip_serializing_if_is_none)]
struct PointBody {
    at: DateTime<Utc>,
    /// The percentage of its virtual processors that was busy.
    cpu_percent: Option<f64>,
    /// The memory that the guest uses, in MiB; without a report of its balloon driver, the memory that it takes on the
    /// host.
    memory_used: Option<f64>,
    /// The rate of reading from all its disks, in bytes per second.
    disk_read: Option<u64>,
    /// The rate of writing to all its disks, in bytes per second.
    disk_written: Option<u64>,
    /// The rate of receiving through all its network interfaces, in bytes per second.
    net_received: Option<u64>,
    /// The rate of sending through all its network interfaces, in bytes per second.
    net_sent: Option<u64>,
}

impl From<HistoryPoint> for PointBody {
    fn from(point: HistoryPoint) -> Self {
        let short = |number: f64| (number * 100.0).round() / 100.0;
        let whole = |number: f64| number.round() as u64;
        Self {
            at: point.at,
            cpu_percent: point.cpu_percent.map(short),
            memory_used: point.memory_used.map(short),
            disk_read: point.disk_read.map(whole),
            disk_written: point.disk_written.map(whole),
            net_received: point.net_received.map(whole),
            net_sent: point.net_sent.map(whole),
        }
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
            history: None,
        }
    }
}

#[OpenApi(tag = "Tag::Vm")]
impl MonitorApi {
    /// Get a machine's state, load and figures. Takes half a second for a running machine.
    #[oai(path = "/vm/monitor", method = "get", operation_id = "monitorVm")]
    async fn monitor(
        &self,
        caller: Caller,
        /// The machine's name.
        vm: Query<TextOf<VmName>>,
        /// The number of past seconds, from 10 to 3,600, whose `history` is added.
        #[oai(validator(minimum(value = "10"), maximum(value = "3600")))]
        window: Query<Option<u32>>,
    ) -> Result<Json<MonitorBody>, Failure> {
        let login = caller.0;
        let vm = named("vm", VmName::new(vm.0))?;
        let Some(window) = window.0 else {
            return Ok(Json(login.vmm.monitor(&login.actor, &vm).await?.into()));
        };
        let window = Duration::from_secs(window.into());
        let (monitor, history) = login.vmm.monitor_with_history(&login.actor, &vm, window).await?;
        Ok(Json(MonitorBody { history: Some(history.into()), ..monitor.into() }))
    }
}
