//! The records of a chat bot: what it was sent, what it has to send, and what its buttons mean.

use super::{Role, Timestamp, UserId, row_id};

row_id!(
    /// Names a bot: the id of its account in the chat service.
    BotId
);

row_id!(
    /// Names something that a bot has to send.
    PostId
);

/// Something that a bot was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct BotUpdate {
    /// Its number, which the chat service gives.
    pub id: i64,
    /// The queue in which it keeps its order: the chat that it came from, if it came from one.
    pub chat: Option<i64>,
    /// It, as the chat service wrote it.
    pub content: String,
    /// True if an effect of it may have happened already; `false` for one that just came.
    pub begun: bool,
}

/// Its content may be a secret that somebody told the bot.
impl std::fmt::Debug for BotUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotUpdate").field("id", &self.id).field("chat", &self.chat).finish_non_exhaustive()
    }
}

/// The way in which updates arrived, which decides which of them the chat service counts as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// They were asked for: all that the service has, from the oldest on.
    Asked,
    /// The service has sent them by itself, in any order, and knows of each that it has come. Others may come again.
    Sent,
}

/// Something that a bot has to send, in the words of its front end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// Where. Posts of one chat are sent in order.
    pub chat: i64,
    /// The content.
    pub content: String,
    /// The file that goes with it.
    pub attachment: Option<Attachment>,
    /// The buttons under it.
    pub buttons: Vec<NewButton>,
    /// As which message it is seen.
    pub place: PostPlace,
}

/// As which message of its chat something is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PostPlace {
    /// As a new one.
    #[default]
    New,
    /// In place of this message, whose former buttons stop working.
    Change(i64),
    /// As the message of this name, which the first post with the name makes and later ones change. The name is one of
    /// the front end's. Buttons under it mean something until they expire or a post without buttons takes its place.
    Live {
        /// The name, once in a chat.
        name: String,
        /// The message that has the name from now on, if it is there already.
        message: Option<i64>,
    },
    /// In place of the message that has this name or is about to; if there is none, nothing is sent.
    Known(String),
}

/// A file that goes with a post.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name as people see it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("name", &self.name).field("bytes", &self.bytes.len()).finish()
    }
}

/// Whose rights a chat has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Those of the account that this private chat is bound to, which is enabled and has this role.
    Account(Role),
    /// Those of a group that an admin has allowed.
    Group,
}

/// The menu that the chat service has for a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldMenu {
    /// The chat.
    pub chat: i64,
    /// The menu's content, in the front end's notation; `None` if that is not known, since a call was not seen to end.
    pub content: Option<String>,
}

/// A question of a bot to a person in a chat, which waits for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The chat.
    pub chat: i64,
    /// The person, by the id that the chat service gives.
    pub person: i64,
    /// The question's content, in the front end's notation; `None` if nothing is asked any more.
    pub content: Option<String>,
    /// Until when an answer counts.
    pub expires_at: Timestamp,
}

/// A button under a message: an id that means nothing to anybody but the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewButton {
    /// The id that the chat service reports when the button is pressed; nobody can guess it.
    pub id: String,
    /// The account that may press it.
    pub user: UserId,
    /// The button's action, in the front end's notation, with the state that it was shown in.
    pub content: String,
    /// Until when it may be pressed.
    pub expires_at: Timestamp,
}

/// A button that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// The chat that it stands in.
    pub chat: i64,
    /// The message that it stands under; `None` while that is not known to be sent.
    pub message: Option<i64>,
    /// The account that may press it.
    pub user: UserId,
    /// The button's action, in the front end's notation.
    pub content: String,
    /// Until when it may be pressed.
    pub expires_at: Timestamp,
}

/// Which post waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingPost {
    /// Its row. Those of later posts are greater.
    pub id: PostId,
    /// Where it is sent.
    pub chat: i64,
    /// Not before this moment.
    pub due_at: Timestamp,
}

/// Something that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its row.
    pub id: PostId,
    /// Where.
    pub chat: i64,
    /// The content.
    pub content: String,
    /// The number of times that it was tried in vain.
    pub attempts: u32,
    /// The message that it changes, if one is known.
    pub message: Option<i64>,
    /// True if a later post takes the place of this one, so that it need not be sent.
    pub superseded: bool,
}
