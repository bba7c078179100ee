//! Machines.

use vmm_core::model::{Disk, Page, Vm, VmId, VmStatus};

use super::table::table;
use super::{code, escape};
use crate::talk::dialogue::{Intent, Switch};
use crate::talk::reply::{Reply, Wish};

/// The number of machine buttons in a row.
const ROW: usize = 2;
/// The longest description that is shown, in characters.
const DESCRIPTION: usize = 1000;

/// A page of machines, each with a button for its card. `after` and `trail` say where the page is.
pub(crate) fn list(page: &Page<Vm, VmId>, after: Option<i64>, trail: Vec<Option<i64>>) -> Reply {
    if page.items.is_empty() {
        return Reply::text(if after.is_none() {
            "There are no machines yet. Send /request to ask for some."
        } else {
            "There are no more machines."
        });
    }
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let text = format!("<b>Machines</b>, page {}\n<pre>{}</pre>", trail.len() + 1, escape(table(&rows).trim_end()));
    let card = |vm: &Vm| (vm.name.to_string(), Intent::Card { vm: vm.name.to_string() });
    let mut rows: Vec<_> = page.items.chunks(ROW).map(|vms| vms.iter().map(card).collect()).collect();
    rows.push(turning(page.next.map(|id| id.0), after, trail));
    Reply::text(text).rows(rows)
}

/// Buttons to the pages before and behind.
fn turning(next: Option<i64>, after: Option<i64>, trail: Vec<Option<i64>>) -> Vec<Wish> {
    let mut buttons = Vec::new();
    if let Some((before, rest)) = trail.split_last() {
        buttons.push(("« Back".to_owned(), Intent::Page { after: *before, trail: rest.to_vec() }));
    }
    if next.is_some() {
        let trail = trail.into_iter().chain([after]).collect();
        buttons.push(("More »".to_owned(), Intent::Page { after: next, trail }));
    }
    buttons
}

fn row(vm: &Vm) -> Vec<String> {
    vec![format!("{} {}", mark(vm.status), vm.name), vm.ip.map(|ip| ip.to_string()).unwrap_or_default()]
}

fn mark(status: VmStatus) -> &'static str {
    match status {
        VmStatus::On => "🟢",
        VmStatus::Off => "⚪",
        VmStatus::Saved => "💾",
        VmStatus::Paused => "⏸",
        VmStatus::Unknown => "❔",
        VmStatus::Request => "🕓",
    }
}

/// The machine's state, with what happened and what to do where that is not plain.
fn state(vm: &Vm) -> String {
    match vm.status {
        VmStatus::On | VmStatus::Off | VmStatus::Request => vm.status.to_string(),
        VmStatus::Saved | VmStatus::Paused | VmStatus::Unknown => {
            let advice = vm.state().advice();
            advice.strip_prefix("is ").unwrap_or(&advice).to_owned()
        }
    }
}

/// One machine, with buttons to switch it where that may be done.
pub(crate) fn card(vm: &Vm, disks: &[Disk], trusted: bool) -> Reply {
    let mut lines = vec![
        format!("{} <b>{}</b> is {}", mark(vm.status), escape(vm.name.as_str()), escape(&state(vm))),
        format!("{} vCPU, {} MiB memory", vm.vcpu, vm.memory),
    ];
    let sizes: Vec<_> = disks.iter().map(|disk| format!("{} GiB", disk.disk_size)).collect();
    if !sizes.is_empty() {
        lines.push(format!("Disks: {}", sizes.join(", ")));
    }
    lines.extend(vm.ip.map(|ip| format!("Address: {}", code(ip))));
    lines.extend(vm.group_name.as_ref().map(|group| format!("Group: {}", code(group))));
    if !vm.description.is_empty() {
        let shown: String = vm.description.chars().take(DESCRIPTION).collect();
        lines.push(format!("<i>{}</i>", escape(&shown)));
    }
    let switch =
        |switch: &Switch| (switch.button().to_owned(), Intent::Ask { vm: vm.name.to_string(), switch: *switch });
    let offered = if trusted { Switch::offered(vm.state()) } else { &[] };
    let monitor = ("Monitor".to_owned(), Intent::Monitor { vm: vm.name.to_string() });
    let refresh = ("Refresh".to_owned(), Intent::Card { vm: vm.name.to_string() });
    let all = ("All machines".to_owned(), Intent::Page { after: None, trail: Vec::new() });
    let command = ("Run a command".to_owned(), Intent::Command { vm: vm.name.to_string() });
    let commands = (trusted && vm.status == VmStatus::On).then_some(command);
    let rows = vec![offered.iter().map(switch).collect(), commands.into_iter().collect(), vec![monitor, refresh, all]];
    Reply::text(lines.join("\n")).rows(rows)
}
