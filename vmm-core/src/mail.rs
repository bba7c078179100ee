//! The mail of chat bots: what came for them, and what they are to send. It is the bots' own bookkeeping, and has no
//! audit rows.

use async_trait::async_trait;
use chrono::TimeDelta;

use crate::error::Result;
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, NewPost, Post, PostId, Question, RequestEvent, RequestEventId,
    Timestamp, ToldMenu, WaitingPost,
};

/// The number of updates of a bot that are known to have come, also after they were answered. Chat services repeat none
/// that is older.
pub const MOST_KNOWN_UPDATES: u32 = 10_000;

/// The number of events of requests that are kept, for bots that were away.
pub const KEPT_REQUEST_EVENTS: u32 = 10_000;

/// For how long a question is known after an answer to it stopped counting: who answers it with a password on the next
/// day has the password deleted all the same.
pub const KEPT_QUESTIONS: TimeDelta = TimeDelta::hours(24);

/// The mail of the bots of one desk, in the store of its [`Repository`](crate::repository::Repository).
///
/// # Contract
/// - A method is atomic, what it has acknowledged survives the process, and a store that cannot be reached or is out of
///   space is [`Unavailable`](crate::Error::Unavailable).
/// - The mail of one bot is no other bot's.
/// - Every change of a request is an event of the mail, from the transaction of the change.
/// - When a group is disallowed, the buttons and questions of the bot in that group are forgotten.
pub trait MailStore: Send + Sync {
    /// The updates that came.
    fn inbox(&self) -> &dyn MailInbox;
    /// Returns the messages to send, with their buttons and questions.
    fn outbox(&self) -> &dyn MailOutbox;
    /// Returns the notices about requests.
    fn notices(&self) -> &dyn MailNotices;
    /// Returns the menus that the chat service has.
    fn menus(&self) -> &dyn MailMenus;
}

/// Implements [`MailStore`] for a type whose field `store` implements the trait of every part.
macro_rules! mail_over_store {
    ($mail:ty) => {
        impl $crate::mail::MailStore for $mail {
            fn inbox(&self) -> &dyn $crate::mail::MailInbox {
                &self.store
            }
            fn outbox(&self) -> &dyn $crate::mail::MailOutbox {
                &self.store
            }
            fn notices(&self) -> &dyn $crate::mail::MailNotices {
                &self.store
            }
            fn menus(&self) -> &dyn $crate::mail::MailMenus {
                &self.store
            }
        }
    };
}

pub(crate) use mail_over_store;

/// The updates that came for bots.
///
/// # Contract
/// - An update is stored once, and begins once and ends once, whoever is faster.
/// - What ends an update stores, in its transaction, what is to be sent for it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MailInbox: Send + Sync {
    /// Returns the number behind the updates that were asked for last; `None` if none were.
    async fn offset(&self, bot: BotId) -> Result<Option<i64>>;
    /// Stores updates, which have not begun; gives the numbers of those that are new. One that was stored before stays
    /// as it is. The offset goes behind those that were asked for, also if it was behind others, and is forgotten with
    /// those that were sent: one before them may not have come yet.
    async fn receive(&self, bot: BotId, updates: Vec<BotUpdate>, arrival: Arrival) -> Result<Vec<i64>>;
    /// Returns the updates that have not ended, in order of their numbers.
    async fn open(&self, bot: BotId) -> Result<Vec<BotUpdate>>;
    /// Returns an update that has not ended.
    async fn by_id(&self, bot: BotId, id: i64) -> Result<Option<BotUpdate>>;
    /// Records that an update begins; `false` if it has begun or ended before, or is not there.
    async fn begin(&self, bot: BotId, id: i64) -> Result<bool>;
    /// Gives an update another content, unless it has ended.
    async fn rewrite(&self, bot: BotId, id: i64, content: String) -> Result<()>;
    /// Ends an update, forgets its content, and stores these posts and what its person is asked now; `false` and
    /// nothing else if it has ended before.
    async fn finish(&self, bot: BotId, id: i64, posts: Vec<NewPost>, question: Option<Question>) -> Result<bool>;
}

/// The messages that bots send, with their buttons and questions.
///
/// # Contract
/// - The posts of a chat keep their order.
/// - A button belongs to its message and goes with it.
/// - A person in a chat is asked one thing at a time.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MailOutbox: Send + Sync {
    /// Stores posts, with their buttons in place of those of the message that they change, and what a person is asked
    /// now.
    async fn post(&self, bot: BotId, posts: Vec<NewPost>, question: Option<Question>) -> Result<()>;
    /// Returns what a person in a chat was asked last, unless [`KEPT_QUESTIONS`] have passed at `now` since an answer
    /// counted.
    async fn question(&self, bot: BotId, chat: i64, person: i64, now: Timestamp) -> Result<Option<Question>>;
    /// Returns the posts that wait to be sent, in order of their rows; only those that came after this one, if one is
    /// given.
    async fn waiting(&self, bot: BotId, after: Option<PostId>) -> Result<Vec<WaitingPost>>;
    /// Returns a post that waits to be sent.
    async fn by_id(&self, id: PostId) -> Result<Option<Post>>;
    /// Makes a post due at another moment, and counts an attempt.
    async fn postpone(&self, id: PostId, until: Timestamp) -> Result<()>;
    /// Returns the file that goes with a post.
    async fn attachment(&self, id: PostId) -> Result<Option<Attachment>>;
    /// Removes a post; its buttons stand under this message, and it has the post's live name, if one is given.
    async fn close(&self, id: PostId, message: Option<i64>) -> Result<()>;
    /// Returns the button of this id. One that has expired is forgotten when further posts come.
    async fn button(&self, bot: BotId, id: &str) -> Result<Option<Button>>;
}

/// The notices about requests that bots send by themselves.
///
/// # Contract
/// - A bot begins at the present: it is told nothing of what happened before it followed requests.
/// - An event is told once.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MailNotices: Send + Sync {
    /// Lets a bot follow requests from now on. A repeat changes nothing.
    async fn follow(&self, bot: BotId) -> Result<()>;
    /// Returns what happened to requests that the bot has not told of, oldest first, at most `limit`; nothing if it
    /// follows none. Of all that ever happened, the newest [`KEPT_REQUEST_EVENTS`] are kept.
    async fn events(&self, bot: BotId, limit: u32) -> Result<Vec<RequestEvent>>;
    /// Stores posts about an event, which counts as told with all before it; `false` and nothing else if it did before.
    async fn tell(&self, bot: BotId, event: RequestEventId, posts: Vec<NewPost>) -> Result<bool>;
}

/// The menus that the chat service has for each chat.
///
/// # Contract
/// - What is not known to have reached the chat service counts as unknown.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MailMenus: Send + Sync {
    /// Returns what the chat service was last told of the menu of each chat that has one of its own, in order of chat.
    async fn list(&self, bot: BotId) -> Result<Vec<ToldMenu>>;
    /// Records that it is not known what the chat service knows of a chat's menu.
    async fn begin(&self, bot: BotId, chat: i64) -> Result<()>;
    /// Records what the chat service knows of a chat's menu; `None` if the chat has none of its own.
    async fn end(&self, bot: BotId, chat: i64, content: Option<String>) -> Result<()>;
}
