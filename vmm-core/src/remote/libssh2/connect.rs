//! From an address to an encrypted session.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use ssh2::{MethodType, Session};

use super::error::Cause;
use super::host_key;
use super::limits::{Limits, time_left};
use super::link::Link;
use crate::model::HostKey;

/// No group exchange: there the server chooses the modulus, and with it how long the client computes.
const KEY_EXCHANGE: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
                            diffie-hellman-group16-sha512,diffie-hellman-group14-sha256";
/// The one that costs libssh2 least goes first: it hands AES to OpenSSL 16 bytes at a time, and ChaCha20 a packet at a
/// time.
const CIPHERS: &str =
    "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes128-ctr";
const MACS: &str = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

/// After so much silence the other side's kernel is asked for a sign of life. In all a machine may be frozen for half a
/// minute, as it is while it is saved or moved.
const SILENCE: Duration = Duration::from_secs(15);
const BETWEEN_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// Opens the connection.
pub(super) fn tcp(address: SocketAddr, until: Instant, limit: Duration) -> Result<Arc<TcpStream>, Cause> {
    let left = time_left(until)?;
    let socket = TcpStream::connect_timeout(&address, left.min(limit.max(Duration::from_millis(1))))
        .map_err(|error| time_left(until).err().unwrap_or(Cause::Io(error)))?;
    socket.set_nodelay(true)?;
    socket.set_nonblocking(true)?;
    notice_death(&socket)?;
    Ok(Arc::new(socket))
}

/// Lets the kernel end the connection when the other side is gone, also while a command says nothing for long.
fn notice_death(socket: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(socket, BETWEEN_PROBES)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    let unanswered = SILENCE + BETWEEN_PROBES * PROBES;
    sockopt::set_tcp_user_timeout(socket, u32::try_from(unanswered.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Exchanges keys. The server's host key is not yet judged. So long it has later to begin giving its files.
pub(super) fn ssh(
    socket: Arc<TcpStream>,
    limits: Limits,
    beginning: Duration,
    expected: Option<&HostKey>,
) -> Result<Link, Cause> {
    let mut session = Session::new()?;
    session.method_pref(MethodType::Kex, KEY_EXCHANGE)?;
    session.method_pref(MethodType::HostKey, &host_key::preference(expected))?;
    for (method, preference) in [
        (MethodType::CryptCs, CIPHERS),
        (MethodType::CryptSc, CIPHERS),
        (MethodType::MacCs, MACS),
        (MethodType::MacSc, MACS),
    ] {
        session.method_pref(method, preference)?;
    }
    session.set_tcp_stream(Arc::clone(&socket));
    let link = Link::new(session.clone(), socket, limits, beginning);
    link.drive(|| session.handshake())?;
    Ok(link)
}
