//! What is said about groups that an admin allows.

use vmm_core::model::BotGroup;

use super::{code, escape, shortened};
use crate::talk::dialogue::Intent;
use crate::talk::reply::Reply;

/// How many groups a list shows: each is a line and a button of one message.
const LISTED: usize = 20;
/// The longest title on a button, in characters.
const LABEL: usize = 40;

/// After a group was allowed.
pub(crate) fn allowed(group: &BotGroup) -> Reply {
    Reply::text(format!(
        "✅ {} has allowed this group. Whoever is bound to an account may do here what they may do in private, but for \
         what is secret: passwords and codes are for the private chat alone.\n\n⚠️ All who are here or come later read \
         what I answer: requests, and what commands and scripts write, whatever that is. Answer my questions by replying \
         to them. /disallow ends it.",
        code(&group.allowed_by)
    ))
}

/// After a group was allowed no more.
pub(crate) fn disallowed() -> Reply {
    Reply::text("Done: this group is not allowed any more. I show machines and scripts here, and do nothing.")
}

/// To who would end what is not.
pub(crate) fn not_allowed() -> Reply {
    Reply::text("This group is not allowed.")
}

/// To a command that is about the group that it is said in.
pub(crate) fn in_a_group() -> Reply {
    Reply::text("Say that in the group that it is about; /groups shows those that are allowed.")
}

/// To what belongs into a private chat or an allowed group.
pub(crate) fn only_where_allowed(bot: &str) -> Reply {
    let bot = escape(bot);
    Reply::text(format!(
        "Not here, where others read along: write to me in private, @{bot}, or let an admin allow this group with /allow."
    ))
}

/// In place of a question whose answer, or what follows, is a secret.
pub(crate) fn login_in_private(bot: &str) -> Reply {
    Reply::text(format!(
        "This needs a login that I do not know, and I ask for logins in private alone. Ask me there, @{}: as long as I \
         know your login on a machine, I take it here too.",
        escape(bot)
    ))
}

/// In place of what came of something that began while the group was allowed.
pub(crate) fn hidden() -> Reply {
    Reply::text("What came of this is not shown: this group is not allowed any more.")
}

/// To a supergroup that was an allowed group.
pub(crate) fn migrated() -> Reply {
    Reply::text(
        "This group has become a supergroup, which is another one to Telegram. What it was allowed has ended; an admin \
         can say /allow here.",
    )
}

/// The allowed groups, with buttons to end that.
pub(crate) fn list(groups: &[BotGroup]) -> Reply {
    if groups.is_empty() {
        return Reply::text("No group is allowed. An admin allows one by saying /allow in it.");
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

/// What a group is called; some are called nothing that can be shown.
fn title(group: &BotGroup) -> String {
    if group.title.trim().is_empty() { group.chat.to_string() } else { group.title.clone() }
}
