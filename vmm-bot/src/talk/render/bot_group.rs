//! Messages about groups that an admin allows.

use vmm_core::model::BotGroup;

use super::{code, escape, shortened};
use crate::talk::dialogue::Intent;
use crate::talk::reply::Reply;

/// The largest number of groups in a list. Each is a line and a button of one message.
const LISTED: usize = 20;
/// The longest title on a button, in characters.
const LABEL: usize = 40;

/// Renders that a group is allowed.
pub(crate) fn allowed(group: &BotGroup) -> Reply {
    Reply::text(format!(
        "✅ {} has allowed this group. Everybody who is linked to an account can use me here as in a private chat, \
         each with their own rights. Passwords and codes still belong in a private chat.\n\n⚠️ All members, also \
         those who join later, can read what I answer: requests, and the whole output of commands and scripts. \
         Answer my questions by replying to them. /disallow ends this.",
        code(&group.allowed_by)
    ))
}

/// Renders that a group is no longer allowed.
pub(crate) fn disallowed() -> Reply {
    Reply::text("Done: this group is no longer allowed. I only show machines and scripts here.")
}

/// The reply to /disallow in a group that is not allowed.
pub(crate) fn not_allowed() -> Reply {
    Reply::text("This group is not allowed.")
}

/// To a command that is about the group that it is said in.
pub(crate) fn in_a_group() -> Reply {
    Reply::text("Send this command in the group that you mean. /groups lists the allowed groups.")
}

/// The reply to a command that needs a private chat or an allowed group.
pub(crate) fn only_where_allowed(bot: &str) -> Reply {
    let bot = escape(bot);
    Reply::text(format!(
        "Others can read this chat. Write to me in private, @{bot}, or ask an admin to allow this group with /allow."
    ))
}

/// The reply in a group to a command that leads to a question for a secret.
pub(crate) fn login_in_private(bot: &str) -> Reply {
    Reply::text(format!(
        "This needs your login on the machine, and I ask for logins only in private. Send the command there, @{}. \
         While I remember your login, I use it here too.",
        escape(bot)
    ))
}

/// Replaces the result of work that began while the group was allowed.
pub(crate) fn hidden() -> Reply {
    Reply::text("The result is not shown, because this group is no longer allowed.")
}

/// To a supergroup that was an allowed group.
pub(crate) fn migrated() -> Reply {
    Reply::text(
        "This group has become a supergroup, which is a new group to Telegram. It is not allowed yet; an admin can \
         send /allow here.",
    )
}

/// The allowed groups, with buttons to end that.
pub(crate) fn list(groups: &[BotGroup]) -> Reply {
    if groups.is_empty() {
        return Reply::text("No group is allowed. An admin allows a group by sending /allow in it.");
    }
    let line = |group: &BotGroup| {
        let day = group.allowed_at.format("%Y-%m-%d");
        format!("<b>{}</b>, by {} on {day}", escape(&title(group)), code(&group.allowed_by))
    };
    let (shown, further) = groups.split_at(groups.len().min(LISTED));
    let mut lines: Vec<_> = shown.iter().map(line).collect();
    if !further.is_empty() {
        lines.push(format!("{} more: {}", further.len(), code("GET /bot/group")));
    }
    let end = |group: &BotGroup| {
        let label = format!("Disallow {}", shortened(&title(group), LABEL));
        vec![(label, Intent::Disallow { chat: group.chat })]
    };
    let text = format!("<b>Allowed groups</b>\n\n{}", lines.join("\n"));
    Reply::text(text).rows(shown.iter().map(end).collect())
}

/// Returns a group's title, or its number if the title has nothing to show.
fn title(group: &BotGroup) -> String {
    if group.title.trim().is_empty() { group.chat.to_string() } else { group.title.clone() }
}
