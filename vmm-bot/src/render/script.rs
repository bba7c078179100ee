//! Scripts and their runs.

use vmm_core::model::{Again, Page, Role, Run, RunId, RunMachine, RunState, Script, ScriptName};
use vmm_core::remote::Exit;
use vmm_core::{Actor, SavedScript};

use super::login::logins;
use super::output::plain;
use super::table::table;
use super::{code, escape, shortened};
use crate::dialogue::{Intent, Machines, RunWish, ScriptStep};
use crate::post::{Reply, Wish};

/// How many machines of a run stand in a message.
const SHOWN: usize = 30;
/// The longest output that stands in a message, in characters; a longer one is a file.
const LONGEST_OUTPUT: usize = 1500;

fn button(label: &str, step: ScriptStep) -> Wish {
    (label.to_owned(), Intent::Script(step))
}

/// A page of scripts, each with a button for its card.
pub(crate) fn list(page: &Page<Script, ScriptName>) -> Reply {
    if page.items.is_empty() {
        return Reply::text(format!("There are no scripts. {HOW}"));
    }
    let line = |script: &Script| format!("• {} – {}", code(&script.name), escape(&script.command.to_string()));
    let mut text = format!("<b>Scripts</b>\n{}", page.items.iter().map(line).collect::<Vec<_>>().join("\n"));
    if page.next.is_some() {
        text.push_str("\n… and more: say /run and a name, in quotes if it has several words");
    }
    text.push_str(&format!("\n\n{HOW}"));
    let card = |script: &Script| {
        let name = script.name.to_string();
        vec![(name.clone(), Intent::Script(ScriptStep::Show { name }))]
    };
    Reply::text(text).rows(page.items.iter().map(card).collect())
}

const HOW: &str = "To keep one, send its file with the words <code>/script NAME sh web-1 @group</code>.";

/// One script, with buttons to run it and, for admins, to delete it.
pub(crate) fn card(script: &Script, actor: &Actor) -> Reply {
    card_with(script, &[], actor)
}

/// A script that was just kept, and what was changed of its text.
pub(crate) fn saved(saved: &SavedScript, actor: &Actor) -> Reply {
    card_with(&saved.script, &saved.mended, actor)
}

fn card_with(script: &Script, mended: &[String], actor: &Actor) -> Reply {
    let targets: Vec<_> = script.targets.iter().map(ToString::to_string).collect();
    let on = if targets.is_empty() { "asked for each run".to_owned() } else { targets.join(" ") };
    let text = format!(
        "<b>{}</b> of {}\n{} {}, version {}, {} bytes\nOn: {}{}",
        escape(script.name.as_str()),
        code(&script.owner_name),
        code(&script.command),
        code(&script.file),
        script.version,
        script.size,
        escape(&shortened(&on, 500)),
        mended.iter().map(|change| format!("\n{}", escape(change))).collect::<String>(),
    );
    let name = || script.name.to_string();
    let mut row = vec![button("Run", ScriptStep::Run { wish: RunWish::Script { name: name(), on: Vec::new() } })];
    if matches!(actor, Actor::User { id, role, .. } if *role == Role::Admin || *id == script.owner) {
        row.push(button("Delete", ScriptStep::Delete { name: name() }));
    }
    Reply::text(text).rows(vec![row])
}

/// Asks before a script is deleted.
pub(crate) fn ask_to_delete(name: &str) -> Reply {
    let row = vec![
        button("Yes, delete", ScriptStep::Deleted { name: name.to_owned() }),
        button("No", ScriptStep::Show { name: name.to_owned() }),
    ];
    Reply::text(format!("<b>Delete {}?</b>\nIts runs stay.", code(name))).rows(vec![row])
}

/// After a script was deleted.
pub(crate) fn deleted(name: &str) -> Reply {
    Reply::text(format!("✅ {} was deleted.", code(name)))
}

/// When there is no such script; perhaps it has another word.
pub(crate) fn none(name: &ScriptName, next: Option<&String>) -> Reply {
    let mut text = format!("⚠️ There is no script {}; /scripts shows which there are.", code(name));
    if let Some(word) = next {
        let quoted = code(format!("/run \"{name} {word}\""));
        text.push_str(&format!(" A name of several words stands in quotes, like {quoted}."));
    }
    Reply::text(text)
}

/// Asks on which machines.
pub(crate) fn on_which(name: &ScriptName) -> Reply {
    Reply::text(format!("On which machines shall {} run? Names or groups, like <code>web-1 @lab</code>.", code(name)))
}

/// While a run begins.
pub(crate) fn begun(name: &ScriptName) -> Reply {
    Reply::text(format!("🕓 {} begins …", code(name)))
}

/// After vmm was stopped meanwhile.
pub(crate) fn interrupted(what: &str) -> Reply {
    let what = escape(what);
    Reply::text(format!("⚠️ vmm was stopped while it should {what}. /scripts and /runs show what there is."))
}

/// The newest runs, each with a button.
pub(crate) fn runs(page: &Page<Run, RunId>) -> Reply {
    if page.items.is_empty() {
        return Reply::text("There are no runs yet; /scripts shows what can run.");
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

/// What a run's machines wrote: in a message if it is short, else as a file; nothing if there is nothing.
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
