//! Measures what a hostile crowd costs the server: bodies of 200 MB, 2,000 slow connections, 500 logins at once,
//! tables that are wrong in every cell, and accounts that hold all that they may.
//!
//! `make load` runs it in the lab, on loopback against `vmm-http serve`, built beside it. It prints a table and ends
//! with 1 if a figure is not reached. With names as arguments (`crowd`, `tables`, `budgets`, `budgets-of-20`) only
//! those parts run.

#![expect(clippy::print_stdout, reason = "it is for people to read")]

mod budgets;
mod holding;
mod server;
mod site;
mod tables;

use std::env;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use vmm_testkit::lab::Lab;
use vmm_testkit::load;

use budgets::Accounts;
use server::Server;

/// Of a login's body, in bytes.
const BODY: usize = 200_000_000;
const SLOW: usize = 2000;
const LOGINS: usize = 500;
/// Connections with good requests.
const GOOD: usize = 4;
/// The time for which the good requests are measured alone.
const QUIET: Duration = Duration::from_secs(5);
/// The longest life of a slow connection.
const BORNE: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> io::Result<ExitCode> {
    load::allow_connections(SLOW as u64 * 2)?;
    let asked: Vec<_> = env::args().skip(1).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|asked| asked == part);
    let mut table = Table { good: true };
    println!("{:<62} {:>12} {:>12}", "", "measured", "at most");
    if wanted("crowd") {
        crowd(&mut table).await?;
    }
    let lab = || Lab::from_env().ok_or_else(|| io::Error::other("there is no lab; run make load"));
    if wanted("tables") {
        tables::run(&Server::start(&lab()?, &[]).await?, &mut table).await?;
    }
    for (part, accounts) in [("budgets", Accounts::One), ("budgets-of-20", Accounts::Crowd)] {
        if wanted(part) {
            budgets::run(&lab()?, accounts, &mut table).await?;
        }
    }
    Ok(if table.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn crowd(table: &mut Table) -> io::Result<()> {
    let server = Server::start(&Lab::unreachable(), &[]).await?;
    for chunked in [false, true] {
        bodies(&server, chunked, table).await?;
    }
    slow(&server, table).await?;
    logins(&server, table).await
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
        println!("{what:<62} {measured:>12} {most:>12}{}", self.verdict(reached));
    }

    /// Notes whether a figure is reached, and says if it is not.
    fn verdict(&mut self, reached: bool) -> &'static str {
        self.good &= reached;
        if reached { "" } else { "  NOT REACHED" }
    }
}
