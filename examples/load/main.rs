//! What a hostile crowd costs the server: bodies of 200 MB, 2,000 slow connections, 500 logins at once, and accounts that
//! hold all that they may.
//!
//! `make load` runs it on loopback against `vmm-http serve`, built beside it; the accounts against a desk of fakes in its
//! own process. It prints a table and ends with 1 if a figure is not reached.

#![expect(clippy::print_stdout, reason = "it is for people to read")]

mod budgets;

use std::env;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use vmm_testkit::load;

const PASSWORD: &str = "correct horse battery";
/// Of a login's body, in bytes.
const BODY: usize = 200_000_000;
const SLOW: usize = 2000;
const LOGINS: usize = 500;
/// Connections with good requests.
const GOOD: usize = 4;
/// How long the good requests are measured alone.
const QUIET: Duration = Duration::from_secs(5);
/// How long a slow connection may last.
const BORNE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> io::Result<ExitCode> {
    load::allow_connections(SLOW as u64 * 2)?;
    let server = Server::start().await?;
    let mut table = Table { good: true };
    println!("{:<62} {:>12} {:>12}", "", "measured", "at most");
    for chunked in [false, true] {
        bodies(&server, chunked, &mut table).await?;
    }
    slow(&server, &mut table).await?;
    logins(&server, &mut table).await?;
    drop(server);
    budgets::run(&mut table).await?;
    Ok(if table.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn bodies(server: &Server, chunked: bool, table: &mut Table) -> io::Result<()> {
    let how = if chunked { "in chunks" } else { "with Content-Length" };
    let before = load::forget_peak(server.process)?;
    let status = load::flood(server.address, BODY, chunked).await?;
    let grown = load::peak_memory(server.process)?.saturating_sub(before);
    table.line(&format!("status of a login of 200 MB {how}"), status.to_string(), "413", status == 413);
    table.line("  memory grows by", mebibytes(grown), "16 MiB", grown <= 16 << 20);
    Ok(())
}

async fn slow(server: &Server, table: &mut Table) -> io::Result<()> {
    let Server { address, token, .. } = server;
    let quiet = async || load::good(*address, "/db/os", token, GOOD, tokio::time::sleep(QUIET)).await.1;
    let before = quiet().await;
    let crowd = load::crowd(*address, SLOW, BORNE + Duration::from_secs(5));
    let (borne, crowded) = load::good(*address, "/db/os", token, GOOD, crowd).await;
    let borne = borne?;
    // The machine may have something else to do now and then, so the quiet is measured on both sides.
    let mut quiet = [before, quiet().await].concat();
    quiet.sort_unstable();
    let closed = borne.iter().filter(|borne| borne.is_some_and(|borne| borne <= BORNE)).count();
    let longest = borne.iter().flatten().max().copied().unwrap_or_default();
    table.line(
        &format!("slow connections (head, body, read) of {SLOW} closed in time"),
        closed.to_string(),
        "all",
        closed == SLOW,
    );
    table.line("  the longest lasted", format!("{:.1} s", longest.as_secs_f64()), "15 s", longest <= BORNE);
    let (quiet, crowded) = (p99(&quiet), p99(&crowded));
    table.line("  p99 of good requests without them", milliseconds(quiet), "", true);
    table.line("  p99 of good requests beside them", milliseconds(crowded), "1.5 ×", crowded <= quiet.mul_f64(1.5));
    Ok(())
}

async fn logins(server: &Server, table: &mut Table) -> io::Result<()> {
    let before = load::forget_peak(server.process)?;
    let statuses = load::logins(server.address, LOGINS).await;
    let grown = load::peak_memory(server.process)?.saturating_sub(before);
    let (refused, busy) = (count(&statuses, 401), count(&statuses, 503));
    table.line(&format!("logins of {LOGINS} at once that are checked"), refused.to_string(), "", refused > 0);
    table.line("  that are told to come again", busy.to_string(), "", refused + busy == LOGINS);
    table.line("  memory grows by", mebibytes(grown), "128 MiB", grown <= 128 << 20);
    Ok(())
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|found| **found == status).count()
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

struct Table {
    good: bool,
}

impl Table {
    fn line(&mut self, what: &str, measured: String, most: &str, reached: bool) {
        self.good &= reached;
        println!("{what:<62} {measured:>12} {most:>12}{}", if reached { "" } else { "  NOT REACHED" });
    }
}

/// The program, with a desk in a temporary directory and no libvirt. Dropping it kills the program.
struct Server {
    address: SocketAddr,
    process: u32,
    token: String,
    _child: Child,
    _folder: TempDir,
}

impl Server {
    async fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut init = program(&folder, "init").arg("--password-stdin").stdin(Stdio::piped()).spawn()?;
        let mut stdin = init.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
        stdin.write_all(format!("{PASSWORD}\n").as_bytes()).await?;
        drop(stdin);
        if !init.wait().await?.success() {
            return Err(io::Error::other("vmm-http init failed"));
        }
        let mut child = program(&folder, "serve").spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
        let line = BufReader::new(out).lines().next_line().await?.unwrap_or_default();
        let address: SocketAddr =
            line.rsplit('/').next().unwrap_or_default().parse().map_err(|_| io::Error::other("it did not start"))?;
        let process = child.id().ok_or_else(|| io::Error::other("it ended"))?;
        let login = json!({ "name": "admin", "password": PASSWORD });
        let login = reqwest::Client::new().post(format!("http://{address}/session")).json(&login);
        let session: Value = login.send().await.map_err(io::Error::other)?.json().await.map_err(io::Error::other)?;
        let token = session["token"].as_str().ok_or_else(|| io::Error::other("no login"))?.to_owned();
        Ok(Self { address, process, token, _child: child, _folder: folder })
    }
}

fn program(folder: &TempDir, subcommand: &str) -> Command {
    // This program stands in `examples`, and `vmm-http` one level above.
    let own = env::current_exe().unwrap_or_default();
    let beside: PathBuf = own.parent().and_then(|examples| examples.parent()).unwrap_or(&own).join("vmm-http");
    let mut command = Command::new(beside);
    command
        .arg(subcommand)
        .env("VMM_LISTEN", "127.0.0.1:0")
        .env("VMM_DATABASE", folder.path().join("vmm.db"))
        .env("VMM_MASTER_KEY", folder.path().join("master.key"))
        .env("VMM_LIBVIRT_URI", format!("qemu+unix:///system?socket={}", folder.path().join("none").display()))
        .env("VMM_TRUSTED_PROXIES", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}
