//! What the bot says of itself, and about who people are to it.

use teloxide::types::BotCommand;
use vmm_core::Actor;
use vmm_core::model::Role;

use super::{code, escape};
use crate::talk::reply::Reply;
use crate::talk::scope::{ChatKind, Scope};

/// A command as people read of it, in help and menus.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// What stands behind it.
    words: &'static str,
    says: &'static str,
    pub(crate) scope: Scope,
    /// Whether it is for admins alone.
    admin: bool,
}

const fn all(name: &'static str, words: &'static str, scope: Scope, says: &'static str) -> Entry {
    Entry { name, words, says, scope, admin: false }
}

const fn admins(name: &'static str, words: &'static str, scope: Scope, says: &'static str) -> Entry {
    Entry { name, words, says, scope, admin: true }
}

/// What a stranger says.
const START: Entry = all("start", "CODE", Scope::Private, "bind this chat to your account");

/// Every command for people who are bound to an account.
pub(crate) const COMMANDS: &[Entry] = &[
    all("vms", "", Scope::Everywhere, "machines, page by page"),
    all("vm", "NAME", Scope::Everywhere, "a machine, with buttons to switch it if it is yours"),
    all("monitor", "NAME", Scope::Everywhere, "a picture of its last hour, and how it is now"),
    admins("definition", "NAME", Scope::Trusted, "what somebody changed of it on its host, to accept that"),
    admins("reclaim", "NAME", Scope::Trusted, "set vmm's tag again on its domain, if that has lost it"),
    all("ssh", "NAME COMMAND", Scope::Trusted, "run a command on a machine"),
    all("get", "NAME PATH", Scope::Trusted, "fetch a file from it"),
    all("put", "NAME DIRECTORY", Scope::Trusted, "as the caption of a file: put it there"),
    all(
        "request",
        "",
        Scope::Trusted,
        "your requests for machines, and a CSV to fill in and send; /request ID shows one",
    ),
    admins("requests", "", Scope::Trusted, "open requests, to approve or reject"),
    admins("jobs", "", Scope::Trusted, "stuck jobs, to try again or close"),
    all("scripts", "", Scope::Everywhere, "scripts, to run them"),
    all("script", "NAME sh", Scope::Trusted, "as the caption of a script: keep it under that name"),
    all("run", "NAME web-1 @group", Scope::Trusted, "run a script; a NAME of several words stands in quotes"),
    all("runs", "", Scope::Everywhere, "what became of runs"),
    all("password", "", Scope::Private, "change your password"),
    all("forget", "", Scope::Private, "forget the passwords of machines"),
    admins("groups", "", Scope::Private, "groups that are allowed what private chats are; /allow in a group allows it"),
    admins("allow", "", Scope::Groups, "allow this group what private chats are allowed"),
    admins("disallow", "", Scope::Groups, "end that"),
    all("cancel", "", Scope::Everywhere, "never mind what I am asking you"),
    all("help", "", Scope::Everywhere, "what I do here"),
    all(
        "revoke",
        "",
        Scope::Private,
        "after a leak: end your logins and API tokens; /revoke all ends what is left too",
    ),
    all("unlink", "", Scope::Private, "free your account of this chat"),
];

/// The commands that somebody of this role can say in such a chat; a stranger's without a role.
fn entries(kind: ChatKind, role: Option<Role>) -> impl Iterator<Item = &'static Entry> {
    let known = COMMANDS.iter().filter(move |entry| match role {
        Some(role) => entry.scope.holds(kind) && (!entry.admin || role == Role::Admin),
        None => entry.name == "help",
    });
    role.is_none().then_some(&START).into_iter().chain(known)
}

/// What Telegram shows as the menu of such a chat.
pub(crate) fn menu(kind: ChatKind, role: Option<Role>) -> Vec<BotCommand> {
    let command = |entry: &Entry| {
        let words = if entry.words.is_empty() { String::new() } else { format!("{}: ", entry.words) };
        BotCommand::new(entry.name, format!("{words}{}", entry.says))
    };
    entries(kind, role).map(command).collect()
}

/// What somebody can do in such a chat.
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
        ChatKind::Private => "In groups I show machines, and do more where an admin has allowed it.",
        ChatKind::AllowedGroup => {
            "An admin has allowed this group: answer my questions by replying to them. What is secret is for a private \
             chat alone."
        }
        ChatKind::Group => "All else is for a private chat, or for groups that an admin has allowed.",
    };
    let rights = if role == Role::Admin { "As an admin you switch any machine. " } else { "" };
    Reply::text(format!("You are {}.\n\n{}\n\n{rights}{place}", code(name), lines.join("\n")))
}

/// To somebody who is bound to no account.
pub(crate) fn stranger() -> Reply {
    Reply::text(
        "I do not know you. Make a code (<code>POST /link-code</code>, or ask an admin for one), and send me \
         <code>/start CODE</code> here. Never send me your password.",
    )
}

/// To what is no command.
pub(crate) fn unknown() -> Reply {
    Reply::text("I do not understand that; /help says what I do.")
}

/// To what belongs into a private chat.
pub(crate) fn in_private(bot: &str) -> Reply {
    Reply::text(format!("Not here, where others read along: write to me in private, @{}.", escape(bot)))
}

/// To what its sender has not just written.
pub(crate) fn not_own() -> Reply {
    Reply::text("I only take what you write to me yourself, not what is forwarded or written for you.")
}

/// To a command that a file has to come with.
pub(crate) fn with_file() -> Reply {
    Reply::text("Send the script's file, with this as its caption.")
}

/// To a file that comes without what to do with it.
pub(crate) fn what_with_file() -> Reply {
    Reply::text(
        "What shall I do with it? Send a table of machines (CSV, .xlsx or .ods) to request them, or a script with the caption \
         <code>/script NAME sh</code>.",
    )
}

/// After somebody does not want to be asked any more.
pub(crate) fn never_mind() -> Reply {
    Reply::text("Never mind.")
}
