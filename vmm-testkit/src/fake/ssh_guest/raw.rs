//! Servers that never come to an encrypted session.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::Evil;

const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.2\r\n";
const DRIP: Duration = Duration::from_millis(20);
/// `SSH_MSG_KEXINIT`.
const KEY_EXCHANGE: u8 = 20;
/// The offered algorithms: key exchange, host key, and both directions' ciphers, checksums, compression and language.
const OFFER: [&str; 10] = [
    "curve25519-sha256",
    "ssh-ed25519",
    "aes256-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-256",
    "none",
    "none",
    "",
    "",
];

/// Does so until the client is gone.
pub(super) async fn serve(socket: TcpStream, evil: Evil) {
    let (mut reading, writing) = socket.into_split();
    let mut ignored = tokio::io::sink();
    tokio::select! {
        _ = tokio::io::copy(&mut reading, &mut ignored) => {}
        _ = talk(writing, evil) => {}
    }
    // What is unread when a socket closes breaks the connection before the client has read to its end.
    let _ = reading.read(&mut [0; 1024]).await;
}

async fn talk(mut socket: OwnedWriteHalf, evil: Evil) -> io::Result<Infallible> {
    match evil {
        Evil::SlowBanner => {
            socket.write_all(b"SSH-2.0-").await?;
            loop {
                socket.write_all(b"x").await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        Evil::HugePacket => {
            socket.write_all(BANNER).await?;
            socket.write_all(&u32::MAX.to_be_bytes()).await?;
            loop {
                socket.write_all(&[KEY_EXCHANGE; 16 << 10]).await?;
            }
        }
        Evil::StalledKeyExchange => {
            socket.write_all(BANNER).await?;
            socket.write_all(&packet(&key_exchange())).await?;
        }
        _ => {}
    }
    std::future::pending().await
}

fn key_exchange() -> Vec<u8> {
    let mut payload = vec![KEY_EXCHANGE];
    payload.extend([7; 16]);
    for names in OFFER {
        payload.extend(u32::try_from(names.len()).unwrap_or_default().to_be_bytes());
        payload.extend(names.as_bytes());
    }
    payload.extend([0; 5]);
    payload
}

/// A packet before encryption (RFC 4253 §6): length, padding length, payload, padding.
fn packet(payload: &[u8]) -> Vec<u8> {
    let padding = 16 - (payload.len() + 5) % 8;
    let length = u32::try_from(payload.len() + 1 + padding).unwrap_or_default();
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or_default());
    packet.extend(payload);
    packet.extend(vec![0; padding]);
    packet
}
