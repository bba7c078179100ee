//! Replies of the bot: a text with buttons, and perhaps a file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use vmm_core::model::{Attachment, NewButton, NewPost, PostPlace, UserId};

use crate::talk::dialogue::Intent;
use crate::transport::post::{Body, Outgoing, stored};

/// A button to be: what stands on it and what it does.
pub(crate) type Wish = (String, Intent);

/// A text with buttons for one person, and perhaps a file. Telegram takes 4096 characters with a message and 1024 with
/// a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    text: String,
    rows: Vec<Vec<Wish>>,
    file: Option<(Show, Attachment)>,
}

/// The way in which a file is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Document,
    Photo,
}

/// As which message a reply is seen. One with a file is always a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To a press in place of the message with the button, to a text as a new one.
    Here,
    /// As a new message.
    New,
    /// As the message of this name in the chat; see [`PostPlace::Live`].
    Live(String),
    /// Replies, and gives the message with the pressed button this name from then on.
    LiveHere(String),
    /// Replaces the message of this name. Without one, nothing is sent.
    Known(String),
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// With these rows of buttons.
    pub(crate) fn rows(self, rows: Vec<Vec<Wish>>) -> Self {
        Self { rows, ..self }
    }

    /// With a line more behind its text.
    pub(crate) fn line(self, line: &str) -> Self {
        Self { text: format!("{}\n{line}", self.text), ..self }
    }

    /// With this file as a document; the text is its caption.
    pub(crate) fn document(self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let file = Attachment { name: name.into(), bytes: bytes.into() };
        Self { file: Some((Show::Document, file)), ..self }
    }

    /// With this picture; the text is its caption.
    pub(crate) fn photo(self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let file = Attachment { name: name.into(), bytes: bytes.into() };
        Self { file: Some((Show::Photo, file)), ..self }
    }

    /// As a new message.
    pub(crate) fn say(self, chat: i64, user: Option<UserId>) -> NewPost {
        self.put(chat, user, PostPlace::New)
    }

    /// In this chat at this place, where a press was under this message of the bot.
    pub(crate) fn post(self, chat: i64, user: Option<UserId>, place: Place, pressed: Option<i32>) -> NewPost {
        let message = pressed.map(i64::from);
        let place = match (place, message) {
            (Place::Here, Some(message)) => PostPlace::Change(message),
            (Place::Here | Place::New, _) => PostPlace::New,
            (Place::Live(name), _) => PostPlace::Live { name, message: None },
            (Place::LiveHere(name), message) => PostPlace::Live { name, message },
            (Place::Known(name), _) => PostPlace::Known(name),
        };
        self.put(chat, user, place)
    }

    fn put(self, chat: i64, user: Option<UserId>, place: PostPlace) -> NewPost {
        let (mut rows, mut buttons) = (Vec::new(), Vec::new());
        for row in self.rows {
            let mut shown = Vec::new();
            for (label, intent) in row {
                // Without a person there is nobody who could press it.
                let (Some(user), Some(id)) = (user, new_id()) else { continue };
                let expires_at = Utc::now() + TimeDelta::from_std(intent.lifetime()).unwrap_or(TimeDelta::MAX);
                buttons.push(NewButton { id: id.clone(), user, content: stored(&intent), expires_at });
                shown.push((label, id));
            }
            rows.push(shown);
        }
        let body = Body { text: self.text, buttons: rows };
        let (content, attachment, place) = match self.file {
            None => (Outgoing::Text(body), None, place),
            Some((Show::Document, file)) => (Outgoing::Document(body), Some(file), PostPlace::New),
            Some((Show::Photo, file)) => (Outgoing::Photo(body), Some(file), PostPlace::New),
        };
        NewPost { chat, content: stored(&content), attachment, buttons, place }
    }
}

/// 128 random bits as text; `None` if the system gives none.
fn new_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
