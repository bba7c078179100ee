//! The state of the fake host.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::MutexGuard;

use uuid::Uuid;
use vmm_core::host::{DomainSpec, DomainState, ForeignDisk, Host, Reservation, Statistics, Subnet};
use vmm_core::model::{DeskId, MacAddress, VmName, VolumeName};
use vmm_core::{Error, Result};

/// The calls that can be counted and failed, by part and method.
const CALLS: [&str; 32] = [
    "adoption.adopt",
    "adoption.adoptable",
    "adoption.reclaim",
    "adoption.release",
    "console.tail",
    "definitions.attach_disk",
    "definitions.by_id",
    "definitions.define",
    "definitions.detach_disk",
    "definitions.undefine",
    "domains.by_id",
    "domains.discard_saved",
    "domains.list",
    "domains.reboot",
    "domains.resume",
    "domains.shutdown",
    "domains.start",
    "domains.stop",
    "host.describe",
    "network.addresses",
    "network.leases",
    "network.release",
    "network.reservations",
    "network.reserve",
    "volumes.checksum",
    "volumes.create",
    "volumes.delete",
    "volumes.import",
    "volumes.inspect",
    "volumes.list",
    "volumes.resize",
    "volumes.write",
];

/// A domain. The desk in its specification means nothing: `owner` is its tag.
pub(super) struct FakeDomain {
    /// The present specification, with the changes by other hands.
    pub(super) spec: DomainSpec,
    /// The specification from which its desk defined it.
    pub(super) described: DomainSpec,
    pub(super) foreign: Foreign,
    pub(super) name: String,
    pub(super) owner: Option<DeskId>,
    pub(super) adopted: bool,
    pub(super) disks: Vec<ForeignDisk>,
    pub(super) state: DomainState,
    pub(super) run: Option<u32>,
    pub(super) statistics: Statistics,
    pub(super) console: Vec<u8>,
}

/// The changes of a domain by other hands beyond its specification.
#[derive(Default)]
pub(super) struct Foreign {
    /// Further facts of the definition, or other values of known ones.
    pub(super) facts: Vec<(String, String)>,
    /// The names of the snapshots.
    pub(super) snapshots: Vec<String>,
    /// The name that the guest gives each of its disks, and keeps.
    pub(super) targets: Vec<(VolumeName, String)>,
}

pub(super) enum Content {
    /// qcow2, with the volume below it.
    Disk(Option<VolumeName>),
    /// Written bytes.
    Raw(Vec<u8>),
    /// An import that was interrupted.
    Unfinished,
}

pub(super) struct FakeVolume {
    pub(super) capacity: u64,
    pub(super) content: Content,
    pub(super) sha256: String,
    /// The number of the last change of it.
    pub(super) changed: u64,
}

pub(super) struct State {
    pub(super) host: Host,
    pub(super) domains: BTreeMap<Uuid, FakeDomain>,
    pub(super) volumes: BTreeMap<VolumeName, FakeVolume>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) addresses: HashMap<Uuid, Vec<IpAddr>>,
    pub(super) gives_addresses: bool,
    pub(super) leases: bool,
    pub(super) guests_obey: bool,
    pub(super) disk_is_full: bool,
    pub(super) boot_text: String,
    runs: u32,
    changes: u64,
    failures: Vec<Failure>,
    counts: HashMap<String, usize>,
}

struct Failure {
    method: String,
    in_calls: usize,
    error: Error,
}

/// One call: who makes it, and the host for as long as it takes.
pub(super) struct Turn<'a> {
    pub(super) desk: DeskId,
    pub(super) state: MutexGuard<'a, State>,
}

