//! What the bot says of itself, and about who people are to it.

use vmm_core::Actor;
use vmm_core::model::{Role, User};

use super::{code, escape};
use crate::post::Reply;

/// What somebody can do here.
pub(crate) fn help(actor: &Actor) -> Reply {
    let (name, role) = match actor {
        Actor::User { name, role, .. } => (name.to_string(), *role),
        Actor::Anonymous | Actor::System => return stranger(),
    };
    let mut text = format!(
        "You are {}.\n\n/vms – machines, page by page\n/vm NAME – a machine, with buttons to switch it if it is yours\n\
         /monitor NAME – a picture of its last hour, and how it is now\n\
         /request – your requests for machines, and a CSV to begin with: send it filled in, and see what it makes\n\
         /request ID – a request\n/scripts – scripts, to run them; /run NAME web-1 @group runs one, /runs shows what became of it; a NAME of several words stands in quotes\n\
         /password – change your password\n\
         /ssh NAME COMMAND – run a command on a machine\n/get NAME PATH – fetch a file from it\n\
         /put NAME DIRECTORY – as the caption of a file: put it there\n/forget – forget the passwords of machines\n\
         /unlink – free your account of this chat\n",
        code(name)
    );
    if role == Role::Admin {
        text.push_str("/requests – open requests, to approve or reject\n\nAs an admin you switch any machine. ");
    }
    text.push_str("\nMachines are shown in groups too; all else is for a private chat alone.");
    Reply::text(text)
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

/// After a code was good.
pub(crate) fn linked(user: &User) -> Reply {
    Reply::text(format!("Welcome, {}. This chat now speaks for your account; /help says what I do.", code(&user.name)))
}

/// After a code was not.
pub(crate) fn bad_code(actor: Option<&Actor>) -> Reply {
    let mut text = "This code is not good: it is good once, for 15 minutes, and only the newest.".to_owned();
    if let Some(actor) = actor {
        text.push_str(&format!(" This chat speaks for {}.", code(actor)));
    }
    Reply::text(text)
}

/// To a command that a file has to come with.
pub(crate) fn with_file() -> Reply {
    Reply::text("Send the script's file, with this as its caption.")
}

/// To a file that comes without what to do with it.
pub(crate) fn what_with_file() -> Reply {
    Reply::text(
        "What shall I do with it? Send a CSV of machines to request them, or a script with the caption \
         <code>/script NAME sh</code>.",
    )
}

/// After somebody does not want to be asked any more.
pub(crate) fn never_mind() -> Reply {
    Reply::text("Never mind.")
}

/// After the account was freed.
pub(crate) fn unlinked() -> Reply {
    Reply::text("Done: this chat speaks for nobody any more.")
}
