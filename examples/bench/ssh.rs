//! Commands and files over SSH, in turns with what people use for it today.
//!
//! Our side runs in a process of its own too (`bench ssh-client`), so that what it takes of CPU and memory is its own.

mod client;
mod files;
mod hosts;
mod many;
mod one;
mod other;
mod process;

use std::time::Duration;

pub(crate) use client::main as client;

/// The extent of the measurements. With `VMM_BENCH_SMALL` set, it is so small that it only shows that the benchmark
/// works.
struct Scale {
    runs: usize,
    /// Runs of what takes milliseconds.
    short_runs: usize,
    hosts: usize,
    /// Of the big file, in bytes.
    big_file: u64,
    small_files: usize,
}

impl Scale {
    fn of_environment() -> Self {
        if std::env::var_os("VMM_BENCH_SMALL").is_some() {
            Self { runs: 1, short_runs: 3, hosts: 20, big_file: 16 << 20, small_files: 20 }
        } else {
            Self { runs: 5, short_runs: 51, hosts: 500, big_file: 1 << 30, small_files: 1000 }
        }
    }
}

pub(crate) async fn run(wanted: impl Fn(&str) -> bool) {
    let scale = Scale::of_environment();
    // A server in this process has two ends of pipe and socket for each connection.
    vmm_testkit::load::allow_connections(scale.hosts as u64 * 4).expect("so many open files are allowed");
    if wanted("ssh-one") {
        one::run(&scale).await;
    }
    if wanted("ssh-many") {
        many::loopback(&scale).await;
        many::light(&scale).await;
    }
    if wanted("ssh-files") {
        files::big(&scale).await;
    }
    if wanted("ssh-small") {
        files::small(&scale).await;
    }
}

/// A line of the table: our median, a peer's, and how they should compare.
fn compare(what: &str, own: &mut [Duration], peer: &str, theirs: &mut [Duration], at_most: f64) {
    super::show(what, own, Some(theirs));
    let ratio = super::median(own).as_secs_f64() / super::median(theirs).as_secs_f64();
    note(&format!("peer: {peer}; at most {at_most:.2}"), ratio <= at_most);
}

/// A line of the table: what was used at the most of something.
fn bound(what: &str, bytes: u64, at_most: u64) {
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    println!("{what:<52} {:>4} {:>12}", "", mebibytes(bytes));
    note(&format!("at most {}", mebibytes(at_most)), bytes <= at_most);
}

fn note(target: &str, reached: bool) {
    println!("  {target}{}", if reached { "" } else { "  NOT REACHED" });
}
