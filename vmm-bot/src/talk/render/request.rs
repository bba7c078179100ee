//! Requests for machines: what one would make, what it waits for, and the list of them.

use std::collections::BTreeSet;

use vmm_core::model::{Page, Plan, Request, RequestEvent, RequestEventKind, RequestId, RequestState, Role, Room};
use vmm_core::{Actor, Problem, Problems, RequestDraft};

use super::table::shown;
use super::{code, escape, shortened};
use crate::talk::dialogue::{Intent, RequestStep};
use crate::talk::reply::{Reply, Wish};
use crate::transport::file::Document;

/// The longest description or reason that is shown, in characters.
const LONGEST_TEXT: usize = 500;
/// The largest number of notes about cells that were read as something else than their letters say.
const NOTES: usize = 5;
/// The largest number of warnings in a message.
const WARNINGS: usize = 3;

/// The buttons that somebody gets for a pending request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) decide: bool,
    pub(crate) cancel: bool,
}

impl Rights {
    /// Those that show on buttons; what is done is up to the desk's policy.
    pub(crate) fn of(actor: &Actor, request: &Request) -> Self {
        let admin = matches!(actor, Actor::User { role: Role::Admin, .. });
        Self { decide: admin, cancel: admin || actor.user_id() == Some(request.requester) }
    }
}

/// Renders the plan of an uploaded CSV with buttons to submit it, and perhaps a file to send first.
pub(crate) fn preview(draft: &RequestDraft, document: Document, plan: &Plan, room: &Room) -> (Option<Reply>, Reply) {
    let rows: BTreeSet<_> = plan.vms.iter().map(|vm| vm.row).collect();
    let (table, file) = shown(&plan_rows(plan), &format!("{}-plan.txt", draft.id));
    let text = format!(
        "✅ {} good in {}. Press Submit to ask for these machines as request {}:\n{}{table}\n{}",
        counted(rows.len(), "row is", "rows are"),
        code(shortened(&document.name, 100)),
        code(&draft.id),
        described(&draft.description),
        summary(plan, Some(room)),
    );
    let submit = RequestStep::Submit { id: draft.id.to_string(), description: draft.description.clone(), document };
    let buttons = vec![wish("Submit", submit), wish("Discard", RequestStep::Discard)];
    (file, Reply::text(text).rows(vec![buttons]))
}

