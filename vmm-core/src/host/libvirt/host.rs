//! The host: its name, its figures and its capabilities.

use super::config::LibvirtConfig;
use super::connection::{Driver, Session};
use super::error::Result;
use super::{network, storage};
use crate::host::{Capabilities, Host};

pub(super) fn host(session: &Session, config: &LibvirtConfig, accelerated: bool) -> Result<Host> {
    let node = session.connect.node_info()?;
    let storage_pool = storage::pool(session, &config.pool)?;
    let pool = storage_pool.info()?;
    let network = network::network(session, &config.network)?;
    let domains = session.connect.list_all_domains(0)?;
    let real = session.driver == Driver::Qemu;
    Ok(Host {
        pool: format!("{} ({})", config.pool, storage_pool.uuid_string()?),
        hypervisor: format!("{} {}", session.connect.driver_type()?, version(session.connect.hyp_version()?)),
        accelerated,
        pool_capacity: pool.capacity,
        pool_available: pool.available,
        subnet: network::subnet(&network)?,
        address_pool: network::address_pool(&network)?,
        domain_names: domains.iter().map(virt::domain::Domain::name).collect::<Result<_, _>>()?,
        capabilities: Capabilities {
            volume_content: real,
            volume_resize: real,
            disk_attachment: real,
            reservations: true,
            console: real && config.console_log,
            statistics: real,
        },
        ..Host::new(session.connect.hostname()?, node.cpus, node.memory / 1024)
    })
}

/// libvirt's number of a version: a million for the major and a thousand for the minor one.
fn version(number: u32) -> String {
    format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000)
}

/// Returns whether libvirt offers KVM, which does not mean that guests run on it.
pub(super) fn advertises_kvm(session: &Session) -> Result<bool> {
    let xml = session.connect.capabilities()?;
    let document = roxmltree::Document::parse(&xml)?;
    let kvm = |node: roxmltree::Node<'_, '_>| node.has_tag_name("domain") && node.attribute("type") == Some("kvm");
    Ok(document.descendants().any(kvm))
}
