//! The hypervisor under test, with names that no other test uses.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;
use vmm_core::Error;
use vmm_core::host::{Capabilities, DomainSpec, DomainState, Hypervisor, NewVolume, Reservation};
use vmm_core::model::{DeskId, MacAddress, VmName, VolumeName};

/// Gives each test of this process addresses of its own.
static NEXT_ADDRESS: AtomicU32 = AtomicU32::new(0);
/// Among so many addresses those of tests are.
const ADDRESSES: u32 = 200;
/// The MAC address that addresses are tried with, which no test uses for itself.
const PROBE: u8 = 250;

/// A change of a domain that somebody makes without vmm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Pauses it.
    Pause,
    /// Saves its memory to a file and ends it.
    Save,
}

/// A hypervisor that a promise is held against.
#[derive(Clone)]
pub struct Subject {
    /// As the desk of the test sees it.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// That desk.
    pub desk: DeskId,
    /// Returns this host as another desk sees it, with that desk; `None` where a host has one desk alone.
    pub other: Option<(Arc<dyn Hypervisor>, DeskId)>,
    pub(super) foreign: Arc<dyn Fn() -> Uuid + Send + Sync>,
    pub(super) outside: Option<Arc<dyn Fn(Outside, Uuid) + Send + Sync>>,
    /// Keeps alive what the hypervisor needs, like a temporary directory.
    pub(super) _keep: Arc<dyn Send + Sync>,
}

impl Subject {
    /// A hypervisor, what makes a running domain there that no desk made (with one interface, one processor and 64
    /// MiB), and what it needs to live.
    pub fn new(
        hypervisor: impl Hypervisor + 'static,
        desk: DeskId,
        foreign: impl Fn() -> Uuid + Send + Sync + 'static,
        keep: impl Send + Sync + 'static,
    ) -> Self {
        let hypervisor = Arc::new(hypervisor);
        Self { hypervisor, desk, other: None, foreign: Arc::new(foreign), outside: None, _keep: Arc::new(keep) }
    }

    /// A running domain that no desk made.
    pub fn foreign(&self) -> Uuid {
        (self.foreign)()
    }

    /// Adds another desk on the same host.
    #[must_use]
    pub fn with_other(mut self, hypervisor: impl Hypervisor + 'static, desk: DeskId) -> Self {
        self.other = Some((Arc::new(hypervisor), desk));
        self
    }

    /// Adds how somebody does things to domains without vmm.
    #[must_use]
    pub fn with_outside(mut self, outside: impl Fn(Outside, Uuid) + Send + Sync + 'static) -> Self {
        self.outside = Some(Arc::new(outside));
        self
    }

    /// Does something to a domain without vmm. `false` where that cannot be done on this host.
    pub fn outside(&self, what: Outside, uuid: Uuid) -> bool {
        self.outside.as_ref().map(|outside| outside(what, uuid)).is_some()
    }

    /// A name that only this test uses.
    pub fn name(&self, name: &str) -> VmName {
        VmName::new(format!("{}-{name}", self.prefix())).expect("a short name is valid")
    }

    /// A volume's name that only this test uses.
    pub fn volume(&self, name: &str) -> VolumeName {
        VolumeName::new(format!("{}-{name}", self.prefix())).expect("a short name is valid")
    }

    fn prefix(&self) -> String {
        format!("t{}", &self.desk.0.simple().to_string()[..12])
    }

    /// A hardware address that only this test uses.
    pub fn mac(&self, index: u8) -> MacAddress {
        let [a, b, c, d, ..] = *self.desk.0.as_bytes();
        MacAddress::local([a, b, c, d, index])
    }

    /// Returns the capabilities of the host.
    pub async fn capabilities(&self) -> Capabilities {
        self.hypervisor.host().describe().await.expect("the host answers").capabilities
    }

    /// An address of the host's network that nobody has and no other test of this process uses.
    pub async fn address(&self) -> Ipv4Addr {
        let subnet =
            self.hypervisor.host().describe().await.expect("the host answers").subnet.expect("it has a network");
        for _ in 0..ADDRESSES {
            let next = NEXT_ADDRESS.fetch_add(1, Ordering::Relaxed);
            let number = std::process::id().wrapping_mul(13).wrapping_add(next) % ADDRESSES;
            let address = Ipv4Addr::from(u32::from(subnet.gateway) + 250 - number);
            // It stays leased for a while after its guest is gone.
            let probe = self.reservation("probe", PROBE, address);
            match self.hypervisor.network().reserve(&probe).await {
                Ok(()) => {
                    self.hypervisor.network().release(probe.mac).await.expect("it is released");
                    return address;
                }
                Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("an address cannot be tried: {error}"),
            }
        }
        panic!("no address of the host's network is free");
    }

