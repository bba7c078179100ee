//! The language of tests: people say, press and upload, and wait for what the bot shows them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::FakeTelegram;
use super::message::{CallbackAnswer, Event, Message, StoredFile, now};

/// The time that people wait for what they expect.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A person in one chat. What is seen once is not seen again: each wait begins behind what the last one found. Clones
/// share how far they have read.
#[derive(Clone, Debug)]
pub struct Person {
    telegram: FakeTelegram,
    id: i64,
    chat: i64,
    read: Arc<Mutex<usize>>,
}

/// Ways for a message not to be what it seems: in none of them has the person just written it to the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disguise {
    /// Forwarded from a person.
    Forwarded,
    /// Forwarded from a person who hides.
    ForwardedFromHidden,
    /// Forwarded from a channel.
    ForwardedFromChannel,
    /// Put together by another bot.
    ViaBot,
    /// Written by an admin who does not say which.
    AnonymousAdmin,
    /// Written by a channel in a group.
    AsChannel,
    /// Forwarded by Telegram from the channel that a group belongs to.
    LinkedChannel,
    /// Changed after it was sent.
    Edited,
    /// A post in a channel.
    ChannelPost,
    /// A post in a channel, changed after it was sent.
    EditedChannelPost,
    /// Written to a business that the bot works for.
    Business,
    /// Written by a bot.
    ByBot,
}

impl Disguise {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Forwarded,
        Self::ForwardedFromHidden,
        Self::ForwardedFromChannel,
        Self::ViaBot,
        Self::AnonymousAdmin,
        Self::AsChannel,
        Self::LinkedChannel,
        Self::Edited,
        Self::ChannelPost,
        Self::EditedChannelPost,
        Self::Business,
        Self::ByBot,
    ];
}

/// A press on a button, which waits for its answer.
#[derive(Clone, Debug)]
pub struct Press {
    telegram: FakeTelegram,
    id: String,
}

impl Press {
    /// Waits for the answer.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn answer(&self) -> CallbackAnswer {
        let answer = |telegram: &FakeTelegram| telegram.shared.lock().presses.get(&self.id).cloned().flatten();
        self.telegram.until("the press is answered", |telegram| answer(telegram).is_some()).await;
        answer(&self.telegram).expect("an answer is never taken back")
    }
}

impl Person {
    pub(super) fn new(telegram: FakeTelegram, id: i64, chat: i64) -> Self {
        Self { telegram, id, chat, read: Arc::default() }
    }

    /// The person's id, which is also that of the private chat.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The chat that the person is in here.
    pub fn chat(&self) -> i64 {
        self.chat
    }

    /// Says something to the bot; gives the message's number.
    pub fn says(&self, text: &str) -> i32 {
        self.send(text, None, "message", Map::new())
    }

    /// Tells the bot a secret, and waits until it has deleted that from the chat.
    ///
    /// # Panics
    /// When it is not deleted in time.
    pub async fn tells(&self, secret: &str) {
        let message = self.says(secret);
        self.sees_deleted(message).await;
    }

    /// Says something in answer to a message; gives the message's number.
    pub fn replies(&self, to: &Message, text: &str) -> i32 {
        self.send(text, None, "message", self.answering(to))
    }

    /// Uploads a document in answer to a message; gives the message's number.
    pub fn replies_with(&self, to: &Message, name: &str, bytes: &[u8], caption: &str) -> i32 {
        let file = self.telegram.shared.change(|state| state.keep(name.to_owned(), bytes.to_vec()));
        self.send(caption, Some(file), "message", self.answering(to))
    }

    /// Returns the JSON fields of a message that answers another one.
    fn answering(&self, to: &Message) -> Map<String, Value> {
        let state = self.telegram.shared.lock();
        let chat = state.chats.get(&self.chat).map(|chat| chat.json.clone()).unwrap_or_default();
        Map::from_iter([("reply_to_message".to_owned(), to.json(&chat))])
    }

    /// The menu that the person sees in this chat, as name and description of each command.
    pub fn menu(&self) -> Vec<(String, String)> {
        self.telegram.shared.lock().menu(self.chat, self.id)
    }

    /// Uploads a document; gives the message's number.
    pub fn uploads(&self, name: &str, bytes: &[u8], caption: &str) -> i32 {
        let file = self.telegram.shared.change(|state| state.keep(name.to_owned(), bytes.to_vec()));
        self.send(caption, Some(file), "message", Map::new())
    }

