//! The hypervisor backend over libvirt.

mod addresses;
mod adopt;
mod attach;
mod config;
mod connection;
mod console;
mod content;
mod definition;
mod domain;
mod domain_xml;
mod error;
mod facts;
mod ffi;
mod host;
mod network;
mod owner;
mod probe;
mod stats;
mod storage;
mod usage;
mod xml;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

pub use self::config::LibvirtConfig;
pub use crate::config::VirtType;

use self::connection::{Connector, Session};
use self::content::Progress;
use self::error::Failure;
use self::stats::Ownership;
use super::{
    Definition, Domain, DomainSpec, ForeignDomain, Host, Hypervisor, Lease, NewVolume, Reservation, Start, Volume,
    VolumeDetail,
};
use crate::error::{Error, Kind, Result};
use crate::image::InspectedImage;
use crate::model::{DefinitionDigest, MacAddress, VolumeName};

/// One libvirt host. It is connected to when it is first used, and again whenever the connection was lost.
#[derive(Clone)]
pub struct LibvirtHypervisor {
    connector: Arc<Connector>,
    desk: Arc<Desk>,
    /// Two that import at once would each take the other's half for a left-over.
    importing: Arc<tokio::sync::Mutex<()>>,
}

/// What operations need besides a connection.
struct Desk {
    config: LibvirtConfig,
    ownership: Ownership,
    accelerated: Mutex<Option<bool>>,
}

impl Desk {
    /// Found out once in the life of this process.
    fn accelerated(&self, session: &Session) -> Result<bool, Failure> {
        let mut known = self.accelerated.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(answer) => Ok(answer),
            None => Ok(*known.insert(probe::accelerated(session, &self.config)?)),
        }
    }
}

impl LibvirtHypervisor {
    /// A host that is not connected to yet.
    pub fn new(config: LibvirtConfig) -> Self {
        Self {
            connector: Arc::new(Connector::new(&config)),
            desk: Arc::new(Desk { config, ownership: Ownership::default(), accelerated: Mutex::default() }),
            importing: Arc::default(),
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        context: &'static str,
        operation: impl Fn(&Session, &Desk) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let desk = Arc::clone(&self.desk);
        self.connector.call(context, move |session| operation(session, &desk)).await
    }

    /// An operation on the pool.
    async fn pool<T: Send + 'static>(
        &self,
        context: &'static str,
        operation: impl Fn(&Session, &virt::storage_pool::StoragePool) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.call(context, move |session, desk| operation(session, &storage::pool(session, &desk.config.pool)?)).await
    }

    /// An operation on a domain of this desk.
    async fn domain_of_desk<T: Send + 'static>(
        &self,
        context: &'static str,
        uuid: Uuid,
        operation: impl Fn(&Session, &virt::domain::Domain) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.call(context, move |session, desk| operation(session, &owner::require(session, desk.config.desk, uuid)?))
            .await
    }
}

#[async_trait]
impl Hypervisor for LibvirtHypervisor {
    async fn host(&self) -> Result<Host> {
        self.call("reading what the host is", |session, desk| {
            host::host(session, &desk.config, desk.accelerated(session)?)
        })
        .await
    }

    async fn import_volume(&self, name: &VolumeName, image: &InspectedImage) -> Result<Volume> {
        let turn = Arc::clone(&self.importing).lock_owned().await;
        let (name, image) = (name.clone(), image.clone());
        let progress = Progress::default();
        let (seen, desk) = (progress.clone(), Arc::clone(&self.desk));
        self.connector
            .call_watched("importing an image", progress, move |session| {
                // Ends with the copying, which goes on for a moment when nobody waits for it any more.
                let _turn = &turn;
                content::supported(session)?;
                let pool = storage::pool(session, &desk.config.pool)?;
                content::import(session, &pool, &name, &image, &seen)
            })
            .await
    }

    async fn create_volume(&self, volume: &NewVolume) -> Result<Volume> {
        let volume = volume.clone();
        self.pool("creating a volume", move |_, pool| storage::create(pool, &volume)).await
    }

    async fn resize_volume(&self, name: &VolumeName, capacity: u64) -> Result<Volume> {
        let name = name.clone();
        self.pool("resizing a volume", move |session, pool| storage::resize(session, pool, &name, capacity)).await
    }

    async fn write_volume(&self, name: &VolumeName, bytes: &[u8]) -> Result<Volume> {
        let (name, bytes) = (name.clone(), bytes.to_vec());
        self.pool("writing a volume", move |session, pool| {
            content::supported(session)?;
            let written = content::write(session, pool, name.as_str(), &bytes, bytes.len() as u64)?;
            Ok(storage::Described::read(&written)?.named(&name))
        })
        .await
    }

    async fn delete_volume(&self, name: &VolumeName) -> Result<()> {
        let (name, progress, desk) = (name.clone(), Progress::default(), Arc::clone(&self.desk));
        let seen = progress.clone();
        self.connector
            .call_watched("deleting a volume", progress, move |session| {
                let pool = storage::pool(session, &desk.config.pool)?;
                usage::delete(session, &pool, name.as_str(), &seen)
            })
            .await
    }

    async fn volumes(&self) -> Result<Vec<Volume>> {
        self.pool("listing volumes", |_, pool| storage::list(pool, console::is_log)).await
    }

    async fn inspect_volumes(&self, names: &[VolumeName]) -> Result<Vec<VolumeDetail>> {
        let names = names.to_vec();
        self.pool("inspecting volumes", move |session, pool| storage::inspect(session, pool, &names)).await
    }

