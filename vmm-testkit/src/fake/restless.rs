//! A hypervisor whose host never reports the same figures twice.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::Result;
use vmm_core::host::{
    Definition, Domain, DomainSpec, ForeignDomain, Host, Hypervisor, Lease, NewVolume, Reservation, Start, Volume,
    VolumeDetail,
};
use vmm_core::image::InspectedImage;
use vmm_core::model::{DefinitionDigest, MacAddress, VolumeName};

/// Wraps a hypervisor and changes all that a host may change by itself in each answer of [`host`](Hypervisor::host): its
/// memory, processors, free space, version and name. No figure falls below half of what the host has. Clones share their
/// count of answers.
#[derive(Clone)]
pub struct Restless {
    host: Arc<dyn Hypervisor>,
    answers: Arc<AtomicU64>,
}

impl Restless {
    /// Wraps a hypervisor.
    pub fn new(host: impl Hypervisor + 'static) -> Self {
        Self { host: Arc::new(host), answers: Arc::default() }
    }

    /// How often the host was asked what it is.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }
}

/// A number from half of `whole` up to `whole` and half as much again, another one in each answer.
fn vary(whole: u64, answer: u64) -> u64 {
    let (half, step) = (whole / 2, (answer * 37) % 101);
    half + whole * step / 100
}

#[async_trait]
impl Hypervisor for Restless {
    async fn host(&self) -> Result<Host> {
        let answer = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut host = self.host.host().await?;
        host.name = if answer.is_multiple_of(2) { host.name } else { format!("{}.example.org", host.name) };
        host.hypervisor = format!("{} patch {answer}", host.hypervisor);
        host.vcpus = u32::try_from(vary(host.vcpus.into(), answer)).unwrap_or(host.vcpus).max(1);
        host.memory = vary(host.memory, answer);
        host.pool_capacity = vary(host.pool_capacity, answer);
        host.pool_available = vary(host.pool_available, answer).min(host.pool_capacity);
        Ok(host)
    }

    async fn import_volume(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume> {
        self.host.import_volume(name, image).await
    }

    async fn create_volume(&self, volume: &NewVolume) -> Result<Volume> {
        self.host.create_volume(volume).await
    }

    async fn resize_volume(&self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        self.host.resize_volume(name, capacity).await
    }

    async fn write_volume(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        self.host.write_volume(name, bytes).await
    }

    async fn delete_volume(&self, name: &VolumeName) -> Result<()> {
        self.host.delete_volume(name).await
    }

    async fn volumes(&self) -> Result<Vec<Volume>> {
        self.host.volumes().await
    }

    async fn inspect_volumes(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
        self.host.inspect_volumes(names).await
    }

    async fn checksum_volume(&self, name: &VolumeName) -> Result<String> {
        self.host.checksum_volume(name).await
    }

    async fn reserve_address(&self, reservation: &Reservation) -> Result<()> {
        self.host.reserve_address(reservation).await
    }

    async fn release_address(&self, mac: MacAddress) -> Result<()> {
        self.host.release_address(mac).await
    }

    async fn reservations(&self) -> Result<Vec<Reservation>> {
        self.host.reservations().await
    }

    async fn define(&self, domain: &DomainSpec) -> Result<()> {
        self.host.define(domain).await
    }

    async fn definition(&self, uuid: Uuid) -> Result<Option<Definition>> {
        self.host.definition(uuid).await
    }

    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition> {
        self.host.attach_disk(uuid, volume, rest).await
    }

    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        self.host.detach_disk(uuid, volume, rest).await
    }

    async fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.host.undefine(uuid).await
    }

    async fn adoptable(&self) -> Result<Vec<ForeignDomain>> {
        self.host.adoptable().await
    }

    async fn adopt(&self, uuid: Uuid) -> Result<()> {
        self.host.adopt(uuid).await
    }

    async fn release(&self, uuid: Uuid) -> Result<()> {
        self.host.release(uuid).await
    }

    async fn reclaim(&self, uuid: Uuid) -> Result<()> {
        self.host.reclaim(uuid).await
    }

    async fn start(&self, uuid: Uuid) -> Result<Start> {
        self.host.start(uuid).await
    }

    async fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.host.shutdown(uuid).await
    }

    async fn stop(&self, uuid: Uuid) -> Result<()> {
        self.host.stop(uuid).await
    }

    async fn resume(&self, uuid: Uuid) -> Result<()> {
        self.host.resume(uuid).await
    }

    async fn discard_saved(&self, uuid: Uuid) -> Result<()> {
        self.host.discard_saved(uuid).await
    }

    async fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.host.reboot(uuid).await
    }

    async fn domain(&self, uuid: Uuid) -> Result<Option<Domain>> {
        self.host.domain(uuid).await
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        self.host.domains().await
    }

    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        self.host.addresses(uuid).await
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        self.host.leases().await
    }

    async fn console_tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        self.host.console_tail(uuid, limit).await
    }
}
