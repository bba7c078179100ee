//! What the bot sends, as it is stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use vmm_core::model::{NewButton, NewPost, UserId};

use crate::dialogue::Intent;

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outgoing {
    /// A new message.
    Say(Body),
    /// A message of the bot becomes this.
    Change { message: i32, body: Body },
    /// The answer to a press.
    Answer { press: String, text: String, alert: bool },
}

/// A text in Telegram's HTML, and the rows of buttons under it: label and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) buttons: Vec<Vec<(String, String)>>,
}

/// A button to be: what stands on it and what it does.
pub(crate) type Wish = (String, Intent);

/// A text with buttons for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) text: String,
    pub(crate) rows: Vec<Vec<Wish>>,
}

impl Reply {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), rows: Vec::new() }
    }

    /// As a new message.
    pub(crate) fn say(self, chat: i64, user: Option<UserId>) -> NewPost {
        let (body, buttons) = self.body(user);
        post(chat, &Outgoing::Say(body), buttons, None)
    }

    /// In place of a message of the bot.
    pub(crate) fn change(self, chat: i64, message: i32, user: Option<UserId>) -> NewPost {
        let (body, buttons) = self.body(user);
        post(chat, &Outgoing::Change { message, body }, buttons, Some(message.into()))
    }

    fn body(self, user: Option<UserId>) -> (Body, Vec<NewButton>) {
        let (mut rows, mut made) = (Vec::new(), Vec::new());
        for row in self.rows {
            let mut buttons = Vec::new();
            for (label, intent) in row {
                // Without a person there is nobody who could press it.
                let (Some(user), Some(id)) = (user, new_id()) else { continue };
                let expires_at = Utc::now() + TimeDelta::from_std(intent.lifetime()).unwrap_or(TimeDelta::MAX);
                made.push(NewButton { id: id.clone(), user, content: stored(&intent), expires_at });
                buttons.push((label, id));
            }
            rows.push(buttons);
        }
        (Body { text: self.text, buttons: rows }, made)
    }
}

/// The answer to a press; an alert has to be clicked away.
pub(crate) fn answer(chat: i64, press: &str, text: &str, alert: bool) -> NewPost {
    let answer = Outgoing::Answer { press: press.to_owned(), text: text.to_owned(), alert };
    post(chat, &answer, Vec::new(), None)
}

fn post(chat: i64, content: &Outgoing, buttons: Vec<NewButton>, changes: Option<i64>) -> NewPost {
    NewPost { chat, content: stored(content), buttons, changes }
}

fn stored(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has text keys alone")
}

/// 128 random bits as text; `None` if the system gives none.
fn new_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}
