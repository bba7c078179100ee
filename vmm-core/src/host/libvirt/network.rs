//! The network and its DHCP reservations.

use std::net::{IpAddr, Ipv4Addr};

use roxmltree::{Document, Node};
use virt::network::Network;
use virt::sys;

use super::connection::{Driver, Session};
use super::error::{Failure, Result, optional};
use super::ffi;
use super::xml::{element, find};
use crate::error::{Error, Kind, Part};
use crate::host::{AddressPool, Lease, Reservation, Subnet};
use crate::model::{MacAddress, VmName};

/// Seconds that a reserved address is leased for: the least that dnsmasq knows. It does not give an address to a new
/// machine while the lease of the old one runs.
const LEASE: u32 = 120;

const LIVE: Scope = (sys::VIR_NETWORK_UPDATE_AFFECT_LIVE, 0);
const CONFIG: Scope = (sys::VIR_NETWORK_UPDATE_AFFECT_CONFIG, sys::VIR_NETWORK_XML_INACTIVE);

/// The flags to write and to read one of a network's two descriptions.
type Scope = (sys::virNetworkUpdateFlags, sys::virNetworkXMLFlags);

/// The running network, and the definition that it is started from next time where there is one.
fn scopes(session: &Session, network: &Network) -> Result<Vec<Scope>> {
    let has_definition = session.driver == Driver::Qemu && network.is_persistent()?;
    Ok(if has_definition { vec![LIVE, CONFIG] } else { vec![LIVE] })
}

/// The network, running.
pub(super) fn network(session: &Session, name: &str) -> Result<Network> {
    let missing = |reason| Failure::from(Error::unavailable(Part::Hypervisor, reason));
    let network = optional(session.connect.lookup_network_by_name(name), sys::VIR_ERR_NO_NETWORK)?
        .ok_or_else(|| missing(format!("there is no network {name:?}; define it, or set network to another one")))?;
    if network.is_active()? {
        Ok(network)
    } else {
        Err(missing(format!("the network {name:?} is not started; start it with virsh net-start")))
    }
}

/// The first IPv4 network that it hands out addresses of.
pub(super) fn subnet(network: &Network) -> Result<Option<Subnet>> {
    let xml = network.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    Ok(document.root_element().children().find_map(parse_subnet))
}

fn parse_subnet(ip: Node<'_, '_>) -> Option<Subnet> {
    if !ip.has_tag_name("ip") {
        return None;
    }
    find(ip, &["dhcp"])?;
    let gateway = ip.attribute("address")?.parse().ok()?;
    let prefix = match (ip.attribute("prefix"), ip.attribute("netmask")) {
        (Some(prefix), _) => prefix.parse().ok()?,
        (None, Some(mask)) => u32::from(mask.parse::<Ipv4Addr>().ok()?).leading_ones() as u8,
        (None, None) => return None,
    };
    Some(Subnet { gateway, prefix })
}

/// The ranges of that network, and who has which address.
pub(super) fn address_pool(network: &Network) -> Result<Option<AddressPool>> {
    let xml = network.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let Some(dhcp) = document.root_element().children().find_map(|ip| parse_subnet(ip).and(find(ip, &["dhcp"]))) else {
        return Ok(None);
    };
    let address = |node: Node<'_, '_>, name| node.attribute(name).and_then(|text| text.parse::<Ipv4Addr>().ok());
    let ranges = dhcp.children().filter(|node| node.has_tag_name("range"));
    let ranges = ranges.filter_map(|range| address(range, "start").zip(address(range, "end"))).collect();
    let hosts = dhcp.children().filter(|node| node.has_tag_name("host"));
    let mac = |host: Node<'_, '_>| host.attribute("mac").and_then(|mac| mac.parse::<MacAddress>().ok());
    let mut taken: Vec<_> = hosts.filter_map(|host| mac(host).zip(address(host, "ip"))).collect();
    taken.extend(leases(network)?.into_iter().filter_map(|lease| match lease.address {
        IpAddr::V4(address) => Some((lease.mac, address)),
        IpAddr::V6(_) => None,
    }));
    Ok(Some(AddressPool { ranges, taken }))
}

pub(super) fn reservations(network: &Network) -> Result<Vec<Reservation>> {
    let mut all = read(network, 0)?;
    all.sort_by_key(|reservation| reservation.address);
    Ok(all)
}