    /// A domain without disks.
    pub fn spec(&self, name: &str) -> DomainSpec {
        let name = self.name(name);
        let uuid = Uuid::new_v5(&self.desk.0, name.as_str().as_bytes());
        let mac = MacAddress::local([self.desk.0.as_bytes()[0], uuid.as_bytes()[0], uuid.as_bytes()[1], 1, 1]);
        DomainSpec {
            desk: self.desk,
            uuid,
            name,
            description: "made by a test <&>".to_owned(),
            vcpu: 1,
            memory: 64,
            disks: Vec::new(),
            seed: None,
            mac,
        }
    }

    /// Defines a domain with one empty disk.
    pub async fn define(&self, name: &str) -> DomainSpec {
        let volume = self.create(&format!("{name}.qcow2"), 1 << 30).await;
        let spec = DomainSpec { disks: vec![volume], ..self.spec(name) };
        self.hypervisor.definitions().define(&spec).await.expect("it is defined");
        spec
    }

    /// Creates an empty volume.
    pub async fn create(&self, name: &str, capacity: u64) -> VolumeName {
        let new = NewVolume { name: self.volume(name), capacity, backing: None };
        self.hypervisor.volumes().create(&new).await.expect("it is created");
        new.name
    }

    /// A reservation of an address for the machine of this name.
    pub fn reservation(&self, name: &str, index: u8, address: Ipv4Addr) -> Reservation {
        Reservation { mac: self.mac(index), address, name: self.name(name) }
    }

    /// The state of a domain that is defined.
    pub async fn state(&self, uuid: Uuid) -> DomainState {
        self.hypervisor.domains().by_id(uuid).await.expect("it answers").expect("it is defined").state
    }

    /// Removes everything that the test left on the host.
    pub async fn clean(&self) {
        clean_domains(&self.hypervisor).await;
        if let Some((other, _)) = &self.other {
            clean_domains(other).await;
        }
        let mut left = self.hypervisor.volumes().list().await.unwrap_or_default();
        left.retain(|volume| volume.name.as_str().starts_with(&self.prefix()));
        // What others stand on goes after them.
        for last in [false, false, true] {
            for volume in std::mem::take(&mut left) {
                match self.hypervisor.volumes().delete(&volume.name).await {
                    Err(Error::Conflict { .. }) if !last => left.push(volume),
                    result => complain(result),
                }
            }
        }
        for reservation in self.hypervisor.network().reservations().await.unwrap_or_default() {
            if reservation.name.as_str().starts_with(&self.prefix()) {
                complain(self.hypervisor.network().release(reservation.mac).await);
            }
        }
    }
}

async fn clean_domains(hypervisor: &Arc<dyn Hypervisor>) {
    for domain in
        hypervisor.adoption().adoptable().await.unwrap_or_default().into_iter().filter(|domain| domain.adopted)
    {
        complain(hypervisor.adoption().release(domain.uuid).await);
    }
    for domain in hypervisor.domains().list().await.unwrap_or_default() {
        complain(hypervisor.domains().stop(domain.uuid).await);
        complain(hypervisor.definitions().undefine(domain.uuid).await);
    }
}

#[expect(clippy::print_stderr, reason = "the test has its own verdict, which this must not hide")]
fn complain(result: vmm_core::Result<()>) {
    if let Err(error) = result {
        eprintln!("cleaning up after a test: {error}");
    }
}

/// Holds a promise against a subject, and cleans up whether it was kept or not.
///
/// # Panics
/// When the promise is broken.
pub async fn hold<F>(subject: Option<Subject>, promise: impl FnOnce(Subject) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(subject) = subject else { return };
    let outcome = tokio::spawn(promise(subject.clone())).await;
    subject.clean().await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Asserts that a call does not fit the present state.
#[track_caller]
pub(super) fn assert_conflict<T: std::fmt::Debug>(result: &vmm_core::Result<T>) {
    assert!(matches!(result, Err(Error::Conflict { .. })), "not a conflict: {result:?}");
}

/// Asserts that there is no such thing.
#[track_caller]
pub(super) fn assert_not_found<T: std::fmt::Debug>(result: &vmm_core::Result<T>) {
    assert!(matches!(result, Err(Error::NotFound { .. })), "not missing: {result:?}");
}

/// Asserts that the input was refused.
#[track_caller]
pub(super) fn assert_invalid<T: std::fmt::Debug>(result: &vmm_core::Result<T>) {
    assert!(matches!(result, Err(Error::Invalid(_))), "not refused: {result:?}");
}

/// Asserts that the backend says it cannot do this.
#[track_caller]
pub(super) fn assert_unsupported<T: std::fmt::Debug>(result: &vmm_core::Result<T>) {
    assert!(matches!(result, Err(Error::Unsupported(_))), "not unsupported: {result:?}");
}
