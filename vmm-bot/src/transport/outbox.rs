//! Outgoing messages: kept until they are delivered, in order within a chat.

mod queue;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use teloxide::payloads::{
    AnswerCallbackQuerySetters, EditMessageTextSetters, SendDocumentSetters, SendMessageSetters, SendPhotoSetters,
};
use teloxide::prelude::*;
use teloxide::types::{
    CallbackQueryId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions, MessageId, ParseMode,
};
use teloxide::{ApiError, Bot, RequestError};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vmm_core::BotMail;
use vmm_core::model::{Attachment, Post, PostId};

use self::queue::Queue;
use crate::crash::crash_point;
use crate::options::Options;
use crate::transport::client;
use crate::transport::post::{Body, Outgoing};

/// The largest number of messages under way at once. Telegram takes about 30 a second, and those under way when the
/// process is killed may be sent again.
const AT_ONCE: usize = 8;
/// The interval at which the outbox looks for messages without being woken.
const IDLE: Duration = Duration::from_secs(60);
/// The slowest expected rate of a file, in bytes per second.
const SLOWEST: u64 = 128 << 10;
/// The pause before the database is asked again.
const DATABASE_PAUSE: Duration = Duration::from_millis(500);

pub(crate) struct Outbox {
    sender: Arc<Sender>,
    wake: Arc<Notify>,
    /// The messages under way, which continue after `deliver` was dropped.
    tasks: Mutex<JoinSet<Sent>>,
}

/// A chat whose post was tried, and when to try it again, if it is to be.
type Sent = (i64, Option<DateTime<Utc>>);

struct Sender {
    bot: Bot,
    mail: BotMail,
    options: Options,
}

/// The outcome of one try.
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
        let (mut queue, mut look) = (Queue::default(), true);
        let mut tasks = self.tasks.lock().await;
        loop {
            let mut wait = IDLE;
            if look {
                match self.sender.mail.waiting_posts(queue.last()).await {
                    Ok(posts) => {
                        queue.add(posts);
                        look = false;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "what is to be sent cannot be read; it is tried again");
                        wait = DATABASE_PAUSE;
                    }
                }
            }
            let now = Utc::now();
            while tasks.len() < AT_ONCE
                && let Some((id, chat)) = queue.take(now)
            {
                let sender = Arc::clone(&self.sender);
                tasks.spawn(async move { (chat, sender.send_whatever_happens(id, chat).await) });
            }
            // With all under way, only the end of one of them helps.
            if let Some(due) = queue.due().filter(|_| tasks.len() < AT_ONCE) {
                wait = wait.min(until(due, now));
            }
            tokio::select! {
                () = self.wake.notified() => look = true,
                () = sleep(wait) => look = true,
                Some(task) = tasks.join_next() => match task {
                    Ok((chat, again)) => queue.settle(chat, again),
                    Err(error) => tracing::error!(%error, "a message could not be sent"),
                },
            }
        }
    }

    /// Waits until no message is in progress.
    pub(crate) async fn drain(&self) {
        while self.tasks.lock().await.join_next().await.is_some() {}
    }
}

impl Sender {
    /// Tries to send something once; gives when to try it again, if it is to be.
    async fn send_whatever_happens(&self, id: PostId, chat: i64) -> Option<DateTime<Utc>> {
        match AssertUnwindSafe(self.send(id)).catch_unwind().await {
            Ok(again) => again,
            Err(_) => {
                tracing::error!(chat, "sending a message panicked; it is tried again");
                Some(after(IDLE))
            }
        }
    }

    async fn send(&self, id: PostId) -> Option<DateTime<Utc>> {
        let post = match self.mail.waiting_post(id).await {
            Ok(Some(post)) => post,
            // Somebody has removed it.
            Ok(None) => return None,
            Err(error) => {
                tracing::warn!(%error, "a message cannot be read; it is tried again");
                return Some(after(DATABASE_PAUSE));
            }
        };
        let tried = match serde_json::from_str(&post.content) {
            _ if post.superseded => Tried::Delivered(None),
            Ok(content) => self.attempt(&post, content).await,
            Err(error) => Tried::Refused(format!("it cannot be read: {error}")),
        };
        let message = match tried {
            Tried::Delivered(message) => message,
            Tried::Refused(reason) => {
                tracing::warn!(chat = post.chat, reason, "a message is not delivered");
                None
            }
            Tried::Later(wait, reason) => {
                tracing::info!(chat = post.chat, reason, "a message is sent later");
                let due = after(wait);
                self.postpone(post.id, due).await;
                return Some(due);
            }
        };
        crash_point("post", "sent").await;
        while let Err(error) = self.mail.close_post(post.id, message).await {
            tracing::warn!(%error, "that a message was sent cannot be recorded; it is tried again");
            sleep(DATABASE_PAUSE).await;
        }
        crash_point("post", "closed").await;
        None
    }

