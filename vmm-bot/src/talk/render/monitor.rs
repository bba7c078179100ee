//! Figures of a machine.

use std::fmt::Write;
use std::time::Duration;

use vmm_core::Monitor;
use vmm_core::host::{DiskStatistics, DomainState, InterfaceStatistics, Statistics};

use super::{code, escape};
use crate::talk::dialogue::Intent;
use crate::talk::reply::Reply;

/// The largest numbers of disks, network interfaces and addresses that fit under a picture.
const DISKS: usize = 5;
const INTERFACES: usize = 3;
const ADDRESSES: usize = 3;
/// The longest name of a device that is shown, in characters.
const DEVICE: usize = 15;

/// Renders the figures of a machine, with the picture of its last hour if there is one.
pub(crate) fn figures(monitor: &Monitor, picture: Option<Vec<u8>>) -> Reply {
    let vm = || monitor.vm.name.to_string();
    let refresh = ("Refresh".to_owned(), Intent::Monitor { vm: vm() });
    let card = ("Show the machine".to_owned(), Intent::Card { vm: vm() });
    let reply = Reply::text(caption(monitor)).rows(vec![vec![refresh, card]]);
    match picture {
        Some(picture) => reply.photo(format!("{}.png", monitor.vm.name), picture),
        None => reply,
    }
}

/// Renders the caption of a machine's picture.
fn caption(monitor: &Monitor) -> String {
    let mut lines = vec![state(monitor)];
    if let Some(load) = monitor.cpu_percent {
        lines.push(format!("CPU: {load:.1} % of {} vCPU", monitor.vm.vcpu));
    }
    lines.extend(memory(&monitor.statistics));
    shown(&mut lines, &monitor.statistics.disks, DISKS, "disks", disk);
    shown(&mut lines, &monitor.statistics.interfaces, INTERFACES, "network interfaces", interface);
    if !monitor.addresses.is_empty() {
        let addresses: Vec<_> = monitor.addresses.iter().take(ADDRESSES).map(code).collect();
        let label = if addresses.len() == 1 { "Address" } else { "Addresses" };
        lines.push(format!("{label}: {}{}", addresses.join(" "), more(monitor.addresses.len(), ADDRESSES)));
    }
    lines.join("\n")
}

fn state(monitor: &Monitor) -> String {
    let (mark, state) = match monitor.state {
        Some(DomainState::Running) => ("🟢", "is running".to_owned()),
        Some(DomainState::Paused(_)) => ("⏸", format!("is {}", monitor.vm.state())),
        Some(DomainState::Stopping) => ("🟡", "is shutting down".to_owned()),
        Some(DomainState::Off) => ("⚪", "is off".to_owned()),
        Some(DomainState::Saved) => ("💾", "is saved".to_owned()),
        Some(DomainState::Crashed) => ("🔴", "has crashed".to_owned()),
        Some(DomainState::Unknown) | None => ("❔", format!("is {}", monitor.vm.state())),
    };
    let state = escape(&state);
    let mut line = format!("{mark} <b>{}</b> {state}", escape(monitor.vm.name.as_str()));
    if let Some(uptime) = monitor.uptime {
        // Writing to a text does not fail.
        let _ = write!(line, ", up {}", span(uptime));
    }
    line
}

fn memory(figures: &Statistics) -> Option<String> {
    let mib = |kib: u64| kib.div_ceil(1024);
    match figures.memory_unused {
        _ if figures.memory_current == 0 => None,
        Some(unused) => {
            let used = figures.memory_current.saturating_sub(unused);
            Some(format!("Memory: {} of {} MiB used", mib(used), mib(figures.memory_current)))
        }
        None => Some(format!(
            "Memory: {} MiB, the host spends {}",
            mib(figures.memory_current),
            mib(figures.memory_resident)
        )),
    }
}

fn disk(disk: &DiskStatistics) -> String {
    let name = device(&disk.name);
    let size = match disk.capacity {
        0 => String::new(),
        capacity => format!("{}, {} stored, ", bytes(capacity), bytes(disk.allocation)),
    };
    format!("{name}: {size}{} read, {} written", bytes(disk.read), bytes(disk.written))
}

fn interface(interface: &InterfaceStatistics) -> String {
    format!("{}: {} in, {} out", device(&interface.name), bytes(interface.received), bytes(interface.sent))
}

fn shown<T>(lines: &mut Vec<String>, devices: &[T], most: usize, kind: &str, line: impl Fn(&T) -> String) {
    lines.extend(devices.iter().take(most).map(line));
    if devices.len() > most {
        lines.push(format!("… and {} more {kind}", devices.len() - most));
    }
}

fn more(all: usize, most: usize) -> String {
    if all > most { format!(" and {} more", all - most) } else { String::new() }
}

fn device(name: &str) -> String {
    let short: String = name.chars().take(DEVICE).collect();
    code(short)
}

/// A length of time in its two largest context.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Renders a number of bytes in the largest unit that leaves at least one.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (number as f64, "B");
    for next in UNITS {
        // What would be rounded up to 1,024 belongs to the next unit.
        if value < 1023.95 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    let text = format!("{value:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use vmm_testkit::fixture::TestDesk;

    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0, 1023, 1024, 1536, 1_048_575, 20 << 30, 5 << 40].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1 MiB", "20 GiB", "5 TiB"]);
        let shown = [0, 59, 60, 3_599, 3_600, 86_399, 90_000].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(shown, ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 1 h"]);
    }

    #[tokio::test]
    async fn as_much_as_can_be_fits_under_a_picture() {
        let desk = TestDesk::new().await;
        let name = "w".repeat(63);
        let vm = desk.provision("r1", &format!("name,os,memory\n{name},debian:12,2048\n")).await.remove(0);
        let mut monitor = desk.vmm.monitor(&desk.user, &vm.name).await.expect("an answer");
        let mut disk = DiskStatistics::default();
        (disk.name, disk.read, disk.written) = ("<d>".repeat(40), u64::MAX, u64::MAX);
        (disk.capacity, disk.allocation) = (u64::MAX, u64::MAX);
        let mut interface = InterfaceStatistics::default();
        (interface.name, interface.received, interface.sent) = ("&".repeat(99), u64::MAX, u64::MAX);
        monitor.statistics.disks = vec![disk; 26];
        monitor.statistics.interfaces = vec![interface; 9];
        monitor.statistics.memory_current = u64::MAX;
        monitor.uptime = Some(Duration::from_secs(u64::MAX));
        monitor.addresses = vec![std::net::Ipv6Addr::from(u128::MAX).into(); 30];
        let caption = caption(&monitor);
        let text = caption
            .replace("<code>", "")
            .replace("</code>", "")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        assert!(text.encode_utf16().count() <= 1024, "{} {text}", text.encode_utf16().count());
        for part in ["and 27 more", "and 21 more disks", "and 6 more network", "&lt;d&gt;"] {
            assert!(caption.contains(part), "{part} {caption}");
        }
    }
}
