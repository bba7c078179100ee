//! Groups in which people may do through a bot what they may do in private.

use super::{BotId, Timestamp};

/// A group that an admin has allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotGroup {
    /// The bot that it is allowed for.
    pub bot: BotId,
    /// The chat, by the id that the chat service gives.
    pub chat: i64,
    /// The group's title when it was allowed.
    pub title: String,
    /// The name, at that time, of the account that allowed it.
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
    /// The group's title.
    pub title: String,
    /// The name of the account that allows it.
    pub allowed_by: String,
}
