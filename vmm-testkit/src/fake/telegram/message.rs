//! The contents of a chat.

use serde_json::{Map, Value, json};

use super::{BOT_ID, BOT_NAME};

/// A button under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// The button's label.
    pub label: String,
    /// The data that a press sends to the bot; empty if it opens an address.
    pub data: String,
}

/// A part of a text that is shown in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// `bold`, `code`, `pre` and so on.
    pub kind: String,
    /// The part.
    pub text: String,
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// A file that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// The id by which the bot asks for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A message as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its number in its chat.
    pub id: i32,
    /// Its chat.
    pub chat: i64,
    /// The author, as people see the name.
    pub author: String,
    /// Its text or caption, without markup.
    pub text: String,
    /// The formatting of parts of the text.
    pub entities: Vec<Entity>,
    /// The rows of buttons under it.
    pub buttons: Vec<Vec<Button>>,
    /// The document that it carries.
    pub document: Option<StoredFile>,
    /// The photo that it carries.
    pub photo: Option<StoredFile>,
    /// The message that it answers.
    pub reply_to: Option<i32>,
    pub(super) from_bot: bool,
    pub(super) date: i64,
    /// The part of its JSON that does not follow from the fields: sender, origin.
    pub(super) extra: Map<String, Value>,
}

impl Message {
    /// A message of the bot without content.
    pub(super) fn of_bot() -> Self {
        Self {
            id: 0,
            chat: 0,
            author: "vmm".to_owned(),
            text: String::new(),
            entities: Vec::new(),
            buttons: Vec::new(),
            document: None,
            photo: None,
            reply_to: None,
            from_bot: true,
            date: now(),
            extra: Map::new(),
        }
    }

    /// The button with this label.
    pub fn button(&self, label: &str) -> Option<&Button> {
        self.buttons.iter().flatten().find(|button| button.label == label)
    }

    /// The labels of all buttons, row by row.
    pub fn labels(&self) -> Vec<&str> {
        self.buttons.iter().flatten().map(|button| button.label.as_str()).collect()
    }

    /// The text of the first part that is shown so.
    pub fn part(&self, kind: &str) -> Option<&str> {
        self.entities.iter().find(|entity| entity.kind == kind).map(|entity| entity.text.as_str())
    }

    /// As the Bot API writes it, in a chat that it writes so.
    pub(super) fn json(&self, chat: &Value) -> Value {
        let mut json = json!({ "message_id": self.id, "date": self.date, "chat": chat });
        if self.from_bot {
            json["from"] = bot();
        }
        let (text, entities) = if self.has_file() { ("caption", "caption_entities") } else { ("text", "entities") };
        if !self.text.is_empty() {
            json[text] = self.text.as_str().into();
        }
        if !self.entities.is_empty() {
            json[entities] = self.entities.iter().map(Entity::json).collect();
        }
        if let Some(file) = &self.document {
            json["document"] = file.json();
            json["document"]["file_name"] = file.name.as_str().into();
        }
        if let Some(file) = &self.photo {
            let (mut small, mut large) = (file.json(), file.json());
            (small["width"], small["height"]) = (90.into(), 51.into());
            (large["width"], large["height"]) = (1280.into(), 720.into());
            json["photo"] = json!([small, large]);
        }
        if !self.buttons.is_empty() {
            let row = |row: &Vec<Button>| row.iter().map(Button::json).collect::<Value>();
            json["reply_markup"] = json!({ "inline_keyboard": self.buttons.iter().map(row).collect::<Value>() });
        }
        for (key, value) in &self.extra {
            json[key] = value.clone();
        }
        json
    }

    pub(super) fn has_file(&self) -> bool {
        self.document.is_some() || self.photo.is_some()
    }

    /// As a line of a transcript.
    pub(super) fn line(&self) -> String {
        let mut line = format!("{}: {}", self.author, self.text);
        for file in self.document.iter().chain(&self.photo) {
            line.push_str(&format!(" <{}, {} bytes>", file.name, file.bytes.len()));
        }
        for row in &self.buttons {
            let labels: Vec<_> = row.iter().map(|button| format!("[{}]", button.label)).collect();
            line.push_str(&format!("\n    {}", labels.join(" ")));
        }
        line
    }
}

impl Button {
    fn json(&self) -> Value {
        if self.data.is_empty() {
            return json!({ "text": self.label, "url": "https://example.org/" });
        }
        json!({ "text": self.label, "callback_data": self.data })
    }
}

impl Entity {
    fn json(&self) -> Value {
        json!({ "type": self.kind, "offset": self.offset, "length": self.length })
    }
}

impl StoredFile {
    fn json(&self) -> Value {
        json!({ "file_id": self.id, "file_unique_id": format!("u{}", self.id), "file_size": self.bytes.len() })
    }
}

/// The answer to a press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The text; often empty.
    pub text: String,
    /// True if it has to be clicked away.
    pub alert: bool,
}

/// An event in a chat.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody wrote this.
    Sent(Message),
    /// The bot made a message to be this.
    Edited(Message),
    /// The bot deleted the message with this number.
    Deleted(i32),
    /// Somebody pressed a button.
    Pressed {
        /// The person's name.
        person: String,
        /// The button's label.
        label: String,
    },
}

impl Event {
    pub(super) fn line(&self) -> String {
        match self {
            Self::Sent(message) => message.line(),
            Self::Edited(message) => format!("(edited) {}", message.line()),
            Self::Deleted(id) => format!("(message {id} deleted)"),
            Self::Pressed { person, label } => format!("{person} presses [{label}]"),
        }
    }
}

/// The bot's account.
pub(super) fn bot() -> Value {
    json!({ "id": BOT_ID, "is_bot": true, "first_name": "vmm", "username": BOT_NAME })
}

/// The present moment, in seconds since 1970.
pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp()
}
