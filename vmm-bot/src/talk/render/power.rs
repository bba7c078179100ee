//! Messages about switching a machine.

use vmm_core::Switched;

use super::{code, escape};
use crate::talk::dialogue::{Intent, Switch};
use crate::talk::reply::Reply;

/// Asks before a machine is switched.
pub(crate) fn question(vm: &str, switch: Switch) -> Reply {
    let yes = (format!("Yes, {}", switch.button().to_lowercase()), Intent::Confirmed { vm: vm.to_owned(), switch });
    let no = ("No".to_owned(), Intent::Card { vm: vm.to_owned() });
    let text = format!("<b>{} {}?</b>\n{}", switch.label(), code(vm), switch.consequence());
    Reply::text(text).rows(vec![vec![yes, no]])
}

/// Renders that a machine was switched.
pub(crate) fn done(vm: &str, switch: Switch, switched: &Switched) -> Reply {
    let paused = match switched.state.reason {
        Some(_) => format!(" It is {}.", escape(&switched.state.to_string())),
        None => String::new(),
    };
    back(vm, format!("✅ {} {}.{paused}", code(vm), switch.done(switched.restored)))
}

/// Renders that vmm was stopped while a machine was being switched.
pub(crate) fn interrupted(vm: &str, switch: Switch) -> Reply {
    let text = format!(
        "⚠️ vmm was stopped before this ended: {} {}. It may or may not have been done: look at the machine.",
        switch.label().to_lowercase(),
        code(vm)
    );
    back(vm, text)
}

fn back(vm: &str, text: String) -> Reply {
    let card = ("Show the machine".to_owned(), Intent::Card { vm: vm.to_owned() });
    Reply::text(text).rows(vec![vec![card]])
}
