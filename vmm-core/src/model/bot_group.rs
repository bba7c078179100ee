//! Groups in which people may do through a bot what they may do in private.

use super::{BotId, Timestamp};

/// A group that an admin has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotGroup {
    /// The bot that it is allowed for.
    pub bot: BotId,
    /// The chat, by the id that the chat service gives.
    pub chat: i64,
    /// What it was called when it was allowed.
    pub title: String,
    /// Who allowed it, by the name of that time.
    pub allowed_by: String,
    /// When.
    pub allowed_at: Timestamp,
}

/// A group to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBotGroup {
    /// The bot that it is allowed for.
    pub bot: BotId,
    /// The chat, by the id that the chat service gives.
    pub chat: i64,
    /// What it is called.
    pub title: String,
    /// Who allows it.
    pub allowed_by: String,
}
