//! The link from a person in Telegram to an account.

use vmm_core::Actor;
use vmm_core::model::User;

use super::code;
use crate::talk::reply::Reply;

/// Renders that a chat is linked to an account.
pub(crate) fn linked(user: &User) -> Reply {
    Reply::text(format!(
        "Welcome, {}. This chat is linked to your account. /help lists what I can do.",
        code(&user.name)
    ))
}

/// The reply to a code that is not valid.
pub(crate) fn bad_code(actor: Option<&Actor>) -> Reply {
    let mut text = "This code is not valid. A code works once, for 15 minutes, until you get a newer one.".to_owned();
    if let Some(actor) = actor {
        text.push_str(&format!(" This chat is linked to {}.", code(actor)));
    }
    Reply::text(text)
}

/// Renders that a chat is no longer linked to an account.
pub(crate) fn unlinked() -> Reply {
    Reply::text("Done: this chat is no longer linked to an account.")
}
