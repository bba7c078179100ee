//! Figures, as medians of several runs, in turns with a peer where there is one. `make bench` runs it in the lab; with
//! names as arguments (`plan`, `list`, `bot`, `boot`, `ssh-one`, `ssh-many`, `ssh-files`, `ssh-small`) only those are
//! measured.

#![expect(clippy::print_stdout, reason = "it is for people to read")]

mod boot;
mod bot;
mod list;
mod plan;
mod ssh;

use std::time::Duration;

#[tokio::main]
async fn main() {
    let asked: Vec<_> = std::env::args().skip(1).collect();
    if asked == ["ssh-client"] {
        return ssh::client().await;
    }
    println!("{:<52} {:>4} {:>12} {:>12} {:>8}", "", "runs", "median", "peer", "ratio");
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
    if wanted("plan") {
        plan::run().await;
    }
    if wanted("list") {
        list::run().await;
    }
    if wanted("bot") {
        bot::run().await;
    }
    if wanted("boot") {
        boot::run().await;
    }
    ssh::run(wanted).await;
}

/// A line of the table.
fn show(what: &str, own: &mut [Duration], peer: Option<&mut [Duration]>) {
    let runs = own.len();
    let median_own = median(own);
    let (peer, ratio) = match peer {
        Some(peer) => {
            let peer = median(peer);
            (milliseconds(peer), format!("{:.2}", median_own.as_secs_f64() / peer.as_secs_f64()))
        }
        None => (String::new(), String::new()),
    };
    println!("{what:<52} {runs:>4} {:>12} {peer:>12} {ratio:>8}", milliseconds(median_own));
}

/// The most memory that this process has had so far.
fn show_memory() {
    let peak = vmm_testkit::load::peak_memory(std::process::id()).expect("Linux tells");
    println!("  peak memory, clients included: {} MiB", peak >> 20);
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

fn median(runs: &mut [Duration]) -> Duration {
    runs.sort_unstable();
    runs[runs.len() / 2]
}