/// Those that have what a machine's reservation has; an administrator may have written others.
fn read(network: &Network, flags: sys::virNetworkXMLFlags) -> Result<Vec<Reservation>> {
    let xml = network.xml_desc(flags)?;
    let document = Document::parse(&xml)?;
    let hosts = document.root_element().descendants().filter(|node| node.has_tag_name("host"));
    Ok(hosts.filter_map(parse_host).collect())
}

fn parse_host(host: Node<'_, '_>) -> Option<Reservation> {
    let mac: MacAddress = host.attribute("mac")?.parse().ok()?;
    let address = host.attribute("ip")?.parse().ok()?;
    let name = VmName::new(host.attribute("name")?).ok()?;
    Some(Reservation { mac, address, name })
}

pub(super) fn reserve(session: &Session, network: &Network, wanted: &Reservation) -> Result<()> {
    if !subnet(network)?.is_some_and(|subnet| subnet.can_assign(wanted.address)) {
        let reason = format!("{} is not an address that the network can give to a machine", wanted.address);
        return Err(Error::invalid("ip", reason).into());
    }
    for (scope, flags) in scopes(session, network)? {
        let known = read(network, flags)?;
        if let Some(other) = known.iter().find(|known| clashes(known, wanted)) {
            if other == wanted {
                continue;
            }
            return Err(taken(wanted, format!("{} is reserved for {} ({})", other.address, other.name, other.mac)));
        }
        if scope == sys::VIR_NETWORK_UPDATE_AFFECT_LIVE {
            check_lease(network, wanted)?;
        }
        update(network, sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, wanted, scope)?;
    }
    Ok(())
}

fn clashes(known: &Reservation, wanted: &Reservation) -> bool {
    known.mac == wanted.mac || known.address == wanted.address || known.name == wanted.name
}

/// The DHCP server keeps an address with who holds its lease, whatever is reserved.
fn check_lease(network: &Network, wanted: &Reservation) -> Result<()> {
    let address = wanted.address.to_string();
    let leases = given(network)?;
    let holder = leases.iter().find(|lease| lease.address == address).map(|lease| lease.mac.as_str());
    match holder {
        Some(mac) if mac.parse().ok() != Some(wanted.mac) => {
            Err(taken(wanted, format!("{address} is leased to {mac}; wait until that lease ends or take another")))
        }
        _ => Ok(()),
    }
}

/// A driver that runs nothing gives out nothing.
fn given(network: &Network) -> Result<Vec<ffi::Given>> {
    match ffi::dhcp_leases(network).map_err(Failure::from) {
        Err(failure) if failure.is(sys::VIR_ERR_NO_SUPPORT) => Ok(Vec::new()),
        leases => leases,
    }
}

/// The addresses that the network has given out, the newest first.
pub(super) fn leases(network: &Network) -> Result<Vec<Lease>> {
    let mut given = given(network)?;
    given.sort_by_key(|lease| std::cmp::Reverse(lease.expires));
    let read = |lease: ffi::Given| Some(Lease { mac: lease.mac.parse().ok()?, address: lease.address.parse().ok()? });
    Ok(given.into_iter().filter_map(read).collect())
}

fn taken(wanted: &Reservation, reason: String) -> Failure {
    Error::conflict(Kind::Vm, &wanted.name, reason).into()
}

pub(super) fn release(session: &Session, network: &Network, mac: MacAddress) -> Result<()> {
    for (scope, flags) in scopes(session, network)? {
        if let Some(known) = read(network, flags)?.iter().find(|known| known.mac == mac) {
            update(network, sys::VIR_NETWORK_UPDATE_COMMAND_DELETE, known, scope)?;
        }
    }
    Ok(())
}

fn update(
    network: &Network,
    command: sys::virNetworkUpdateCommand,
    reservation: &Reservation,
    scope: sys::virNetworkUpdateFlags,
) -> Result<()> {
    let mut host = element("host")
        .attribute("mac", reservation.mac)
        .attribute("name", &reservation.name)
        .attribute("ip", reservation.address);
    if command == sys::VIR_NETWORK_UPDATE_COMMAND_ADD_LAST {
        host = host.child(element("lease").attribute("expiry", LEASE).attribute("unit", "seconds"));
    }
    let section = sys::VIR_NETWORK_SECTION_IP_DHCP_HOST;
    match network.update(command, section, -1, &host.render(), scope).map_err(Failure::from) {
        // Somebody else was faster; the description in the message is libvirt's.
        Err(Failure::Libvirt(error)) if error.code().to_raw() == sys::VIR_ERR_OPERATION_INVALID => {
            Err(taken(reservation, error.message().to_owned()))
        }
        updated => updated,
    }
}
