//! The sender of an update. Only what a person has just written to the bot, or pressed, counts; all else has no rights.

use serde_json::{Value, json};
use teloxide::types::{CallbackQuery, Chat, ChatMemberUpdated, Message, MessageKind, Update, UpdateKind};

use crate::transport::file::Document;

/// An update, as the bot understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Somebody has written this.
    Text { written: Written, text: String },
    /// Somebody has uploaded this, and perhaps said something with it.
    Document { written: Written, document: Document, caption: String },
    /// Somebody has pressed a button under this message.
    Press { from: From, press: String, message: i32, data: String },
    /// The bot was added to this group or removed from it.
    Moved { chat: i64 },
    /// This group is the other one from now on.
    Migrated { chat: i64, to: i64 },
    /// A press that cannot be told to be one of a button of the bot in a chat of this person.
    StrayPress { person: i64, press: String },
    /// A message in a private chat that its sender has not just written.
    NotOwn { chat: i64 },
    /// Nothing that concerns the bot.
    Nothing,
}

/// A message that its sender has just written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) from: From,
    /// Its number.
    pub(crate) message: i32,
    /// Whose message it answers, by the id of the account.
    pub(crate) answers: Option<i64>,
    /// The title of the group; empty in a private chat.
    pub(crate) title: String,
}

/// The chat and the person that an update comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct From {
    /// The chat.
    pub(crate) chat: i64,
    /// The person's id, which is also what an account is bound to.
    pub(crate) person: i64,
    /// True if nobody else can read the chat.
    pub(crate) private: bool,
}

/// Reads an update as it was stored.
pub(crate) fn read(content: &str) -> Incoming {
    match serde_json::from_str::<Update>(content).map(|update| update.kind) {
        Ok(UpdateKind::Message(message)) => read_message(&message),
        Ok(UpdateKind::CallbackQuery(query)) => read_press(query),
        Ok(UpdateKind::MyChatMember(change)) => read_move(&change),
        // Edits, channel posts, business messages and all that is new: nobody has spoken to the bot.
        _ => Incoming::Nothing,
    }
}

/// Returns the update with this text in place of its own, and with this file if there is one.
pub(crate) fn with_words(content: &str, words: &str, document: Option<&Document>) -> Option<String> {
    let mut update: Value = serde_json::from_str(content).ok()?;
    let message = update.get_mut("message")?.as_object_mut()?;
    message.remove("text");
    if let Some(Document { file, name, size }) = document {
        let document = json!({ "file_id": file, "file_unique_id": file, "file_name": name, "file_size": size });
        message.insert("document".to_owned(), document);
    }
    message.insert(if document.is_some() { "caption" } else { "text" }.to_owned(), words.into());
    // They speak of parts of the former text.
    message.remove("entities");
    message.remove("link_preview_options");
    Some(update.to_string())
}

/// Reads a change of the bot's membership in a chat. While it stays, its rights in Telegram say nothing about those of
/// people.
fn read_move(change: &ChatMemberUpdated) -> Incoming {
    let stays = change.old_chat_member.kind.is_present() && change.new_chat_member.kind.is_present();
    if stays || change.chat.is_private() { Incoming::Nothing } else { Incoming::Moved { chat: change.chat.id.0 } }
}

fn read_message(message: &Message) -> Incoming {
    if let Some(to) = message.migrate_to_chat_id() {
        return Incoming::Migrated { chat: message.chat.id.0, to: to.0 };
    }
    let Some(from) = person(message) else {
        let private = message.chat.is_private();
        return if private { Incoming::NotOwn { chat: message.chat.id.0 } } else { Incoming::Nothing };
    };
    let author = message.reply_to_message().and_then(|answered| answered.from.as_ref());
    let written = Written {
        from,
        message: message.id.0,
        answers: author.and_then(|author| i64::try_from(author.id.0).ok()),
        title: message.chat.title().unwrap_or_default().to_owned(),
    };
    match (message.text(), message.document()) {
        (Some(text), _) => Incoming::Text { written, text: text.to_owned() },
        (None, Some(document)) => {
            let name = document.file_name.clone().unwrap_or_else(|| "file".to_owned());
            let (file, size) = (document.file.id.0.clone(), document.file.size);
            let caption = message.caption().unwrap_or_default().to_owned();
            Incoming::Document { written, document: Document { file, name, size }, caption }
        }
        (None, None) => Incoming::Nothing,
    }
}

/// The person who has just written this message and nobody else.
fn person(message: &Message) -> Option<From> {
    let common = match &message.kind {
        MessageKind::Common(common) => Some(common),
        _ => None,
    };
    let second_hand = message.sender_chat.is_some()
        || message.via_bot.is_some()
        || message.sender_business_bot.is_some()
        || message.forward_origin().is_some()
        || message.edit_date().is_some()
        || common.is_none_or(|common| common.is_automatic_forward || common.business_connection_id.is_some());
    let sender = message.from.as_ref().filter(|sender| !sender.is_bot && !second_hand)?;
    place(&message.chat, i64::try_from(sender.id.0).ok()?)
}

fn read_press(query: CallbackQuery) -> Incoming {
    let message = query.regular_message().map(|message| (message.chat.clone(), message.id));
    let person = i64::try_from(query.from.id.0).ok().filter(|_| !query.from.is_bot);
    let from = message.as_ref().zip(person).and_then(|((chat, _), person)| place(chat, person));
    match (from, message, query.data) {
        (Some(from), Some((_, id)), Some(data)) => Incoming::Press { from, press: query.id.0, message: id.0, data },
        _ => Incoming::StrayPress { person: person.unwrap_or_default(), press: query.id.0 },
    }
}

fn place(chat: &Chat, person: i64) -> Option<From> {
    let private = chat.is_private();
    // A private chat has its person's id; a channel has no persons.
    let fits = if private { chat.id.0 == person } else { chat.is_group() || chat.is_supergroup() };
    fits.then_some(From { chat: chat.id.0, person, private })
}
