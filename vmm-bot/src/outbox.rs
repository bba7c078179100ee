//! What goes out: kept until it is delivered, in order within a chat.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
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

use crate::post::{Body, Outgoing};
use crate::{Options, client, crash_point};

/// How many messages are under way at once. Telegram takes about 30 a second, and those under way when the process is
/// killed may come again.
const AT_ONCE: usize = 8;
/// How long nobody needs to look whether there is something to send.
const IDLE: Duration = Duration::from_secs(60);
/// How much of a file surely gets through in a second, in bytes.
const SLOWEST: u64 = 128 << 10;
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
            _ if post.superseded => Tried::Delivered(None),
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
        let file = match self.mail.attachment(post.id).await {
            Ok(file) => file,
            Err(error) => return Tried::Later(DATABASE_PAUSE, error.to_string()),
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

    async fn postpone(&self, id: PostId, wait: Duration) {
        let due = Utc::now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
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

/// Whether a message cannot become another text, so that there has to be a new one: it is gone, or shows a file.
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
