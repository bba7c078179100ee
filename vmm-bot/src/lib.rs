#![doc = include_str!("../README.md")]

mod answer;
mod client;
mod command;
mod dialogue;
mod handler;
mod inbox;
mod menus;
mod notices;
mod outbox;
mod parts;
mod post;
mod render;
mod running;
mod scope;
mod secrets;
mod sender;
mod webhook;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use teloxide::prelude::*;
use teloxide::types::Me;
use teloxide::{ApiError, RequestError};
use tokio::time::{sleep, timeout};
use vmm_core::Vmm;
use vmm_core::model::BotId;

pub use client::{client, hidden};
pub use teloxide::Bot;
pub use webhook::Webhook;

/// How a bot behaves. `Default` suits Telegram.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where Telegram sends updates. Without it, Telegram is asked for them, and a webhook that is set is removed.
    pub webhook: Option<Webhook>,
    /// The pause before it is looked again whether Telegram still has the webhook and gets through to it.
    pub webhook_pause: Duration,
    /// How long Telegram is asked to wait for an update before it answers that there is none, at most 50 s.
    pub poll_timeout: Duration,
    /// How long one message may take to be sent before it is tried again.
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

/// Why a bot cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The token is of no bot, or was revoked.
    #[error("Telegram does not know the bot's token; ask @BotFather for the right one")]
    Token,
}

/// Places where a test can kill the process, for [`vmm_core`]'s feature `crash-points`.
pub const CRASH_POINTS: &[&str] = &[
    "bot.update.stored",
    "bot.update.begun",
    "bot.update.acted",
    "bot.update.ended",
    "bot.post.sent",
    "bot.post.closed",
    "bot.notice.told",
];

/// Answers people in Telegram, over one desk, until `stop` is there and what is under way has ended. Updates that were stored are answered, and
/// messages that were not delivered are sent, by the next one who runs the same bot on the same records. Nothing is lost
/// between one who asks Telegram for updates and one who has them sent to a [`Webhook`].
///
/// While Telegram cannot be reached it tries again. It does none of the desk's background work, for which somebody calls
/// [`Vmm::work`]. Of one bot, one process runs at a time.
///
/// # Errors
/// [`RunError::Token`] if Telegram does not know the token.
pub async fn run(bot: Bot, vmm: Vmm, options: Options, stop: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    let mut stop = pin!(stop);
    let me = tokio::select! {
        me = introduce(&bot, &options) => me?,
        () = &mut stop => return Ok(()),
    };
    tracing::info!(bot = me.username(), "the bot is there");
    let id = BotId(i64::try_from(me.id.0).unwrap_or(i64::MAX));
    let mail = vmm.bot_mail(id);
    let outbox = outbox::Outbox::new(bot.clone(), mail.clone(), options.clone());
    let parts = Arc::new(parts::Parts {
        vmm,
        mail: mail.clone(),
        bot: bot.clone(),
        id,
        name: me.username().to_owned(),
        secrets: secrets::Secrets::default(),
        running: running::Running::default(),
        pause: options.notice_pause,
        wake: outbox.wake(),
    });
    let handler = Arc::new(handler::Handler::new(Arc::clone(&parts)));
    let notices = notices::Notices::new(parts, options.notice_pause);
    let menus = menus::Menus::new(bot.clone(), mail.clone(), options.clone());
    let inbox = inbox::Inbox::new(bot.clone(), mail, options.clone(), outbox.wake());
    let incoming = async {
        match &options.webhook {
            None => inbox.poll().await,
            Some(webhook) => tokio::select! {
                never = inbox.take(webhook) => match never {},
                error = webhook.watch(&bot, &options) => error,
            },
        }
    };
    let result = tokio::select! {
        error = incoming => Err(error),
        never = inbox.dispatch(handler) => match never {},
        never = outbox.deliver() => match never {},
        never = notices.watch() => match never {},
        never = menus.watch() => match never {},
        () = stop => Ok(()),
    };
    // What is not done by then is as after a kill.
    let under_way = async { tokio::join!(inbox.drain(), outbox.drain()) };
    if timeout(options.send_deadline, under_way).await.is_err() {
        tracing::warn!("not all that was under way has ended");
    }
    result
}

/// Asks Telegram who the bot is, and tells it what the bot knows.
async fn introduce(bot: &Bot, options: &Options) -> Result<Me, RunError> {
    let mut failures = 0;
    loop {
        let greeting = async {
            let me = client::within(options.send_deadline, bot.get_me().send()).await?;
            match &options.webhook {
                Some(webhook) => client::within(options.send_deadline, webhook.set(bot)).await?,
                // With a webhook set, nobody may poll. What waits to be sent to it is there to be asked for.
                None => client::within(options.send_deadline, bot.delete_webhook().send()).await.map(drop)?,
            }
            menus::tell_everybody(bot, options).await?;
            Ok::<_, RequestError>(me)
        };
        match greeting.await {
            Ok(me) => return Ok(me),
            Err(RequestError::Api(ApiError::InvalidToken)) => return Err(RunError::Token),
            Err(error) => {
                tracing::warn!(error = hidden(&error), "Telegram cannot be reached; it is tried again");
                sleep(client::pause(&error, options, failures)).await;
                failures += 1;
            }
        }
    }
}

/// A place where a test may kill the process.
async fn crash_point(step: &str, moment: &str) {
    #[cfg(feature = "crash-points")]
    vmm_core::crash::point("bot", step, moment).await;
    #[cfg(not(feature = "crash-points"))]
    let _ = (step, moment);
}
