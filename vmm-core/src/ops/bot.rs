//! The mail of a chat bot: what came and what is to go out. Bookkeeping of a front end, about which no policy decides.

use crate::error::Result;
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, NewPost, Post, PostId, Question, Timestamp, WaitingPost,
};
use crate::repository::BotRepository;
use crate::vmm::{Desk, Vmm};

/// The mail of one bot, stored beside the desk's records.
///
/// A bot stores what it is sent before it asks for more, answers each update once, and keeps what it has to send until
/// it is delivered; so a process that dies loses nothing and does nothing twice.
#[derive(Clone)]
pub struct BotMail {
    pub(super) vmm: Vmm,
    pub(super) desk: Desk,
    pub(super) bot: BotId,
}

impl std::fmt::Debug for BotMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotMail").field("bot", &self.bot).finish_non_exhaustive()
    }
}

impl Vmm {
    /// The mail of the bot with this id.
    pub fn bot_mail(&self, bot: BotId) -> BotMail {
        BotMail { vmm: self.clone(), desk: self.own_work(), bot }
    }
}

/// Every method fails with [`Unavailable`](crate::Error::Unavailable) alone, if the database does not answer.
#[expect(clippy::missing_errors_doc, reason = "all have the one error that the impl names")]
impl BotMail {
    pub(super) fn repository(&self) -> &dyn BotRepository {
        self.desk.repository().bots()
    }

    /// The number of the next update to ask for; `None` before the first.
    pub async fn offset(&self) -> Result<Option<i64>> {
        self.repository().offset(self.bot).await
    }

    /// Stores updates, each once; gives the numbers of those that are new. Only then may the chat service be told that
    /// they came.
    pub async fn receive(&self, updates: Vec<BotUpdate>, arrival: Arrival) -> Result<Vec<i64>> {
        self.repository().receive(self.bot, updates, arrival).await
    }

    /// The updates that are not answered, in order.
    pub async fn open_updates(&self) -> Result<Vec<BotUpdate>> {
        self.repository().open_updates(self.bot).await
    }

    /// An update, if it is not answered.
    pub async fn open_update(&self, id: i64) -> Result<Option<BotUpdate>> {
        self.repository().open_update(self.bot, id).await
    }

    /// To call before an update has an effect that must not happen twice; `false` if that was done before, so that the
    /// effect may have happened.
    pub async fn begin_update(&self, id: i64) -> Result<bool> {
        self.repository().begin_update(self.bot, id).await
    }

    /// Gives an update that has not ended another content, so that a secret in it need not wait for its end.
    pub async fn rewrite_update(&self, id: i64, content: String) -> Result<()> {
        self.repository().rewrite_update(self.bot, id, content).await
    }

    /// Ends an update together with what is to be sent for it and what its person is asked now; `false`, and nothing is
    /// stored, if it had ended.
    pub async fn finish_update(&self, id: i64, posts: Vec<NewPost>, question: Option<Question>) -> Result<bool> {
        self.repository().finish_update(self.bot, id, posts, question).await
    }

    /// What a person in a chat was asked last, also for a day after an answer counted.
    pub async fn question(&self, chat: i64, person: i64) -> Result<Option<Question>> {
        self.repository().question(self.bot, chat, person, chrono::Utc::now()).await
    }

    /// Stores something to send before an update ends, or that no update asked for, and what a person is asked now.
    pub async fn post(&self, posts: Vec<NewPost>, question: Option<Question>) -> Result<()> {
        self.repository().post(self.bot, posts, question).await
    }

    /// What waits to be sent, oldest first; only what came after this, if something is given.
    pub async fn waiting_posts(&self, after: Option<PostId>) -> Result<Vec<WaitingPost>> {
        self.repository().waiting_posts(self.bot, after).await
    }

    /// Something that waits to be sent.
    pub async fn waiting_post(&self, id: PostId) -> Result<Option<Post>> {
        self.repository().waiting_post(id).await
    }

    /// Leaves something, and what comes behind it in its chat, until another moment.
    pub async fn postpone(&self, id: PostId, until: Timestamp) -> Result<()> {
        self.repository().postpone(id, until).await
    }

    /// The file that goes with something to send.
    pub async fn attachment(&self, id: PostId) -> Result<Option<Attachment>> {
        self.repository().attachment(id).await
    }

    /// Records that something was sent, as which message, or that it never can be.
    pub async fn close_post(&self, id: PostId, message: Option<i64>) -> Result<()> {
        self.repository().close_post(id, message).await
    }

    /// What a button means, also if it has expired.
    pub async fn button(&self, id: &str) -> Result<Option<Button>> {
        self.repository().button(self.bot, id).await
    }
}
