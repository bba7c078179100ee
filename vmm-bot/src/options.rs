//! The settings of a bot.

use std::time::Duration;

use crate::transport::webhook::Webhook;

/// The settings of a bot. `Default` suits Telegram.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The webhook to which Telegram sends updates. Without it, the bot polls Telegram and removes a webhook that is
    /// set.
    pub webhook: Option<Webhook>,
    /// The pause before it is looked again whether Telegram still has the webhook and gets through to it.
    pub webhook_pause: Duration,
    /// The time that Telegram waits for an update before it answers that there is none, at most 50 s.
    pub poll_timeout: Duration,
    /// The longest time in which one message is sent; after it, the bot tries again.
    pub send_deadline: Duration,
    /// The pause after a first failure of the network. It doubles with each further one, up to a minute.
    pub retry_pause: Duration,
    /// The pause before it is looked again what happens to requests, accounts and groups, and the shortest between two
    /// changes of a message that shows progress.
    pub notice_pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            webhook: None,
            webhook_pause: Duration::from_secs(60),
            poll_timeout: Duration::from_secs(30),
            send_deadline: Duration::from_secs(20),
            retry_pause: Duration::from_secs(1),
            notice_pause: Duration::from_secs(2),
        }
    }
}
