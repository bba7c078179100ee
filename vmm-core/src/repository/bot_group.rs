//! Groups of a bot in a store.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{AuditEntry, BotGroup, BotId, NewBotGroup};

/// The number of groups that are allowed for a bot at most.
pub const MOST_GROUPS: u32 = 100;

/// Groups that an admin has allowed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait BotGroupRepository: Send + Sync {
    /// Records that a group is allowed, in place of an earlier record of it. One more than [`MOST_GROUPS`] of a bot is
    /// a conflict.
    async fn allow(&self, group: NewBotGroup, audit: AuditEntry) -> Result<BotGroup>;
    /// The group, if it is allowed for this bot.
    async fn by_chat(&self, bot: BotId, chat: i64) -> Result<Option<BotGroup>>;
    /// The allowed groups of a bot, or of all bots, in the order in which they were allowed.
    async fn list(&self, bot: Option<BotId>) -> Result<Vec<BotGroup>>;
    /// Removes a group, and with it what the bot's buttons there mean and what people there are asked.
    async fn disallow(&self, bot: BotId, chat: i64, audit: AuditEntry) -> Result<()>;
}
