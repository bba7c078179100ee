//! The errors that stop a bot.

/// The errors that stop a bot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The token is of no bot, or was revoked.
    #[error("Telegram does not know the bot's token; ask @BotFather for the right one")]
    Token,
}
