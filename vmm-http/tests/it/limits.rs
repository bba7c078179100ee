//! The limits on the cost of one client.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vmm_http::Limits;

use crate::app::App;

/// Sends raw bytes and reads until the server closes or falls silent.
async fn exchange(app: &App, parts: &[&[u8]]) -> String {
    let mut socket = TcpStream::connect(app.address).await.unwrap();
    for part in parts {
        // The server may have answered and closed already.
        if socket.write_all(part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(Ok(count @ 1..)) = tokio::time::timeout(Duration::from_secs(5), socket.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..count]);
        if answer.ends_with(b"}") {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_by_its_declared_length() {
    let app = App::new().await;
    let head =
        b"POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\nContent-Length: 209715200\r\n\r\n";
    let answer = exchange(&app, &[head]).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_when_it_comes_in_chunks() {
    let app = App::new().await;
    let head =
        b"POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunk = b"10000\r\n".to_vec();
    chunk.resize(chunk.len() + 0x1_0000, b'x');
    chunk.extend_from_slice(b"\r\n");
    let parts: Vec<_> = std::iter::once(head.as_slice()).chain(std::iter::repeat_n(chunk.as_slice(), 33)).collect();
    let answer = exchange(&app, &parts).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let mut limits = Limits::default();
    limits.body_deadline = Duration::from_millis(200);
    let app = App::with(limits).await;
    let head = b"POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let answer = exchange(&app, &[head]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}
