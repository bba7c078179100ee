//! Runs of scripts.

use vmm_core::model::{Again, Page, Run, RunId, RunMachine, RunState, ScriptName};
use vmm_core::remote::Exit;

use super::login::logins;
use super::output::plain;
use super::script::button;
use super::table::table;
use super::{code, escape, shortened};
use crate::talk::dialogue::{Intent, Machines, RunWish, ScriptStep};
use crate::talk::reply::Reply;

/// The largest number of a run's machines in a message.
const SHOWN: usize = 30;
/// The longest output that stands in a message, in characters; a longer one is a file.
const LONGEST_OUTPUT: usize = 1500;

/// Asks on which machines.
pub(crate) fn on_which(name: &ScriptName) -> Reply {
    Reply::text(format!(
        "On which machines is {} to run? Send names or groups, like <code>web-1 @lab</code>.",
        code(name)
    ))
}

/// Renders a run that begins.
pub(crate) fn begun(name: &ScriptName) -> Reply {
    Reply::text(format!("🕓 {} is starting …", code(name)))
}

/// The newest runs, each with a button.
pub(crate) fn list(page: &Page<Run, RunId>) -> Reply {
    if page.items.is_empty() {
        return Reply::text("There are no runs yet. /scripts lists what can run.");
    }
    let line = |run: &Run| format!("{} {}", mark(run.state), headline(run));
    let text = format!("<b>Runs</b>\n{}", page.items.iter().map(line).collect::<Vec<_>>().join("\n"));
    let show = |run: &Run| button(&format!("Run {}", run.id), ScriptStep::ShowRun { run: run.id.0 });
    Reply::text(text).rows(page.items.chunks(3).map(|runs| runs.iter().map(show).collect()).collect())
}

/// A run that goes on, with its machines. The update that began it can be cancelled.
pub(crate) fn running(run: &Run, machines: &[RunMachine], update: i64) -> Reply {
    let cancel = ("Cancel".to_owned(), Intent::Cancel { update });
    Reply::text(table_of(run, machines)).rows(vec![vec![cancel]])
}

/// A run that somebody looks at; `login` says whether it had one that may be known for a time.
pub(crate) fn ended(run: &Run, machines: &[RunMachine], login: bool) -> Reply {
    let mut rows = Vec::new();
    if run.state.is_final() && machines.iter().any(|machine| Again::Nonzero.takes(machine)) {
        rows.push(vec![button("Rerun failed", ScriptStep::Run { wish: RunWish::Again { run: run.id.0 } })]);
    }
    if login && machines.iter().any(|machine| machine.state == RunState::Done) {
        rows.push(logins(&Machines::OfRun { run: run.id.0 }));
    }
    Reply::text(table_of(run, machines)).rows(rows)
}

fn table_of(run: &Run, machines: &[RunMachine]) -> String {
    let rows: Vec<_> = machines.iter().take(SHOWN).map(row).collect();
    let ill = run.state == RunState::Done && machines.iter().any(|machine| Again::Nonzero.takes(machine));
    let mark = mark(if ill { RunState::Failed } else { run.state });
    let mut text = format!("{mark} {}\n<pre>{}</pre>", headline(run), escape(table(&rows).trim_end()));
    if machines.len() > SHOWN {
        text.push_str(&format!("\n… and {} more", machines.len() - SHOWN));
    }
    text
}

/// Renders the output of a run's machines: in a message if it is short, otherwise as a file. Returns `None` without
/// output.
pub(crate) fn output(run: &Run, machines: &[RunMachine]) -> Option<Reply> {
    let mut text = String::new();
    for machine in machines {
        let Some(output) = &machine.output else { continue };
        for (stream, name) in [(&output.stdout, ""), (&output.stderr, ", standard error")] {
            if stream.total == 0 {
                continue;
            }
            text.push_str(&format!("== {}{name}\n{}", machine.name, plain(&stream.text())));
            if !text.ends_with('\n') {
                text.push('\n');
            }
            if stream.truncated() {
                text.push_str(&format!("== cut: the first {} of {} bytes\n", stream.bytes.len(), stream.total));
            }
        }
    }
    if text.is_empty() {
        return None;
    }
    if text.chars().count() <= LONGEST_OUTPUT {
        return Some(Reply::text(format!("<pre>{}</pre>", escape(text.trim_end()))));
    }
    Some(Reply::text(format!("Output of run {}", run.id)).document(format!("run-{}.txt", run.id), text))
}

fn headline(run: &Run) -> String {
    format!("{}, run {}: {}, {} of {} ended", code(&run.script_name), run.id, run.state, run.ended, run.machines)
}

fn row(machine: &RunMachine) -> Vec<String> {
    let duration = machine.duration.map(|duration| format!("{:.1} s", duration.as_secs_f64())).unwrap_or_default();
    vec![machine.name.to_string(), end(machine), duration]
}

fn end(machine: &RunMachine) -> String {
    match (machine.state, &machine.exit, &machine.error) {
        (RunState::Done, Some(Exit::Code(0)), _) => "ok".to_owned(),
        (RunState::Done, Some(Exit::Code(exit)), _) => format!("exit {exit}"),
        (RunState::Done, Some(Exit::Signal(signal)), _) => format!("SIG{signal}"),
        (state, _, Some(error)) => shortened(&format!("{state}: {}", error.lines().next().unwrap_or_default()), 60),
        (state, ..) => state.to_string(),
    }
}

fn mark(state: RunState) -> &'static str {
    match state {
        RunState::Queued | RunState::Running => "🕓",
        RunState::Done => "✅",
        RunState::Failed | RunState::Interrupted => "⚠️",
        RunState::Unknown => "❓",
        RunState::Cancelled => "⚪",
    }
}