    async fn checksum_volume(&self, name: &VolumeName) -> Result<String> {
        let (name, progress, desk) = (name.clone(), Progress::default(), Arc::clone(&self.desk));
        let seen = progress.clone();
        self.connector
            .call_watched("reading a volume", progress, move |session| {
                content::supported(session)?;
                let pool = storage::pool(session, &desk.config.pool)?;
                let volume = storage::lookup(&pool, name.as_str())?;
                let volume = volume.ok_or_else(|| Error::not_found(Kind::Volume, &name))?;
                content::checksum(session, &volume, &seen)
            })
            .await
    }

    async fn reserve_address(&self, reservation: &Reservation) -> Result<()> {
        let reservation = reservation.clone();
        self.call("reserving an address", move |session, desk| {
            network::reserve(session, &network::network(session, &desk.config.network)?, &reservation)
        })
        .await
    }

    async fn release_address(&self, mac: MacAddress) -> Result<()> {
        self.call("releasing an address", move |session, desk| {
            network::release(session, &network::network(session, &desk.config.network)?, mac)
        })
        .await
    }

    async fn reservations(&self) -> Result<Vec<Reservation>> {
        self.call("listing reservations", |session, desk| {
            network::reservations(&network::network(session, &desk.config.network)?)
        })
        .await
    }

    async fn define(&self, spec: &DomainSpec) -> Result<()> {
        if spec.desk != self.desk.config.desk {
            return Err(Error::invalid("desk", "the domain is of another desk than this backend"));
        }
        let spec = spec.clone();
        self.call("defining a domain", move |session, desk| {
            domain::define(session, &desk.config, &spec, desk.accelerated(session)?)?;
            desk.ownership.forget(spec.uuid);
            Ok(())
        })
        .await
    }

    async fn definition(&self, uuid: Uuid) -> Result<Option<Definition>> {
        self.call("reading a definition", move |session, desk| definition::of(session, &desk.config, uuid)).await
    }

    async fn attach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: DefinitionDigest) -> Result<Definition> {
        let volume = volume.clone();
        self.call("attaching a disk", move |session, desk| attach::attach(session, &desk.config, uuid, &volume, rest))
            .await
    }

    async fn detach_disk(&self, uuid: Uuid, volume: &VolumeName, rest: Option<DefinitionDigest>) -> Result<Definition> {
        let volume = volume.clone();
        self.call("detaching a disk", move |session, desk| attach::detach(session, &desk.config, uuid, &volume, rest))
            .await
    }

    async fn undefine(&self, uuid: Uuid) -> Result<()> {
        self.call("undefining a domain", move |session, desk| {
            domain::undefine(session, &desk.config, uuid)?;
            desk.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn adoptable(&self) -> Result<Vec<ForeignDomain>> {
        self.call("listing domains that can be adopted", |session, desk| adopt::adoptable(session, desk.config.desk))
            .await
    }

    async fn adopt(&self, uuid: Uuid) -> Result<()> {
        self.call("adopting a domain", move |session, desk| {
            adopt::adopt(session, desk.config.desk, uuid)?;
            desk.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn release(&self, uuid: Uuid) -> Result<()> {
        self.call("releasing a domain", move |session, desk| {
            adopt::release(session, desk.config.desk, uuid)?;
            desk.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn reclaim(&self, uuid: Uuid) -> Result<()> {
        self.call("setting the tag of a domain again", move |session, desk| {
            adopt::reclaim(session, desk.config.desk, uuid)?;
            desk.ownership.forget(uuid);
            Ok(())
        })
        .await
    }

    async fn start(&self, uuid: Uuid) -> Result<Start> {
        self.domain_of_desk("starting a domain", uuid, |_, domain| domain::start(domain)).await
    }

    async fn shutdown(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("shutting a domain down", uuid, |_, domain| domain::shutdown(domain)).await
    }

    async fn stop(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("stopping a domain", uuid, |_, domain| domain::stop(domain)).await
    }

    async fn resume(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("resuming a domain", uuid, |_, domain| domain::resume(domain)).await
    }

    async fn discard_saved(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("discarding a saved state", uuid, |_, domain| domain::discard_saved(domain)).await
    }

    async fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.domain_of_desk("rebooting a domain", uuid, |_, domain| domain::reboot(domain)).await
    }

    async fn domain(&self, uuid: Uuid) -> Result<Option<Domain>> {
        self.call("reading a domain", move |session, desk| stats::one(session, desk.config.desk, uuid)).await
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        let desk = Arc::clone(&self.desk);
        let list = move |session: &Session| stats::domains(session, desk.config.desk, &desk.ownership);
        self.connector.look("listing domains", list).await
    }

    async fn addresses(&self, uuid: Uuid) -> Result<Vec<IpAddr>> {
        self.domain_of_desk("reading addresses", uuid, addresses::addresses).await
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        self.call("reading leases", |session, desk| network::leases(&network::network(session, &desk.config.network)?))
            .await
    }

    async fn console_tail(&self, uuid: Uuid, limit: usize) -> Result<Vec<u8>> {
        self.call("reading a console", move |session, desk| {
            owner::require(session, desk.config.desk, uuid)?;
            let pool = storage::pool(session, &desk.config.pool)?;
            content::supported(session)?;
            console::tail(session, &pool, &console::name(uuid), limit)
        })
        .await
    }
}
