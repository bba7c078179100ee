//! A hypervisor in memory, under the same rules as the real one.

mod definition;
mod rules;
mod state;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;
use vmm_core::host::{
    Definition, Domain, DomainSpec, DomainState, ForeignDomain, Host, Hypervisor, Lease, NewVolume, Reservation, Start,
    Statistics, Volume, VolumeDetail,
};
use vmm_core::image::InspectedImage;
use vmm_core::model::{DefinitionDigest, DeskId, MacAddress, VolumeName};
use vmm_core::{Error, Result};

use self::state::{Content, State, Turn};

/// A hypervisor in memory. Clones are the same host.
#[derive(Clone)]
pub struct FakeHypervisor {
    desk: DeskId,
    state: Arc<Mutex<State>>,
}

impl FakeHypervisor {
    /// An empty host with 64 processors and 256 GiB of memory, seen by a desk.
    pub fn new(desk: DeskId) -> Self {
        Self { desk, state: Arc::new(Mutex::new(State::new())) }
    }

    /// The same host as another desk sees it.
    pub fn for_desk(&self, desk: DeskId) -> Self {
        Self { desk, state: Arc::clone(&self.state) }
    }

    /// Changes what the host says it is.
    pub fn change_host(&self, change: impl FnOnce(&mut Host)) {
        change(&mut self.lock().host);
    }

    /// Fails the next call of this method.
    pub fn fail_next(&self, method: &str, error: Error) {
        self.fail_nth(method, 1, error);
    }

