//! Texts about how a machine is defined on its host.

use vmm_core::DefinitionLook;
use vmm_core::model::VmName;

use super::{code, escape, shortened};
use crate::talk::dialogue::Intent;
use crate::talk::reply::Reply;

/// The largest number of differences in a message.
const SHOWN: usize = 20;
/// The longest line of a difference, in characters.
const LINE: usize = 160;

/// Renders the differences between a definition and the one that vmm last saw.
pub(crate) fn look(name: &VmName, look: &DefinitionLook) -> Reply {
    let card = ("Show the machine".to_owned(), Intent::Card { vm: name.to_string() });
    let domain = &look.seen.name;
    let called = if domain == name.as_str() {
        String::new()
    } else {
        format!("\nIts domain on the host is called {}.", code(shortened(domain, LINE)))
    };
    if look.differences.is_empty() {
        return Reply::text(format!(
            "✅ Nobody has changed the definition of {} on its host since vmm last saw it.{called}",
            code(name)
        ))
        .rows(vec![vec![card]]);
    }
    let mut lines: Vec<_> = look
        .differences
        .iter()
        .take(SHOWN)
        .map(|difference| format!("• {}", escape(&shortened(&difference.to_string(), LINE))))
        .collect();
    if look.differences.len() > SHOWN {
        lines.push(format!("… and {} more", look.differences.len() - SHOWN));
    }
    let text = format!(
        "⚠️ <b>Somebody has changed the definition of {} on its host</b>{called}\n{}\n\nvmm does not change the \
         machine's disks until somebody undoes the change on the host or accepts it here.",
        code(name),
        lines.join("\n")
    );
    let digest = look.seen.facts.digest().to_string();
    let accept = ("Accept the change".to_owned(), Intent::Accept { vm: name.to_string(), digest });
    Reply::text(text).rows(vec![vec![accept], vec![card]])
}

/// Renders that a definition is accepted.
pub(crate) fn accepted(name: &VmName) -> Reply {
    let card = ("Show the machine".to_owned(), Intent::Card { vm: name.to_string() });
    Reply::text(format!("✅ The definition that {} has on its host is accepted.", code(name))).rows(vec![vec![card]])
}

/// Renders that the tag of a domain is restored.
pub(crate) fn reclaimed(name: &VmName) -> Reply {
    let card = ("Show the machine".to_owned(), Intent::Card { vm: name.to_string() });
    Reply::text(format!("✅ The domain of {} has vmm's tag again.", code(name))).rows(vec![vec![card]])
}
