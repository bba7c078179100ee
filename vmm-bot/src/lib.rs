#![doc = include_str!("../README.md")]

mod crash;
mod error;
mod options;
mod talk;
mod transport;

use std::pin::pin;
use std::sync::Arc;

use teloxide::prelude::*;
use teloxide::types::Me;
use teloxide::{ApiError, RequestError};
use tokio::time::{sleep, timeout};
use vmm_core::Vmm;
use vmm_core::model::BotId;

pub use crash::CRASH_POINTS;
pub use error::RunError;
pub use options::Options;
pub use teloxide::Bot;
pub use transport::client::{client, hidden};
pub use transport::webhook::Webhook;

use crate::talk::context::Context;
use crate::talk::handler::Handler;
use crate::talk::menus::{self, Menus};
use crate::talk::notices::Notices;
use crate::talk::running::Running;
use crate::talk::secrets::Secrets;
use crate::transport::client;
use crate::transport::inbox::Inbox;
use crate::transport::outbox::Outbox;

/// Answers people in Telegram, over one desk, until `stop` is ready and what is in progress has ended.
///
/// The next process of the bot on these records answers the updates that were stored, and sends the messages that
/// were not delivered. No update is lost between a process that asks Telegram for updates and one that has them sent to
/// a [`Webhook`]. While Telegram cannot be reached, the bot retries.
///
/// The bot does none of the desk's background work; [`Vmm::work`] does. Run one process of a bot at a time.
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
    let outbox = Outbox::new(bot.clone(), mail.clone(), options.clone());
    let context = Arc::new(Context {
        vmm,
        mail: mail.clone(),
        bot: bot.clone(),
        id,
        name: me.username().to_owned(),
        secrets: Secrets::default(),
        running: Running::default(),
        pause: options.notice_pause,
        wake: outbox.wake(),
    });
    let handler = Arc::new(Handler::new(Arc::clone(&context)));
    let notices = Notices::new(context, options.notice_pause);
    let menus = Menus::new(bot.clone(), mail.clone(), options.clone());
    let inbox = Inbox::new(bot.clone(), mail, options.clone(), outbox.wake());
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
