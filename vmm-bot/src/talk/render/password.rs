//! What is said while somebody changes their password.

use crate::talk::reply::Reply;

/// Asks for the present password.
pub(crate) fn old() -> Reply {
    Reply::text("Your present password? I delete what you write at once; a command leaves it.")
}

/// Asks for the new one.
pub(crate) fn new() -> Reply {
    Reply::text("And the new one, 10 to 1,024 characters long? I delete that too.")
}

/// After it was changed.
pub(crate) fn changed() -> Reply {
    Reply::text("✅ Your password is changed, and all your logins elsewhere have ended. This chat stays yours.")
}

/// The reply when the bot has forgotten the present password.
pub(crate) fn again() -> Reply {
    Reply::text("That took too long, or I was restarted meanwhile: /password begins again. Nothing was changed.")
}

/// After vmm was stopped while the password was changed.
pub(crate) fn interrupted() -> Reply {
    Reply::text(
        "⚠️ vmm was stopped over this. Your password may be changed or not: try the new one, or /password again.",
    )
}