    async fn attempt(&self, post: &Post, content: Outgoing) -> Tried {
        let file = match content {
            Outgoing::Document(_) | Outgoing::Photo(_) => match self.mail.attachment(post.id).await {
                Ok(file) => file,
                Err(error) => return Tried::Later(DATABASE_PAUSE, error.to_string()),
            },
            Outgoing::Text(_) | Outgoing::Delete { .. } | Outgoing::Answer { .. } => None,
        };
        let passing = matches!(content, Outgoing::Answer { .. } | Outgoing::Delete { .. });
        let size = file.as_ref().map_or(0, |file| file.bytes.len() as u64);
        let deadline = self.options.send_deadline + Duration::from_secs(size / SLOWEST);
        match timeout(deadline, self.call(post, content, file)).await {
            Ok(Ok(message)) => Tried::Delivered(message),
            Ok(Err(error)) => self.judge(post, passing, &error),
            Err(_) => Tried::Later(client::backoff(&self.options, post.attempts), "no answer in time".to_owned()),
        }
    }

    fn judge(&self, post: &Post, passing: bool, error: &RequestError) -> Tried {
        match error {
            // An edit that came through, and was repeated because its answer was lost.
            RequestError::Api(ApiError::MessageNotModified) => Tried::Delivered(post.message),
            // A press that is answered or too old, or a message that is gone.
            RequestError::Api(_) if passing => Tried::Delivered(None),
            RequestError::Api(ApiError::Unknown(text)) if !is_refusal(text) => self.later(post, error),
            RequestError::Api(ApiError::InvalidToken) => self.later(post, error),
            RequestError::Api(_) | RequestError::MigrateToChatId(_) => Tried::Refused(client::hidden(error)),
            _ => self.later(post, error),
        }
    }

    fn later(&self, post: &Post, error: &RequestError) -> Tried {
        Tried::Later(client::pause(error, &self.options, post.attempts), client::hidden(error))
    }

    async fn postpone(&self, id: PostId, due: DateTime<Utc>) {
        while let Err(error) = self.mail.postpone(id, due).await {
            tracing::warn!(%error, "a message cannot be postponed; it is tried again");
            sleep(DATABASE_PAUSE).await;
        }
    }

    async fn call(
        &self,
        post: &Post,
        content: Outgoing,
        file: Option<Attachment>,
    ) -> Result<Option<i64>, RequestError> {
        let chat = ChatId(post.chat);
        let sent = match content {
            Outgoing::Text(body) => {
                let message = post.message.and_then(|message| i32::try_from(message).ok());
                if let Some(message) = message {
                    match self.edit(chat, message, body.clone()).await {
                        Err(error) if cannot_be_edited(&error) => {}
                        edited => return edited.map(|()| post.message),
                    }
                }
                let keyboard = keyboard(&body);
                let call = self.bot.send_message(chat, body.text).parse_mode(ParseMode::Html);
                call.reply_markup(keyboard).link_preview_options(no_preview()).await?
            }
            Outgoing::Document(body) => {
                let keyboard = keyboard(&body);
                let call = self.bot.send_document(chat, upload(file)).caption(body.text).parse_mode(ParseMode::Html);
                call.reply_markup(keyboard).await?
            }
            Outgoing::Photo(body) => {
                let keyboard = keyboard(&body);
                let call = self.bot.send_photo(chat, upload(file)).caption(body.text).parse_mode(ParseMode::Html);
                call.reply_markup(keyboard).await?
            }
            Outgoing::Delete { message } => {
                self.bot.delete_message(chat, MessageId(message)).await?;
                return Ok(None);
            }
            Outgoing::Answer { press, text, alert } => {
                let call = self.bot.answer_callback_query(CallbackQueryId(press)).show_alert(alert);
                if text.is_empty() {
                    call.await?
                } else {
                    call.text(text).await?
                };
                return Ok(None);
            }
        };
        Ok(Some(sent.id.0.into()))
    }

    async fn edit(&self, chat: ChatId, message: i32, body: Body) -> Result<(), RequestError> {
        let keyboard = keyboard(&body);
        let call = self.bot.edit_message_text(chat, MessageId(message), body.text).parse_mode(ParseMode::Html);
        call.reply_markup(keyboard).link_preview_options(no_preview()).await.map(drop)
    }
}

/// Returns whether a message cannot be edited, because it is gone or shows a file, so that a new one is needed.
fn cannot_be_edited(error: &RequestError) -> bool {
    match error {
        RequestError::Api(ApiError::MessageToEditNotFound | ApiError::MessageCantBeEdited) => true,
        RequestError::Api(ApiError::Unknown(text)) => text.contains("no text in the message to edit"),
        _ => false,
    }
}

fn upload(file: Option<Attachment>) -> InputFile {
    // What should have a file and has none is refused by Telegram, as an empty one is.
    let Attachment { name, bytes } = file.unwrap_or_else(|| Attachment { name: "empty".to_owned(), bytes: Vec::new() });
    InputFile::memory(bytes).file_name(name)
}

/// Returns whether a description means that the call is refused for good.
fn is_refusal(description: &str) -> bool {
    ["Bad Request", "Forbidden"].iter().any(|refusal| description.starts_with(refusal))
}

fn after(wait: Duration) -> DateTime<Utc> {
    Utc::now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX)
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
