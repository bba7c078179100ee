//! The reply to somebody who ends the access to an account.

use vmm_core::model::{Access, RevokedAccess};

use super::code;
use crate::talk::reply::Reply;

/// Renders what was ended and what is still bound, with the command that ends that too.
pub(crate) fn revoked(revoked: &RevokedAccess) -> Reply {
    let RevokedAccess { ended, left } = revoked;
    let mut lines = vec![format!("I have ended {}.", listed(ended, "the link to this chat"))];
    if *left == Access::default() {
        lines.push("No other access is left.".to_owned());
    } else {
        lines.push(format!(
            "Your account still has {}. Send /revoke all to end that too.",
            listed(left, "the link to this chat")
        ));
    }
    if ended.chat_id.is_none() {
        lines.push("Send /password to change your password as well.".to_owned());
    } else {
        lines.push("Now change your password over HTTP.".to_owned());
    }
    Reply::text(lines.join("\n"))
}

fn listed(access: &Access, chat: &str) -> String {
    let Access { sessions, tokens, link_code, chat_id, schedules, runs } = access;
    let ids = |word: &str, ids: Vec<String>| (!ids.is_empty()).then(|| format!("{word} {}", ids.join(", ")));
    let parts = [
        (*sessions > 0).then(|| format!("{sessions} session{}", if *sessions == 1 { "" } else { "s" })),
        ids("API tokens", tokens.iter().map(code).collect()),
        link_code.then(|| "a link code".to_owned()),
        chat_id.map(|_| chat.to_owned()),
        ids("schedules", schedules.iter().map(ToString::to_string).collect()),
        ids("runs", runs.iter().map(ToString::to_string).collect()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join("; ") }
}
