//! The addresses of a running domain.

use std::net::IpAddr;

use roxmltree::Document;
use virt::domain::Domain;
use virt::sys;

use super::connection::{Driver, Session};
use super::error::Result;
use super::ffi::{self, Binding};

/// Seconds that a guest agent has to answer.
const AGENT: i32 = 2;

/// From the first source that knows any: the lease, the agent, the host's ARP table.
pub(super) fn addresses(session: &Session, domain: &Domain) -> Result<Vec<IpAddr>> {
    if !domain.is_active()? {
        return Ok(Vec::new());
    }
    let macs = macs(domain)?;
    let sources = [
        sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
        sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
        sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
    ];
    for source in sources {
        if source == sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT && session.driver == Driver::Qemu {
            // Refused where there is no agent, which the next call says as well.
            let _ = ffi::limit_agent(domain, AGENT);
        }
        // A source that is missing is no failure; an agent that is not installed is the usual case.
        let found = usable(&ffi::interface_addresses(domain, source).unwrap_or_default(), &macs);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// The hardware addresses of the domain's interfaces, so that a bridge inside the guest is not taken for one.
fn macs(domain: &Domain) -> Result<Vec<String>> {
    let xml = domain.xml_desc(0)?;
    let document = Document::parse(&xml)?;
    let macs = document.descendants().filter(|node| {
        node.has_tag_name("mac") && node.parent().is_some_and(|parent| parent.has_tag_name("interface"))
    });
    Ok(macs.filter_map(|mac| mac.attribute("address")).map(str::to_ascii_lowercase).collect())
}

fn usable(bindings: &[Binding], macs: &[String]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for binding in bindings.iter().filter(|binding| macs.contains(&binding.mac.to_ascii_lowercase())) {
        for address in binding.addresses.iter().filter_map(|text| text.parse().ok()).filter(is_reachable) {
            if !found.contains(&address) {
                found.push(address);
            }
        }
    }
    found
}

fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast())
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_domains_own_interfaces_that_can_be_reached_count() {
        let binding = |mac: &str, addresses: &[&str]| Binding {
            mac: mac.to_owned(),
            addresses: addresses.iter().map(ToString::to_string).collect(),
        };
        let bindings = [
            binding("52:54:00:00:00:01", &["127.0.0.1", "169.254.3.4", "192.0.2.7", "fe80::1", "2001:db8::7", "junk"]),
            binding("02:42:00:00:00:01", &["172.17.0.1"]),
            binding("52:54:00:00:00:01", &["192.0.2.7"]),
        ];
        let found = usable(&bindings, &["52:54:00:00:00:01".to_owned()]);
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.7", "2001:db8::7"]);
    }
}
