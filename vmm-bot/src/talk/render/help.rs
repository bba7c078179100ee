//! Help, menus, and replies about accounts and misunderstood messages.

use teloxide::types::BotCommand;
use vmm_core::Actor;
use vmm_core::model::Role;

use super::{code, escape};
use crate::talk::reply::Reply;
use crate::talk::scope::{ChatKind, Scope};

/// A command as people read of it, in help and menus.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// The words after the command.
    words: &'static str,
    says: &'static str,
    pub(crate) scope: Scope,
    /// True if only admins can use it.
    admin: bool,
}

const fn all(name: &'static str, words: &'static str, scope: Scope, says: &'static str) -> Entry {
    Entry { name, words, says, scope, admin: false }
}

const fn admins(name: &'static str, words: &'static str, scope: Scope, says: &'static str) -> Entry {
    Entry { name, words, says, scope, admin: true }
}

/// The command for somebody who is not linked to an account.
const START: Entry = all("start", "CODE", Scope::Private, "link this chat to your account");

/// Every command for people who are bound to an account.
pub(crate) const COMMANDS: &[Entry] = &[
    all("vms", "", Scope::Everywhere, "list machines"),
    all("vm", "NAME", Scope::Everywhere, "show a machine, with buttons for its power if it is yours"),
    all("monitor", "NAME", Scope::Everywhere, "show a machine's load, with a picture of its last hour"),
    admins(
        "definition",
        "NAME",
        Scope::Trusted,
        "show what was changed in a machine's definition on its host, and accept it",
    ),
    admins("reclaim", "NAME", Scope::Trusted, "set vmm's tag on a machine's domain that has lost it"),
    all("ssh", "NAME COMMAND", Scope::Trusted, "run a command on a machine"),
    all("get", "NAME PATH", Scope::Trusted, "fetch a file from a machine"),
    all("put", "NAME DIRECTORY", Scope::Trusted, "as the caption of a file: copy the file to a machine"),
    all(
        "request",
        "",
        Scope::Trusted,
        "show your open requests and get a table to fill in; /request ID shows one request",
    ),
    admins("requests", "", Scope::Trusted, "list open requests, to approve or reject them"),
    admins("jobs", "", Scope::Trusted, "list stuck jobs, to retry or close them"),
    all("scripts", "", Scope::Everywhere, "list scripts, to run them"),
    all("script", "NAME sh", Scope::Trusted, "as the caption of a file: save it as a script of that name"),
    all("run", "NAME web-1 @group", Scope::Trusted, "run a script; put a NAME of several words in quotes"),
    all("runs", "", Scope::Everywhere, "list runs, with their results"),
    all("password", "", Scope::Private, "change your password"),
    all("forget", "", Scope::Private, "forget your logins on machines"),
    admins("groups", "", Scope::Private, "list allowed groups; /allow in a group allows it"),
    admins("allow", "", Scope::Groups, "allow this group: people can use me here as in a private chat"),
    admins("disallow", "", Scope::Groups, "stop allowing this group"),
    all("cancel", "", Scope::Everywhere, "drop the question that I have asked"),
    all("help", "", Scope::Everywhere, "list what I can do here"),
    all(
        "revoke",
        "",
        Scope::Private,
        "after a leak: end your sessions and API tokens; /revoke all ends all other access too",
    ),
    all("unlink", "", Scope::Private, "unlink this chat from your account"),
];

/// The commands that somebody of this role can say in such a chat; a stranger's without a role.
fn entries(kind: ChatKind, role: Option<Role>) -> impl Iterator<Item = &'static Entry> {
    let known = COMMANDS.iter().filter(move |entry| match role {
        Some(role) => entry.scope.holds(kind) && (!entry.admin || role == Role::Admin),
        None => entry.name == "help",
    });
    role.is_none().then_some(&START).into_iter().chain(known)
}

/// Returns the menu that Telegram shows in this kind of chat.
pub(crate) fn menu(kind: ChatKind, role: Option<Role>) -> Vec<BotCommand> {
    let command = |entry: &Entry| {
        let words = if entry.words.is_empty() { String::new() } else { format!("{}: ", entry.words) };
        BotCommand::new(entry.name, format!("{words}{}", entry.says))
    };
    entries(kind, role).map(command).collect()
}

/// Renders what somebody can do in this kind of chat.
pub(crate) fn help(actor: &Actor, kind: ChatKind) -> Reply {
    let (name, role) = match actor {
        Actor::User { name, role, .. } => (name.to_string(), *role),
        Actor::Anonymous | Actor::System => return stranger(),
    };
    let line = |entry: &Entry| {
        let words = if entry.words.is_empty() { String::new() } else { format!(" {}", entry.words) };
        format!("/{}{words} – {}", entry.name, entry.says)
    };
    let lines: Vec<_> = entries(kind, Some(role)).map(line).collect();
    let place = match kind {
        ChatKind::Private => "In a group I only show machines and scripts, unless an admin has allowed the group.",
        ChatKind::AllowedGroup => {
            "An admin has allowed this group. Answer my questions by replying to them. Passwords and codes belong in a \
             private chat."
        }
        ChatKind::Group => "Everything else works in a private chat, or in a group that an admin has allowed.",
    };
    let rights = if role == Role::Admin { "As an admin you can switch any machine. " } else { "" };
    Reply::text(format!("You are {}.\n\n{}\n\n{rights}{place}", code(name), lines.join("\n")))
}

/// To somebody who is bound to no account.
pub(crate) fn stranger() -> Reply {
    Reply::text(
        "You are not linked to an account yet. Ask an admin for a code, or get one with <code>POST \
         /link-code</code>, and send me <code>/start CODE</code> here. Never send me your password.",
    )
}

/// The reply to a text that is not a command.
pub(crate) fn unknown() -> Reply {
    Reply::text("I do not understand that. /help lists what I can do.")
}

/// The reply to a command that needs a private chat.
pub(crate) fn in_private(bot: &str) -> Reply {
    Reply::text(format!("Others can read this chat. Write to me in private: @{}.", escape(bot)))
}

/// The reply to a message that its sender has not just written.
pub(crate) fn not_own() -> Reply {
    Reply::text("I only accept messages that you write to me yourself, not forwarded ones.")
}

/// To a command that a file has to come with.
pub(crate) fn with_file() -> Reply {
    Reply::text("Send the script as a file, with this command as its caption.")
}

/// To a file that comes without what to do with it.
pub(crate) fn what_with_file() -> Reply {
    Reply::text(
        "What is this file for? To request machines, send a table of them (CSV, .xlsx or .ods). To save a script, \
         send it with the caption <code>/script NAME sh</code>.",
    )
}

/// The reply to /cancel.
pub(crate) fn never_mind() -> Reply {
    Reply::text("OK, no question is open.")
}