/// Everything that is wrong with an uploaded CSV, and perhaps a file to show before.
pub(crate) fn problems(document: &Document, problems: &Problems) -> (Option<Reply>, Reply) {
    let cell = |problem: &Problem| {
        let row = problem.row.map_or_else(|| "-".to_owned(), |row| row.to_string());
        vec![row, problem.field.clone(), problem.reason.clone()]
    };
    let head = ["row", "column", "problem"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(problems.iter().map(cell)).collect();
    let (table, file) = shown(&rows, "problems.txt");
    let text = format!(
        "❌ {} in {}; nothing was stored. Correct the file and send it again.{}\n{table}",
        counted(problems.total(), "problem", "problems"),
        code(shortened(&document.name, 100)),
        if problems.total() > problems.len() { format!(" The first {} are:", problems.len()) } else { String::new() },
    );
    (file, Reply::text(text))
}

/// Renders that a CSV was discarded.
pub(crate) fn discarded() -> Reply {
    Reply::text("Discarded; nothing was stored.")
}

/// A request as it is, with the buttons that make sense, and perhaps a file to show before.
pub(crate) fn card(request: &Request, room: Option<&Room>, rights: Rights) -> (Option<Reply>, Reply) {
    let (table, file) = shown(&plan_rows(&request.plan), &format!("{}-plan.txt", request.id));
    let text = format!(
        "{}\nFor {}{}\n{}{table}\n{}",
        headline(request),
        code(&request.requester_name),
        reasoned(request),
        described(&request.description),
        summary(&request.plan, room),
    );
    (file, Reply::text(text).rows(buttons(request, rights)))
}

/// Renders the decision on a request, which replaces its card.
pub(crate) fn decided(request: &Request) -> Reply {
    let text = format!("{}\nFor {}{}", headline(request), code(&request.requester_name), reasoned(request));
    Reply::text(text).rows(vec![vec![show(&request.id, "Show")]])
}

/// Renders a decision for those who learn of it by a notice, as it was at the moment of the notice.
pub(crate) fn closed(event: &RequestEvent, request: &Request) -> Reply {
    let by = event.actor_name.as_ref().map(|name| format!(" by {}", code(name))).unwrap_or_default();
    let mark = match event.kind {
        RequestEventKind::Approved => "✅",
        RequestEventKind::Rejected => "❌",
        _ => "⚪",
    };
    let (id, kind, requester) = (escape(request.id.as_str()), event.kind, code(&request.requester_name));
    let reason = event.reason.as_deref().map(reason).unwrap_or_default();
    let text = format!("{mark} <b>{id}</b> was {kind}{by}\nFor {requester}{reason}");
    Reply::text(text).rows(vec![vec![show(&request.id, "Show")]])
}

/// Requests, each with a button for its card.
pub(crate) fn list(requests: &Page<Request, RequestId>, own: bool) -> Reply {
    let whose = if own { "Your open requests" } else { "Open requests" };
    if requests.is_empty() {
        return Reply::text(if own { "You have no open requests." } else { "There are no open requests." });
    }
    let line = |request: &Request| {
        let machines = counted(request.plan.vms.len(), "machine", "machines");
        format!("{}, {machines} for {}", headline(request), code(&request.requester_name))
    };
    let mut lines: Vec<_> = requests.iter().map(line).collect();
    if requests.next.is_some() {
        lines.push("There are older ones. <code>GET /request-vm</code> lists all.".to_owned());
    }
    let rows = requests.iter().map(|request| vec![show(&request.id, request.id.as_str())]);
    Reply::text(format!("<b>{whose}</b>\n\n{}", lines.join("\n"))).rows(rows.collect())
}

/// A CSV to begin a request with.
pub(crate) fn template(csv: String) -> Reply {
    let text = "Fill in a row for each machine and send me the file. Its caption becomes the description.";
    Reply::text(text).document("request.csv", csv)
}

/// Asks why a request is to be rejected.
pub(crate) fn why(id: &RequestId) -> Reply {
    Reply::text(format!("Why do you reject {}? The requester reads your answer. /cancel stops this.", code(id)))
}

/// Renders a request in a line.
pub(crate) fn headline(request: &Request) -> String {
    let by = request.decided_by.as_ref().map(|name| format!(" by {}", code(name))).unwrap_or_default();
    let (mark, phrase) = match request.state {
        RequestState::Pending => ("🕓", "waits for an admin".to_owned()),
        RequestState::Approved => ("✅", format!("was approved{by}")),
        RequestState::Running => ("⏳", "is being made".to_owned()),
        RequestState::Done => ("✅", "is done".to_owned()),
        RequestState::Failed => ("❌", "failed".to_owned()),
        RequestState::Rejected => ("❌", format!("was rejected{by}")),
        RequestState::Cancelled => ("⚪", format!("was cancelled{by}")),
    };
    format!("{mark} <b>{}</b> {phrase}", escape(request.id.as_str()))
}

/// The machines of a plan in one line, and what there is for them in another.
fn summary(plan: &Plan, room: Option<&Room>) -> String {
    let mut lines = vec![format!(
        "{}: {} vCPU, {} memory, {} GiB disk",
        counted(plan.vms.len(), "machine", "machines"),
        plan.vcpus(),
        memory(plan.memory()),
        plan.disk(),
    )];
    lines.push(match room {
        Some(room) => format!(
            "{} has {} vCPU ({} taken), {} memory ({} taken), {} GiB disk free",
            code(&plan.host),
            room.vcpus,
            room.vcpus_taken,
            memory(room.memory),
            memory(room.memory_taken),
            room.disk_free,
        ),
        None => format!("{} has {} vCPU, {} memory", code(&plan.host), plan.seen.vcpus, memory(plan.seen.memory)),
    });
    let warnings = plan.vms.iter().flat_map(|vm| vm.warnings.iter().map(move |text| (vm, text)));
    lines.extend(plan.understood.iter().take(NOTES).map(|note| format!("ℹ️ {}", escape(note))));
    lines.extend(warnings.take(WARNINGS).map(|(vm, text)| format!("⚠️ {}: {}", code(&vm.name), escape(text))));
    lines.join("\n")
}

fn plan_rows(plan: &Plan) -> Vec<Vec<String>> {
    let head = ["row", "name", "vcpu", "memory", "disk GiB", "os", "ip"].map(str::to_owned).to_vec();
    let rows = plan.vms.iter().map(|vm| {
        let disks: Vec<_> = vm.disks.iter().map(|disk| disk.size.to_string()).collect();
        vec![
            vm.row.to_string(),
            vm.name.to_string(),
            vm.vcpu.to_string(),
            memory(vm.memory.into()),
            disks.join("+"),
            format!("{}:{}", vm.os_name, vm.os_version),
            vm.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        ]
    });
    std::iter::once(head).chain(rows).collect()
}

fn buttons(request: &Request, rights: Rights) -> Vec<Vec<Wish>> {
    let id = || request.id.to_string();
    if request.state != RequestState::Pending {
        return vec![vec![show(&request.id, "Refresh")]];
    }
    let mut rows = Vec::new();
    if rights.decide {
        let approve = RequestStep::Approve { id: id(), plan: request.plan_hash.to_string() };
        rows.push(vec![wish("Approve", approve), wish("Reject", RequestStep::Reject { id: id() })]);
    }
    if rights.cancel {
        rows.push(vec![wish("Cancel the request", RequestStep::Cancel { id: id() })]);
    }
    rows
}

fn show(id: &RequestId, label: &str) -> Wish {
    wish(label, RequestStep::Show { id: id.to_string() })
}

fn wish(label: &str, step: RequestStep) -> Wish {
    (label.to_owned(), Intent::Request(step))
}

fn described(description: &str) -> String {
    if description.is_empty() {
        return String::new();
    }
    format!("<i>{}</i>\n", escape(&shortened(description, LONGEST_TEXT)))
}

fn reasoned(request: &Request) -> String {
    request.reason.as_deref().map(reason).unwrap_or_default()
}

fn reason(text: &str) -> String {
    format!("\n{}", escape(&shortened(text, LONGEST_TEXT)))
}

/// A number of things, in words.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Memory given in MiB, in the larger unit where that is exact.
fn memory(mib: u64) -> String {
    if mib >= 1024 && mib.is_multiple_of(1024) { format!("{} GiB", mib >> 10) } else { format!("{mib} MiB") }
}
