//! What goes out: kept until it is delivered, in order within a chat.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use teloxide::payloads::{AnswerCallbackQuerySetters, EditMessageTextSetters, SendMessageSetters};
use teloxide::prelude::*;
use teloxide::types::{
    CallbackQueryId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, ParseMode,
};
use teloxide::{ApiError, Bot, RequestError};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vmm_core::BotMail;
use vmm_core::model::{Post, PostId};

use crate::post::{Body, Outgoing};
use crate::{Options, client, crash_point};

/// How many messages are under way at once. Telegram takes about 30 a second, and those under way when the process is
/// killed may come again.
const AT_ONCE: usize = 8;
/// How long nobody needs to look whether there is something to send.
const IDLE: Duration = Duration::from_secs(60);
/// The pause before the database is asked again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

pub(crate) struct Outbox {
    sender: Arc<Sender>,
    wake: Arc<Notify>,
    /// What is under way; it ends well after `deliver` was dropped.
    tasks: Mutex<JoinSet<i64>>,
}

struct Sender {
    bot: Bot,
    mail: BotMail,
    options: Options,
}

/// What became of one try.
enum Tried {
    /// It is there, as this message if it is one.
    Delivered(Option<i64>),
    /// It can never be delivered.
    Refused(String),
    /// To be tried again after a while.
    Later(Duration, String),
}

impl Outbox {
    pub(crate) fn new(bot: Bot, mail: BotMail, options: Options) -> Self {
        Self { sender: Arc::new(Sender { bot, mail, options }), wake: Arc::default(), tasks: Mutex::default() }
    }

    /// To be woken when there may be something to send.
    pub(crate) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Sends what is stored, whenever there is something.
    pub(crate) async fn deliver(&self) -> Infallible {
        let mut sending = HashSet::new();
        let mut tasks = self.tasks.lock().await;
        loop {
            let wait = match self.sender.mail.next_posts().await {
                Ok(posts) => self.start(posts, &mut sending, &mut tasks),
                Err(error) => {
                    tracing::warn!(%error, "what is to be sent cannot be read; it is tried again");
                    DATABASE_PAUSE
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = sleep(wait) => {}
                Some(task) = tasks.join_next() => match task {
                    Ok(chat) => drop(sending.remove(&chat)),
                    Err(error) => tracing::error!(%error, "a message could not be sent"),
                },
            }
        }
    }

    /// Waits until nothing is under way any more.
    pub(crate) async fn drain(&self) {
        while self.tasks.lock().await.join_next().await.is_some() {}
    }

    /// Begins to send what is due; gives how long nothing else is.
    fn start(&self, posts: Vec<Post>, sending: &mut HashSet<i64>, tasks: &mut JoinSet<i64>) -> Duration {
        let now = Utc::now();
        let mut wait = IDLE;
        for post in posts {
            if post.due_at > now {
                wait = wait.min(until(post.due_at, now));
            } else if tasks.len() < AT_ONCE && sending.insert(post.chat) {
                let sender = Arc::clone(&self.sender);
                tasks.spawn(async move { sender.send(post).await });
            }
        }
        wait
    }
}

impl Sender {
    /// Tries to send something once; gives its chat.
    async fn send(&self, post: Post) -> i64 {
        let tried = match serde_json::from_str(&post.content) {
            Ok(content) => self.attempt(&post, content).await,
            Err(error) => Tried::Refused(format!("it cannot be read: {error}")),
        };
        let (message, id) = match tried {
            Tried::Delivered(message) => (message, post.id),
            Tried::Refused(reason) => {
                tracing::warn!(chat = post.chat, reason, "a message is not delivered");
                (None, post.id)
            }
            Tried::Later(wait, reason) => {
                tracing::info!(chat = post.chat, reason, "a message is sent later");
                self.postpone(post.id, wait).await;
                return post.chat;
            }
        };
        crash_point("post", "sent").await;
        while let Err(error) = self.mail.close_post(id, message).await {
            tracing::warn!(%error, "that a message was sent cannot be recorded; it is tried again");
            sleep(DATABASE_PAUSE).await;
        }
        crash_point("post", "closed").await;
        post.chat
    }

    async fn attempt(&self, post: &Post, content: Outgoing) -> Tried {
        let answers = matches!(content, Outgoing::Answer { .. });
        match timeout(self.options.send_deadline, self.call(post.chat, content)).await {
            Ok(Ok(message)) => Tried::Delivered(message),
            Ok(Err(error)) => self.judge(post, answers, &error),
            Err(_) => Tried::Later(client::backoff(&self.options, post.attempts), "no answer in time".to_owned()),
        }
    }

    fn judge(&self, post: &Post, answers: bool, error: &RequestError) -> Tried {
        match error {
            // An edit that came through, and was repeated because its answer was lost.
            RequestError::Api(ApiError::MessageNotModified) => Tried::Delivered(None),
            // A press that is answered or too old.
            RequestError::Api(_) if answers => Tried::Delivered(None),
            RequestError::Api(ApiError::Unknown(text)) if !is_refusal(text) => self.later(post, error),
            RequestError::Api(ApiError::InvalidToken) => self.later(post, error),
            RequestError::Api(_) | RequestError::MigrateToChatId(_) => Tried::Refused(client::hidden(error)),
            _ => self.later(post, error),
        }
    }

    fn later(&self, post: &Post, error: &RequestError) -> Tried {
        Tried::Later(client::pause(error, &self.options, post.attempts), client::hidden(error))
    }

    async fn postpone(&self, id: PostId, wait: Duration) {
        let due = Utc::now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        while let Err(error) = self.mail.postpone(id, due).await {
            tracing::warn!(%error, "a message cannot be postponed; it is tried again");
            sleep(DATABASE_PAUSE).await;
        }
    }

    async fn call(&self, chat: i64, content: Outgoing) -> Result<Option<i64>, RequestError> {
        let chat = ChatId(chat);
        match content {
            Outgoing::Say(body) => {
                let keyboard = keyboard(&body);
                let call = self.bot.send_message(chat, body.text).parse_mode(ParseMode::Html);
                let sent = call.reply_markup(keyboard).link_preview_options(no_preview()).await?;
                Ok(Some(sent.id.0.into()))
            }
            Outgoing::Change { message, body } => {
                let keyboard = keyboard(&body);
                let call = self.bot.edit_message_text(chat, MessageId(message), body.text).parse_mode(ParseMode::Html);
                call.reply_markup(keyboard).link_preview_options(no_preview()).await?;
                Ok(Some(message.into()))
            }
            Outgoing::Answer { press, text, alert } => {
                let call = self.bot.answer_callback_query(CallbackQueryId(press)).show_alert(alert);
                if text.is_empty() {
                    call.await?
                } else {
                    call.text(text).await?
                };
                Ok(None)
            }
        }
    }
}

/// Whether a description is one of a call that never will be done.
fn is_refusal(description: &str) -> bool {
    ["Bad Request", "Forbidden"].iter().any(|refusal| description.starts_with(refusal))
}

fn until(due: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (due - now).to_std().unwrap_or(Duration::ZERO)
}

fn keyboard(body: &Body) -> InlineKeyboardMarkup {
    let button = |(label, id): &(String, String)| InlineKeyboardButton::callback(label, id);
    InlineKeyboardMarkup::new(body.buttons.iter().map(|row| row.iter().map(button).collect::<Vec<_>>()))
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}
