//! Messages while somebody changes their password.

use crate::talk::reply::Reply;

/// Asks for the present password.
pub(crate) fn old() -> Reply {
    Reply::text("What is your present password? I delete your message at once. /cancel stops this.")
}

/// Asks for the new one.
pub(crate) fn new() -> Reply {
    Reply::text("What is the new password? It needs 10 to 1,024 characters. I delete that message too.")
}

/// Renders that the password is changed.
pub(crate) fn changed() -> Reply {
    Reply::text("✅ Your password is changed, and all your sessions elsewhere have ended. This chat stays linked.")
}

/// The reply when the bot has forgotten the present password.
pub(crate) fn again() -> Reply {
    Reply::text("Nothing was changed: that took too long, or I was restarted meanwhile. Send /password to start again.")
}

/// Renders that vmm was stopped while the password was being changed.
pub(crate) fn interrupted() -> Reply {
    Reply::text(
        "⚠️ vmm was stopped before this ended. Your password may or may not have changed. Try the new one, or send \
         /password again.",
    )
}