    /// Lets something reach the bot that the person did not just write to it.
    pub fn says_as(&self, disguise: Disguise, text: &str) -> i32 {
        let somebody = json!({ "id": 99, "is_bot": false, "first_name": "Somebody" });
        let bot = json!({ "id": 98, "is_bot": true, "first_name": "Other", "username": "other_bot" });
        let channel = json!({ "id": -1_009_999_999_999_i64, "type": "channel", "title": "News" });
        let group = json!({ "id": self.chat, "type": "supergroup", "title": "group" });
        let date = now();
        let origin = |origin: Value| json!({ "forward_origin": origin });
        let (kind, extra) = match disguise {
            Disguise::Forwarded => {
                ("message", origin(json!({ "type": "user", "date": date, "sender_user": somebody })))
            }
            Disguise::ForwardedFromHidden => {
                ("message", origin(json!({ "type": "hidden_user", "date": date, "sender_user_name": "S" })))
            }
            Disguise::ForwardedFromChannel => {
                ("message", origin(json!({ "type": "channel", "date": date, "chat": channel, "message_id": 5 })))
            }
            Disguise::ViaBot => ("message", json!({ "via_bot": bot })),
            Disguise::AnonymousAdmin => ("message", json!({ "sender_chat": group })),
            Disguise::AsChannel => ("message", json!({ "sender_chat": channel })),
            Disguise::LinkedChannel => ("message", json!({ "sender_chat": channel, "is_automatic_forward": true })),
            Disguise::Edited => ("edited_message", json!({ "edit_date": date })),
            Disguise::ChannelPost => ("channel_post", json!({ "sender_chat": channel })),
            Disguise::EditedChannelPost => {
                ("edited_channel_post", json!({ "sender_chat": channel, "edit_date": date }))
            }
            Disguise::Business => ("business_message", json!({ "business_connection_id": "b" })),
            Disguise::ByBot => ("message", json!({ "from": { "id": self.id, "is_bot": true, "first_name": "Bot" } })),
        };
        let Value::Object(extra) = extra else { unreachable!("each is an object") };
        self.send(text, None, kind, extra)
    }

    /// Presses the button with this label.
    ///
    /// # Panics
    /// When the message has none.
    pub fn presses(&self, message: &Message, label: &str) -> Press {
        let button = message.button(label);
        let button = button.unwrap_or_else(|| panic!("no button {label:?} under {}", message.line()));
        self.presses_data(message, &button.data)
    }

    /// Presses a button that tells the bot this, whether the message has it or not.
    pub fn presses_data(&self, message: &Message, data: &str) -> Press {
        let id = self.telegram.shared.change(|state| {
            let id = format!("press-{}", state.presses.len() + 1);
            state.presses.insert(id.clone(), None);
            let mut query = json!({
                "id": id, "from": state.people[&self.id], "chat_instance": "1", "data": data,
            });
            let person = query["from"]["first_name"].as_str().unwrap_or_default().to_owned();
            if let Some(chat) = state.chats.get_mut(&message.chat) {
                let button = message.buttons.iter().flatten().find(|button| button.data == data);
                chat.events.extend(button.map(|button| Event::Pressed { person, label: button.label.clone() }));
                query["message"] = chat.messages.get(&message.id).unwrap_or(message).json(&chat.json);
            }
            state.push("callback_query", query);
            id
        });
        Press { telegram: self.telegram.clone(), id }
    }

    /// Blocks the bot, or lets it write again.
    pub fn blocks(&self, blocked: bool) {
        self.telegram.shared.change(|state| {
            if let Some(chat) = state.chats.get_mut(&self.chat) {
                chat.blocked = blocked;
            }
        });
    }

    /// Waits for a new message of the bot with these words.
    ///
    /// # Panics
    /// When there is none in time; the message has what was written in the chat.
    pub async fn sees(&self, words: &str) -> Message {
        let wanted = |event: &Event| match event {
            Event::Sent(message) if message.from_bot && message.text.contains(words) => Some(message.clone()),
            _ => None,
        };
        self.wait(&format!("a message with {words:?}"), wanted).await
    }

    /// Waits until a message of the bot is changed to have these words.
    ///
    /// # Panics
    /// When it is not in time.
    pub async fn sees_edit(&self, of: &Message, words: &str) -> Message {
        let wanted = |event: &Event| match event {
            Event::Edited(message) if message.id == of.id && message.text.contains(words) => Some(message.clone()),
            _ => None,
        };
        self.wait(&format!("message {} edited to have {words:?}", of.id), wanted).await
    }

