//! Where a request comes from.

use std::net::IpAddr;
use std::sync::Arc;

use poem::Request;

use crate::server::limits::Limits;

/// The proxies whose word is taken for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Arc<[IpAddr]>);

impl From<&Limits> for TrustedProxies {
    fn from(limits: &Limits) -> Self {
        Self(limits.trusted_proxies.iter().map(IpAddr::to_canonical).collect())
    }
}

/// The address on the other side of the connection, or the one that a trusted proxy there names.
pub(crate) fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr()?.ip().to_canonical();
    let trusted = request.data::<TrustedProxies>().is_some_and(|proxies| proxies.0.contains(&peer));
    // A proxy adds the address that it sees at the end; what stands before it is the client's own word.
    let named = request.headers().get_all("x-forwarded-for").into_iter().next_back();
    let named = named.and_then(|named| named.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    Some(named.filter(|_| trusted).unwrap_or(peer))
}
