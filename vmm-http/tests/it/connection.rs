//! Everything that a client could drag out has an end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use vmm_core::Budget;
use vmm_http::{ConnectionLimits, Limits};

use crate::app::{App, Who};

const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(60);
const GET: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: vmm\r\n\r\n";

/// A server all of whose deadlines are long but for those that `set` shortens.
async fn app(set: impl FnOnce(&mut ConnectionLimits)) -> App {
    let mut limits = ConnectionLimits::default();
    (limits.header_deadline, limits.idle_deadline, limits.stall_deadline) = (LONG, LONG, LONG);
    set(&mut limits);
    App::behind(Limits::default(), limits).await
}

async fn connect(app: &App) -> TcpStream {
    TcpStream::connect(app.address).await.unwrap()
}

/// Waits until the server closes; gives what it said before.
async fn closed(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is a close too.
    let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a byte at a time for as long as the server takes it.
async fn drip(socket: &mut TcpStream) {
    let dripping = async {
        while socket.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 8).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("the server closes the connection");
}

#[tokio::test]
async fn a_head_that_does_not_come_or_comes_by_drips_is_given_up() {
    let app = app(|limits| limits.header_deadline = SHORT).await;
    let mut silent = connect(&app).await;
    let mut dripping = connect(&app).await;
    dripping.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let began = Instant::now();
    tokio::join!(drip(&mut dripping), async { assert_eq!(closed(&mut silent).await, "") });
    assert!(began.elapsed() < PATIENCE / 4);
}

#[tokio::test]
async fn a_kept_connection_may_idle_but_not_begin_a_further_head_and_stall() {
    let app = app(|limits| limits.header_deadline = SHORT).await;
    let mut socket = connect(&app).await;
    for _ in 0..2 {
        socket.write_all(GET).await.unwrap();
        let mut answer = vec![0; 1024];
        let count = socket.read(&mut answer).await.unwrap();
        assert!(answer[..count].starts_with(b"HTTP/1.1 200 "));
        // Longer than a head may take: the deadline of a head does not run while nothing of it came.
        assert!(timeout(2 * SHORT, socket.read(&mut answer)).await.is_err(), "an idle connection is kept");
    }
    socket.write_all(b"GET").await.unwrap();
    assert_eq!(closed(&mut socket).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_the_end() {
    let app = app(|limits| limits.idle_deadline = SHORT).await;
    let mut socket = connect(&app).await;
    // What came of a further head together with the first request does not keep it open.
    socket.write_all(&[GET, b"GET"].concat()).await.unwrap();
    assert!(closed(&mut socket).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_that_stalls_or_drips_is_given_up_in_chunks_too() {
    let app = app(|limits| limits.stall_deadline = SHORT).await;
    let head = "POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\n";
    for framing in ["Content-Length: 10000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n2000\r\n"] {
        let (mut silent, mut dripping) = (connect(&app).await, connect(&app).await);
        for socket in [&mut silent, &mut dripping] {
            socket.write_all(format!("{head}{framing}").as_bytes()).await.unwrap();
        }
        tokio::join!(drip(&mut dripping), closed(&mut silent));
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let app = app(|limits| limits.stall_deadline = SHORT).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(app.address).await.unwrap();
    // More than the buffers of both sides hold, asked for without reading any of it.
    let asking = async {
        let ask = b"GET /openapi.json HTTP/1.1\r\nHost: vmm\r\n\r\n".repeat(64);
        while socket.write_all(&ask).await.is_ok() {}
    };
    timeout(PATIENCE, asking).await.expect("the server closes the connection");
}

#[tokio::test]
async fn the_longest_life_of_a_connection_can_be_set() {
    let app = app(|limits| limits.lifetime = Some(SHORT)).await;
    let mut socket = connect(&app).await;
    assert_eq!(closed(&mut socket).await, "");
}

#[tokio::test]
async fn a_connection_over_the_cap_waits_until_there_is_room() {
    let app = app(|limits| limits.connections = 2).await;
    // One is the client's that made the accounts.
    let mut first = connect(&app).await;
    first.write_all(GET).await.unwrap();
    let mut answer = [0; 1024];
    assert!(first.read(&mut answer).await.unwrap() > 0);
    let mut second = connect(&app).await;
    second.write_all(GET).await.unwrap();
    assert!(timeout(SHORT, second.read(&mut answer)).await.is_err(), "there is no room");
    drop(first);
    let count = timeout(PATIENCE, second.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..count].starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_gets_its_answer() {
    let app = app(|_| {}).await;
    let mut socket = connect(&app).await;
    let head =
        "POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..500 {
        // It sends on without looking for an answer, until it may not.
        if socket.write_all(&[b'x'; 100_000]).await.is_err() {
            break;
        }
    }
    let answer = closed(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
}

#[tokio::test]
async fn slow_bodies_take_no_place_from_others() {
    let app = App::with_budgets(|limits| limits.set_all(Budget::Requests, 1)).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut socket = connect(&app).await;
        socket.write_all(b"POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Length: 100\r\n\r\n{").await.unwrap();
        slow.push(socket);
    }
    assert_eq!(app.get(Who::Root, "/db/os").await.status, 200);
}

#[tokio::test]
async fn bodies_held_at_once_are_bounded() {
    let app = App::with_budgets(|limits| {
        limits.set_share(Budget::Bodies, 1000);
        limits.set_share(Budget::SignInBodies, 1000);
    })
    .await;
    let long = json!({"name": "alice", "password": "x".repeat(2000)});
    app.send(None, "POST", "/session", Some(long.clone())).await.assert_problem(429);
    app.call(Who::Alice, "POST", "/request-vm/preview", Some(long)).await.assert_problem(429);
    assert_eq!(app.get(Who::Alice, "/db/os").await.status, 200, "what was held is given back");
}

#[tokio::test]
async fn a_head_of_more_than_64_kib_is_refused() {
    let app = app(|_| {}).await;
    for (kib, status) in [(60, 200), (66, 431), (100, 431)] {
        let mut socket = connect(&app).await;
        let long = "x".repeat(kib << 10);
        let head = format!("GET /healthz HTTP/1.1\r\nHost: vmm\r\nConnection: close\r\nX-Long: {long}\r\n\r\n");
        // A server that has refused it need not take all of it.
        let _ = socket.write_all(head.as_bytes()).await;
        let answer = closed(&mut socket).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{kib} KiB: {answer}");
    }
}
