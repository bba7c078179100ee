//! Calls of Telegram's API, in the form in which they are stored until they are sent.

use serde::{Deserialize, Serialize};
use vmm_core::model::{NewPost, PostPlace};

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outgoing {
    /// A message without a file: a new one, or in place of the one that the post changes.
    Text(Body),
    /// A new message with the attached file, and the text as its caption.
    Document(Body),
    /// Sends the file as a picture.
    Photo(Body),
    /// A message goes away.
    Delete { message: i32 },
    /// The answer to a press.
    Answer { press: String, text: String, alert: bool },
}

/// A text in Telegram's HTML, and the rows of buttons under it: label and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) buttons: Vec<Vec<(String, String)>>,
}

/// The answer to a press; an alert has to be clicked away.
pub(crate) fn answer(chat: i64, press: &str, text: &str, alert: bool) -> NewPost {
    plain(chat, &Outgoing::Answer { press: press.to_owned(), text: text.to_owned(), alert })
}

/// Lets a message go away. In a group the bot can do that to its own alone.
pub(crate) fn delete(chat: i64, message: i32) -> NewPost {
    plain(chat, &Outgoing::Delete { message })
}

/// A text without buttons.
#[cfg(test)]
pub(crate) fn text(chat: i64, text: String) -> NewPost {
    plain(chat, &Outgoing::Text(Body { text, buttons: Vec::new() }))
}

fn plain(chat: i64, content: &Outgoing) -> NewPost {
    NewPost { chat, content: stored(content), attachment: None, buttons: Vec::new(), place: PostPlace::New }
}

/// Returns the text as which a value is stored.
pub(crate) fn stored(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has text keys alone")
}
