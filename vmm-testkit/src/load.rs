//! Clients that a server must bear, and what they cost it. For Linux, which tells of a process what it uses.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The interval at which a slow client does a little.
const DRIP: Duration = Duration::from_secs(2);
/// The size of the pieces in which a large body is sent, in bytes.
const CHUNK: usize = 64 << 10;
/// The time that a good request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The part of a call with which a slow client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// The head of its request comes byte by byte.
    Head,
    /// The body does.
    Body,
    /// It asks for more and more, and takes none of the answers.
    Read,
}

impl Slow {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Head, Self::Body, Self::Read];
}

/// Sends `number` slow clients of every kind, one after the other in the time between two drips of one. Gives how long
/// the server bore each; see [`slow`].
///
/// # Errors
/// When one of them gets no connection.
pub async fn crowd(address: SocketAddr, number: usize, patience: Duration) -> io::Result<Vec<Option<Duration>>> {
    let mut clients = JoinSet::new();
    for (index, what) in Slow::ALL.into_iter().cycle().take(number).enumerate() {
        clients.spawn(async move {
            sleep(DRIP.mul_f64(index as f64 / number as f64)).await;
            slow(address, what, patience).await
        });
    }
    clients.join_all().await.into_iter().collect()
}

/// Connects, is slow, and gives how long the server bore it; `None` if it bore it for all of `patience`.
///
/// # Errors
/// When there is no connection.
pub async fn slow(address: SocketAddr, what: Slow, patience: Duration) -> io::Result<Option<Duration>> {
    let socket = TcpSocket::new_v4()?;
    if what == Slow::Read {
        socket.set_recv_buffer_size(4096)?;
    }
    let (mut reading, mut writing) = socket.connect(address).await?.into_split();
    let began = Instant::now();
    let ended = timeout(patience, async {
        tokio::select! {
            _ = be_slow(&mut writing, what) => {}
            () = closed(&mut reading), if what != Slow::Read => {}
        }
    });
    Ok(ended.await.ok().map(|()| began.elapsed()))
}

async fn be_slow(socket: &mut OwnedWriteHalf, what: Slow) -> io::Result<Infallible> {
    let (head, drip) = match what {
        Slow::Head => ("GET /healthz HTTP/1.1\r\nHost: vmm\r\nX-Slow: ", "x".to_owned()),
        Slow::Body => ("POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Length: 1000\r\n\r\n", " ".to_owned()),
        Slow::Read => ("", "GET /openapi.json HTTP/1.1\r\nHost: vmm\r\n\r\n".repeat(8)),
    };
    socket.write_all(head.as_bytes()).await?;
    loop {
        socket.write_all(drip.as_bytes()).await?;
        sleep(DRIP).await;
    }
}

async fn closed(socket: &mut OwnedReadHalf) {
    let mut answer = [0; 1024];
    while socket.read(&mut answer).await.is_ok_and(|count| count > 0) {}
}

/// Sends a login whose body has so many bytes, in chunks of no declared length or with its length declared; gives the
/// status of the answer.
///
/// # Errors
/// When the connection breaks before there is an answer.
pub async fn flood(address: SocketAddr, bytes: usize, chunked: bool) -> io::Result<u16> {
    let (mut reading, mut writing) = TcpStream::connect(address).await?.into_split();
    let framing =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", bytes.max(1)) };
    let head = format!("POST /session HTTP/1.1\r\nHost: vmm\r\nContent-Type: application/json\r\n{framing}\r\n\r\n");
    let sending = tokio::spawn(async move {
        writing.write_all(head.as_bytes()).await?;
        let mut chunk = if chunked { format!("{CHUNK:x}\r\n").into_bytes() } else { Vec::new() };
        chunk.resize(chunk.len() + CHUNK, b' ');
        if chunked {
            chunk.extend_from_slice(b"\r\n");
        }
        for _ in 0..bytes / CHUNK {
            writing.write_all(&chunk).await?;
        }
        io::Result::Ok(writing)
    });
    let mut answer = [0; 12];
    let read = timeout(PATIENCE, reading.read_exact(&mut answer)).await.map_err(io::Error::other)?;
    sending.abort();
    read?;
    let status = std::str::from_utf8(&answer[9..]).ok().and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("not an HTTP answer"))
}

/// Logs in so many times at once, each time another account from another address, for which the server must trust the
/// client as a proxy. Gives the statuses.
///
/// # Panics
/// When an answer does not come.
pub async fn logins(address: SocketAddr, at_once: usize) -> Vec<u16> {
    let client = reqwest::Client::new();
    let mut logins = JoinSet::new();
    for number in 0..at_once {
        let login = client
            .post(format!("http://{address}/session"))
            .header("X-Forwarded-For", format!("10.0.{}.{}", number / 256, number % 256))
            .json(&json!({ "name": format!("user-{number}"), "password": "not the password" }));
        logins.spawn(async move { login.send().await.expect("an answer").status().as_u16() });
    }
    logins.join_all().await
}

/// Asks for `path` on so many connections while `meanwhile` runs; gives what that gave, and how long each answer took.
///
/// # Panics
/// When an answer is none of those that are good.
pub async fn good<T>(
    address: SocketAddr,
    path: &str,
    token: &str,
    connections: usize,
    meanwhile: impl Future<Output = T>,
) -> (T, Vec<Duration>) {
    let mut clients = JoinSet::new();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for _ in 0..connections {
        let request = reqwest::Client::new().get(format!("http://{address}{path}")).bearer_auth(token);
        let stopped = stopped.clone();
        clients.spawn(async move {
            let mut times = Vec::new();
            while !*stopped.borrow() {
                let (began, request) = (Instant::now(), request.try_clone().expect("it has no body"));
                let answer = timeout(PATIENCE, request.send()).await.expect("in time").expect("an answer");
                assert_eq!(answer.status(), 200);
                answer.bytes().await.expect("a body");
                times.push(began.elapsed());
                sleep(Duration::from_millis(5)).await;
            }
            times
        });
    }
    let value = meanwhile.await;
    stop.send_replace(true);
    let mut times = clients.join_all().await.concat();
    times.sort_unstable();
    (value, times)
}

/// The memory that a process has had in use at most since `forget_peak`, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn peak_memory(process: u32) -> io::Result<u64> {
    memory(process, "VmHWM:")
}

/// The memory that a process has in use, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_memory(process: u32) -> io::Result<u64> {
    memory(process, "VmRSS:")
}

/// The processor time of a process, with that of its children that have ended.
///
/// # Errors
/// When there is no such process.
pub fn processor_time(process: u32) -> io::Result<Duration> {
    // Linux tells user space a hundredth of a second at a time, whatever its own tick is.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // proc(5): behind the name in parentheses, fields 14 to 17 are the times of user and system, own and children's.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().skip(11).take(4));
    let ticks = fields.and_then(|fields| fields.map(|field| field.parse::<u32>().ok()).sum::<Option<u32>>());
    ticks.map(|ticks| TICK * ticks).ok_or_else(|| io::Error::other("the system does not tell"))
}

fn memory(process: u32, what: &str) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("the system does not tell"))
}

/// Lets the peak begin anew at what the process uses now, and gives that.
///
/// # Errors
/// When there is no such process, or it is another user's.
pub fn forget_peak(process: u32) -> io::Result<u64> {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
    peak_memory(process)
}

/// Lets this process have so many connections, if it may.
///
/// # Errors
/// When it may not.
pub fn allow_connections(number: u64) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = current.unwrap_or(u64::MAX).max(number + 64);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?)
}