    /// Fails the `nth` call of this method from now on, counted from 1.
    pub fn fail_nth(&self, method: &str, nth: usize, error: Error) {
        self.lock().fail(method, nth, error);
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> usize {
        self.lock().calls(method)
    }

    /// How often any method was called.
    pub fn all_calls(&self) -> usize {
        self.lock().all_calls()
    }

    /// A running domain that no desk made, with one disk.
    pub fn add_foreign(&self, name: impl AsRef<str>) -> Uuid {
        self.lock().add_foreign(name.as_ref())
    }

    /// Whether a domain is defined, of whatever owner.
    pub fn is_defined(&self, uuid: Uuid) -> bool {
        self.lock().domains.contains_key(&uuid)
    }

    /// Removes a domain behind the desk's back, running or not.
    pub fn remove_behind_back(&self, uuid: Uuid) {
        self.lock().domains.remove(&uuid);
    }

    /// Puts a domain in a state behind the desk's back.
    pub fn set_state(&self, uuid: Uuid, state: DomainState) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.state = state;
        }
    }

    /// Stops and starts a domain behind the desk's back.
    pub fn restart_behind_back(&self, uuid: Uuid) {
        let mut state = self.lock();
        let run = state.next_run();
        if let Some(domain) = state.domains.get_mut(&uuid) {
            (domain.state, domain.run) = (DomainState::Running, run);
        }
    }

    /// Sets the figures that a domain has while it runs.
    pub fn set_statistics(&self, uuid: Uuid, statistics: Statistics) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.statistics = statistics;
        }
    }

    /// Changes the figures that a domain has while it runs, as its load does.
    pub fn change_statistics(&self, uuid: Uuid, change: impl FnOnce(&mut Statistics)) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            change(&mut domain.statistics);
        }
    }

    /// Sets the addresses that a domain has while it runs, in place of the one it would get.
    pub fn set_addresses(&self, uuid: Uuid, addresses: Vec<IpAddr>) {
        self.lock().addresses.insert(uuid, addresses);
    }

    /// Whether the addresses of domains come from the network's DHCP server. They do unless told otherwise; else only the
    /// domains themselves tell them.
    pub fn lease_addresses(&self, lease: bool) {
        self.lock().leases = lease;
    }

    /// Whether a started domain gets an address. It does unless told otherwise.
    pub fn give_addresses(&self, give: bool) {
        self.lock().gives_addresses = give;
    }

    /// Whether guests do what they are asked to (shut down). They do unless told otherwise.
    pub fn guests_obey(&self, obey: bool) {
        self.lock().guests_obey = obey;
    }

    /// Whether a domain that an I/O error paused pauses again as soon as it is resumed. It does not unless told so.
    pub fn disk_is_full(&self, full: bool) {
        self.lock().disk_is_full = full;
    }

    /// Adds to what a guest wrote to its console.
    pub fn print_to_console(&self, uuid: Uuid, text: &str) {
        if let Some(domain) = self.lock().domains.get_mut(&uuid) {
            domain.console.extend_from_slice(text.as_bytes());
        }
    }

    /// What every guest writes to its console when it is started.
    pub fn boot_text(&self, text: &str) {
        text.clone_into(&mut self.lock().boot_text);
    }

    /// Leaves a volume as an interrupted import does.
    pub fn add_unfinished_volume(&self, name: &VolumeName) {
        self.lock().add_unfinished(name);
    }

    /// Removes a volume behind the desk's back, whatever uses it.
    pub fn remove_volume_behind_back(&self, name: &VolumeName) {
        self.lock().volumes.remove(name);
    }

    /// Changes what a volume holds behind the desk's back, or only the moment of its last change.
    pub fn touch_volume_behind_back(&self, name: &VolumeName, content_too: bool) {
        self.lock().touch(name, content_too);
    }

    /// Makes an empty volume behind the desk's back.
    pub fn add_volume_behind_back(&self, name: &VolumeName, capacity: u64) {
        self.lock().put(name, capacity, Content::Disk(None), "somebody else's");
    }

    /// The content of a volume that was written.
    pub fn content(&self, name: &VolumeName) -> Option<Vec<u8>> {
        self.lock().content(name)
    }

    /// Counts a call and fails it if that was asked for.
    fn enter(&self, method: &'static str) -> Result<Turn<'_>> {
        self.lock().enter(method)?;
        Ok(Turn { desk: self.desk, state: self.lock() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hypervisor for FakeHypervisor {
    async fn host(&self) -> Result<Host> {
        Ok(self.enter("host")?.host())
    }

    async fn import_volume(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume> {
        let mut turn = self.enter("import_volume")?;
        let mut body = image.body();
        io::copy(&mut body, &mut io::sink())
            .map_err(|error| Error::invalid("qcow2", format!("the image cannot be read: {error}")))?;
        body.verify()?;
        turn.import(name, image.info().virtual_size, image.sha256().to_owned())
    }

    async fn create_volume(&self, volume: &NewVolume) -> Result<Volume> {
        self.enter("create_volume")?.create(volume)
    }

    async fn resize_volume(&self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        self.enter("resize_volume")?.resize(name, capacity)
    }

    async fn write_volume(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        self.enter("write_volume")?.write(name, bytes)
    }

    async fn delete_volume(&self, name: &VolumeName) -> Result<()> {
        self.enter("delete_volume")?.delete(name)
    }

    async fn volumes(&self) -> Result<Vec<Volume>> {
        Ok(self.enter("volumes")?.volumes())
    }

    async fn inspect_volumes(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
        Ok(self.enter("inspect_volumes")?.inspect(names))
    }

    async fn checksum_volume(&self, name: &VolumeName) -> Result<String> {
        self.enter("checksum_volume")?.checksum(name)
    }

    async fn reserve_address(&self, reservation: &Reservation) -> Result<()> {
        self.enter("reserve_address")?.reserve(reservation)
    }

    async fn release_address(&self, mac: MacAddress) -> Result<()> {
        self.enter("release_address")?.state.reservations.retain(|known| known.mac != mac);
        Ok(())
    }

    async fn reservations(&self) -> Result<Vec<Reservation>> {
        let mut all = self.enter("reservations")?.state.reservations.clone();
        all.sort_by_key(|reservation| reservation.address);
        Ok(all)
    }

    async fn define(&self, domain: &DomainSpec) -> Result<()> {
        self.enter("define")?.define(domain)
    }

    async fn definition(&self, uuid: Uuid) -> Result<Option<Definition>> {
        Ok(self.enter("definition")?.definition(uuid))
    }

    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition> {
        self.enter("attach_disk")?.attach_disk(uuid, volume, rest)
    }

    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        self.enter("detach_disk")?.detach_disk(uuid, volume, rest)
    }

    async fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.enter("undefine")?.undefine(uuid)
    }

    async fn adoptable(&self) -> Result<Vec<ForeignDomain>> {
        Ok(self.enter("adoptable")?.adoptable())
    }

    async fn adopt(&self, uuid: Uuid) -> Result<()> {
        self.enter("adopt")?.adopt(uuid)
    }

    async fn release(&self, uuid: Uuid) -> Result<()> {
        self.enter("release")?.release(uuid)
    }

    async fn reclaim(&self, uuid: Uuid) -> Result<()> {
        self.enter("reclaim")?.reclaim(uuid)
    }

    async fn start(&self, uuid: Uuid) -> Result<Start> {
        self.enter("start")?.start(uuid)
    }

    async fn resume(&self, uuid: Uuid) -> Result<()> {
        self.enter("resume")?.resume(uuid)
    }

    async fn discard_saved(&self, uuid: Uuid) -> Result<()> {
        self.enter("discard_saved")?.discard_saved(uuid)
    }

    async fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.enter("shutdown")?.shutdown(uuid)
    }

    async fn stop(&self, uuid: Uuid) -> Result<()> {
        self.enter("stop")?.stop(uuid)
    }

    async fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.enter("reboot")?.reboot(uuid)
    }

    async fn domain(&self, uuid: Uuid) -> Result<Option<Domain>> {
        Ok(self.enter("domain")?.domain(uuid))
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        Ok(self.enter("domains")?.domains())
    }

    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        self.enter("addresses")?.addresses(uuid)
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        Ok(self.enter("leases")?.leases())
    }

    async fn console_tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        self.enter("console_tail")?.console_tail(uuid, limit)
    }
}
