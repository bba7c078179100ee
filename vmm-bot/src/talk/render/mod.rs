//! The texts that people read, in Telegram's HTML.

pub(crate) mod access;
pub(crate) mod bot_group;
pub(crate) mod definition;
pub(crate) mod errand;
pub(crate) mod help;
pub(crate) mod job;
pub(crate) mod link;
pub(crate) mod login;
pub(crate) mod monitor;
pub(crate) mod output;
pub(crate) mod password;
pub(crate) mod plot;
pub(crate) mod power;
pub(crate) mod progress;
pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod ssh;
mod table;
pub(crate) mod task;
pub(crate) mod transfer;
pub(crate) mod vm;

use vmm_core::Error;

use crate::talk::dialogue::{Missing, Question};
use crate::talk::reply::Reply;

/// The longest text of an error, in characters: well below what a message takes.
const LONGEST_ERROR: usize = 1500;

/// A text that stands for itself.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The beginning of a text, if it is longer than so many characters.
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text in fixed width.
fn code(text: impl std::fmt::Display) -> String {
    format!("<code>{}</code>", escape(&text.to_string()))
}

/// Renders an error.
pub(crate) fn error(error: &Error) -> Reply {
    Reply::text(format!("⚠️ {}", told(error)))
}

/// An error in words; the log has what they do not tell.
fn told(error: &Error) -> String {
    if let Error::Internal { context, source } = error {
        tracing::error!(context, %source, "an operation failed");
    }
    let text: String = error.to_string().chars().take(LONGEST_ERROR).collect();
    escape(&text)
}

/// The reply to a secret that comes too late.
pub(crate) fn late(question: &Question) -> Reply {
    const LATE: &str = "Your answer came too late. I have not used it, and deleted it in case it is a password.";
    match question {
        Question::Login(Missing::Password { task, .. }) => {
            Reply::text(LATE).rows(vec![vec![("Ask me again".to_owned(), task.clone().into())]])
        }
        _ => Reply::text(format!("{LATE} Send /password to start again.")),
    }
}

/// The reply when too many tasks are in progress.
pub(crate) fn too_much() -> Reply {
    Reply::text("Too many tasks are in progress. Wait until one has ended, or cancel one.")
}

/// The reply after a fault of the bot itself.
pub(crate) fn broke() -> Reply {
    Reply::text("⚠️ Something broke in vmm. Please tell an admin: the log of vmm has the details.")
}