    /// Waits until a message of the bot has these words, be it as it was sent or after a change.
    ///
    /// # Panics
    /// If that does not happen in time.
    pub async fn sees_in(&self, message: &Message, words: &str) -> Message {
        if message.text.contains(words) { message.clone() } else { self.sees_edit(message, words).await }
    }

    /// Waits for a document of the bot whose name has these words.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn sees_document(&self, name: &str) -> Message {
        let named = |message: &Message| message.document.as_ref().is_some_and(|file| file.name.contains(name));
        let wanted = |event: &Event| match event {
            Event::Sent(message) if message.from_bot && named(message) => Some(message.clone()),
            _ => None,
        };
        self.wait(&format!("a document {name:?}"), wanted).await
    }

    /// Waits for a photo of the bot.
    ///
    /// # Panics
    /// When there is none in time.
    pub async fn sees_photo(&self) -> Message {
        let wanted = |event: &Event| match event {
            Event::Sent(message) if message.from_bot && message.photo.is_some() => Some(message.clone()),
            _ => None,
        };
        self.wait("a photo", wanted).await
    }

    /// Waits until the bot deletes the message with this number.
    ///
    /// # Panics
    /// When it is not deleted in time.
    pub async fn sees_deleted(&self, id: i32) {
        let wanted = |event: &Event| matches!(event, Event::Deleted(deleted) if *deleted == id).then_some(());
        self.wait(&format!("message {id} deleted"), wanted).await;
    }

    /// Returns the bot's events in the chat after the last one that was seen; it counts as seen from now on.
    pub fn unread(&self) -> Vec<Event> {
        let events = self.events();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let new = events[*read..].to_vec();
        *read = events.len();
        let by_bot = |event: &Event| match event {
            Event::Sent(message) => message.from_bot,
            Event::Edited(_) | Event::Deleted(_) => true,
            Event::Pressed { .. } => false,
        };
        new.into_iter().filter(by_bot).collect()
    }

    /// Every message of the bot in the chat, as it was sent.
    pub fn messages(&self) -> Vec<Message> {
        let sent = self.events().into_iter().filter_map(|event| match event {
            Event::Sent(message) if message.from_bot => Some(message),
            _ => None,
        });
        sent.collect()
    }

    /// The newest message of the bot in the chat, as it was sent.
    pub fn latest(&self) -> Option<Message> {
        let state = self.telegram.shared.lock();
        state.chats.get(&self.chat)?.events.iter().rev().find_map(|event| match event {
            Event::Sent(message) if message.from_bot => Some(message.clone()),
            _ => None,
        })
    }

    /// Everything in the chat so far, a line each.
    pub fn transcript(&self) -> String {
        self.events().iter().map(|event| event.line() + "\n").collect()
    }

    fn events(&self) -> Vec<Event> {
        self.telegram.shared.lock().chats.get(&self.chat).map(|chat| chat.events.clone()).unwrap_or_default()
    }

    async fn wait<T>(&self, what: &str, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let mut changed = self.telegram.shared.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = self.take(&wanted) {
                    return found;
                }
                // The sender lives as long as the server.
                let _ = changed.changed().await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("timed out waiting for {what}; the chat:\n{}", self.transcript()),
        }
    }

    fn take<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let events = self.events();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, found) = events.iter().enumerate().skip(*read).find_map(|(at, event)| Some((at, wanted(event)?)))?;
        *read = at + 1;
        Some(found)
    }

    fn send(&self, text: &str, document: Option<StoredFile>, kind: &str, extra: Map<String, Value>) -> i32 {
        self.telegram.shared.change(|state| {
            let person = state.people[&self.id].clone();
            let author = person["first_name"].as_str().unwrap_or_default().to_owned();
            let mut parts = Map::new();
            parts.insert("from".to_owned(), person);
            if text.starts_with('/') {
                let length = text.split_whitespace().next().unwrap_or_default().encode_utf16().count();
                let entities = json!([{ "type": "bot_command", "offset": 0, "length": length }]);
                parts.insert("entities".to_owned(), entities);
            }
            parts.extend(extra);
            let Some(chat) = state.chats.get_mut(&self.chat) else { return 0 };
            chat.begun = true;
            let message = Message {
                id: 0,
                chat: self.chat,
                author,
                text: text.to_owned(),
                entities: Vec::new(),
                buttons: Vec::new(),
                document,
                photo: None,
                reply_to: None,
                from_bot: false,
                date: now(),
                extra: parts,
            };
            let (message, json) = chat.add(message);
            state.push(kind, json);
            message.id
        })
    }
}
