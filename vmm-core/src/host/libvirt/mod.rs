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
mod parts;
mod probe;
mod progress;
mod stats;
mod storage;
mod usage;
mod xml;

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

pub use self::config::LibvirtConfig;
pub use crate::config::VirtType;

use self::connection::{Connector, Session};
use self::error::Failure;
use self::stats::Ownership;
use crate::error::Result;

/// One libvirt host. It is connected to when it is first used, and again whenever the connection was lost.
#[derive(Clone)]
pub struct LibvirtHypervisor {
    connector: Arc<Connector>,
    context: Arc<Context>,
    /// Held by an import: of two at once each would take the other's half for a left-over.
    importing: Arc<tokio::sync::Mutex<()>>,
}

/// The context of operations, besides a connection.
struct Context {
    config: LibvirtConfig,
    ownership: Ownership,
    accelerated: Mutex<Option<bool>>,
}

impl Context {
    /// Returns whether guests run on hardware virtualisation, which is tried once in the life of this process.
    fn accelerated(&self, session: &Session) -> Result<bool, Failure> {
        let mut known = self.accelerated.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(answer) => Ok(answer),
            None => Ok(*known.insert(probe::accelerated(session, &self.config)?)),
        }
    }
}

impl LibvirtHypervisor {
    /// Makes the backend of a host, which is not connected to yet.
    pub fn new(config: LibvirtConfig) -> Self {
        Self {
            connector: Arc::new(Connector::new(&config)),
            context: Arc::new(Context { config, ownership: Ownership::default(), accelerated: Mutex::default() }),
            importing: Arc::default(),
        }
    }

    /// Runs an operation on a connection.
    async fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        operation: impl Fn(&Session, &Context) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let context = Arc::clone(&self.context);
        self.connector.call(doing, move |session| operation(session, &context)).await
    }

    /// Runs an operation on the pool.
    async fn pool<T: Send + 'static>(
        &self,
        doing: &'static str,
        operation: impl Fn(&Session, &virt::storage_pool::StoragePool) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.call(doing, move |session, context| operation(session, &storage::pool(session, &context.config.pool)?))
            .await
    }

    /// Runs an operation on a domain of this desk.
    async fn domain_of_desk<T: Send + 'static>(
        &self,
        doing: &'static str,
        uuid: Uuid,
        operation: impl Fn(&Session, &virt::domain::Domain) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.call(doing, move |session, context| {
            operation(session, &owner::require(session, context.config.desk, uuid)?)
        })
        .await
    }
}
