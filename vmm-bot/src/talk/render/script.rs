//! Scripts.

use vmm_core::model::{Page, Role, Script, ScriptName};
use vmm_core::{Actor, SavedScript};

use super::{code, escape, shortened};
use crate::talk::dialogue::{Intent, RunWish, ScriptStep};
use crate::talk::reply::{Reply, Wish};

/// A button that does something about scripts and their runs.
pub(super) fn button(label: &str, step: ScriptStep) -> Wish {
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
        text.push_str("\n… and more: send /run and a name, in quotes if it has several words");
    }
    text.push_str(&format!("\n\n{HOW}"));
    let card = |script: &Script| {
        let name = script.name.to_string();
        vec![(name.clone(), Intent::Script(ScriptStep::Show { name }))]
    };
    Reply::text(text).rows(page.items.iter().map(card).collect())
}

const HOW: &str = "To save a script, send its file with the caption <code>/script NAME sh web-1 @group</code>.";

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
    let on = if targets.is_empty() { "I ask before each run".to_owned() } else { targets.join(" ") };
    let text = format!(
        "<b>{}</b> of {}\n{} {}, version {}, {} bytes\nMachines: {}{}",
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
    Reply::text(format!("<b>Delete {}?</b>\nThe records of its runs stay.", code(name))).rows(vec![row])
}

/// Renders that a script was deleted.
pub(crate) fn deleted(name: &str) -> Reply {
    Reply::text(format!("✅ {} was deleted.", code(name)))
}

/// Renders that there is no script of this name, whose next word may belong to the name.
pub(crate) fn none(name: &ScriptName, next: Option<&String>) -> Reply {
    let mut text = format!("⚠️ There is no script {}. /scripts lists them.", code(name));
    if let Some(word) = next {
        let quoted = code(format!("/run \"{name} {word}\""));
        text.push_str(&format!(" Put a name of several words in quotes, like {quoted}."));
    }
    Reply::text(text)
}

/// Renders that vmm was stopped while it did something about a script.
pub(crate) fn interrupted(what: &str) -> Reply {
    let what = escape(what);
    Reply::text(format!("⚠️ vmm was stopped before this ended: {what}. /scripts and /runs show what was done."))
}