impl State {
    pub(super) fn new() -> Self {
        let mut host = Host::new("fake-host", 64, 256 * 1024);
        "fake-pool".clone_into(&mut host.pool);
        "fake 1.0.0".clone_into(&mut host.hypervisor);
        host.pool_capacity = 4 << 40;
        host.pool_available = 4 << 40;
        host.subnet = Some(Subnet { gateway: Ipv4Addr::new(192, 0, 2, 1), prefix: 24 });
        host.capabilities.volume_content = true;
        host.capabilities.volume_resize = true;
        host.capabilities.disk_attachment = true;
        host.capabilities.reservations = true;
        host.capabilities.console = true;
        host.capabilities.statistics = true;
        Self {
            host,
            domains: BTreeMap::new(),
            volumes: BTreeMap::new(),
            reservations: Vec::new(),
            addresses: HashMap::new(),
            gives_addresses: true,
            leases: true,
            guests_obey: true,
            disk_is_full: false,
            boot_text: "fake guest booted\n".to_owned(),
            runs: 0,
            changes: 0,
            failures: Vec::new(),
            counts: HashMap::new(),
        }
    }

    pub(super) fn enter(&mut self, method: &str) -> Result<()> {
        check(method);
        *self.counts.entry(method.to_owned()).or_default() += 1;
        let mut due = None;
        for (index, failure) in self.failures.iter_mut().enumerate() {
            if failure.method == method {
                failure.in_calls -= 1;
                if failure.in_calls == 0 {
                    due = Some(index);
                    break;
                }
            }
        }
        due.map_or(Ok(()), |index| Err(self.failures.remove(index).error))
    }

    pub(super) fn fail(&mut self, method: &str, nth: usize, error: Error) {
        check(method);
        self.failures.push(Failure { method: method.to_owned(), in_calls: nth.max(1), error });
    }

    pub(super) fn calls(&self, method: &str) -> usize {
        check(method);
        self.counts.get(method).copied().unwrap_or(0)
    }

    pub(super) fn all_calls(&self) -> usize {
        self.counts.values().sum()
    }

    /// The number of a run that begins now.
    pub(super) fn next_run(&mut self) -> Option<u32> {
        self.runs += 1;
        Some(self.runs)
    }

    pub(super) fn add_foreign(&mut self, name: &str) -> Uuid {
        let uuid = Uuid::new_v4();
        let spec = DomainSpec {
            desk: DeskId(Uuid::nil()),
            uuid,
            name: VmName::new("foreign").expect("it is a label"),
            description: String::new(),
            vcpu: 1,
            memory: 64,
            disks: Vec::new(),
            seed: None,
            mac: MacAddress::local([0xff, 0, 0, 0, self.domains.len() as u8]),
        };
        let domain = FakeDomain {
            described: spec.clone(),
            spec,
            foreign: Foreign::default(),
            name: name.to_owned(),
            owner: None,
            adopted: false,
            disks: vec![ForeignDisk { path: Some(format!("/elsewhere/{name}.img")), capacity: 10 << 30 }],
            state: DomainState::Running,
            run: self.next_run(),
            statistics: Statistics::default(),
            console: Vec::new(),
        };
        self.domains.insert(uuid, domain);
        uuid
    }

    pub(super) fn add_unfinished(&mut self, name: &VolumeName) {
        self.put(name, 0, Content::Unfinished, "");
    }

    pub(super) fn put(&mut self, name: &VolumeName, capacity: u64, content: Content, sha256: &str) {
        self.changes += 1;
        let volume = FakeVolume { capacity, content, sha256: sha256.to_owned(), changed: self.changes };
        self.volumes.insert(name.clone(), volume);
    }

    pub(super) fn touch(&mut self, name: &VolumeName, content_too: bool) {
        self.changes += 1;
        if let Some(volume) = self.volumes.get_mut(name) {
            volume.changed = self.changes;
            if content_too {
                volume.sha256 = format!("changed {}", self.changes);
            }
        }
    }

    pub(super) fn content(&self, name: &VolumeName) -> Option<Vec<u8>> {
        match &self.volumes.get(name)?.content {
            Content::Raw(bytes) => Some(bytes.clone()),
            Content::Disk(_) | Content::Unfinished => None,
        }
    }
}

/// Refuses the name of a call that the fake does not have: a test that waits for it would prove nothing.
fn check(method: &str) {
    assert!(CALLS.contains(&method), "the fake host has no call {method:?}");
}
