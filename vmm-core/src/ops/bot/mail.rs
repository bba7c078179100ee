//! The mail of a chat bot: what came and what is to go out. Bookkeeping of a front end, about which no policy decides.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use uuid::Uuid;

use crate::desk::{Desk, Vmm};
use crate::error::{Error, Result};
use crate::mail::MailStore;
use crate::model::{
    Arrival, Attachment, BotId, BotUpdate, Button, NewButton, NewPost, Post, PostId, Question, Sealed, Timestamp,
    WaitingPost,
};

/// The mail of one bot, stored beside the desk's records.
///
/// A bot stores what it is sent before it asks for more, answers each update once, and keeps what it has to send until
/// it is delivered; so a process that dies loses nothing and does nothing twice.
#[derive(Clone)]
pub struct BotMail {
    pub(in crate::ops) vmm: Vmm,
    pub(in crate::ops) desk: Desk,
    pub(in crate::ops) bot: BotId,
}

impl std::fmt::Debug for BotMail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotMail").field("bot", &self.bot).finish_non_exhaustive()
    }
}

impl Vmm {
    /// The mail of the bot with this id.
    pub fn bot_mail(&self, bot: BotId) -> BotMail {
        BotMail { vmm: self.clone(), desk: self.unguarded(), bot }
    }
}

/// A method fails with [`Unavailable`](crate::Error::Unavailable) if the database does not answer, and with
/// [`Unsupported`](crate::Error::Unsupported) if the desk has no store for the mail of bots.
#[expect(clippy::missing_errors_doc, reason = "all have the errors that the impl names")]
impl BotMail {
    pub(in crate::ops) fn store(&self) -> Result<&dyn MailStore> {
        self.desk.mail()
    }

    /// The number of the next update to ask for; `None` before the first.
    pub async fn offset(&self) -> Result<Option<i64>> {
        self.store()?.inbox().offset(self.bot).await
    }

    /// Stores updates, each once; gives the numbers of those that are new. Only then may the chat service be told that
    /// they came.
    pub async fn receive(&self, updates: Vec<BotUpdate>, arrival: Arrival) -> Result<Vec<i64>> {
        let seal = |update: BotUpdate| {
            let content = self.sealed(UPDATE, update.id, &update.content)?;
            Ok(BotUpdate { content, ..update })
        };
        let updates = updates.into_iter().map(seal).collect::<Result<_>>()?;
        self.store()?.inbox().receive(self.bot, updates, arrival).await
    }

    /// The updates that are not answered, in order.
    pub async fn open_updates(&self) -> Result<Vec<BotUpdate>> {
        let updates = self.store()?.inbox().open(self.bot).await?;
        updates.into_iter().map(|update| self.opened_update(update)).collect()
    }

    /// An update, if it is not answered.
    pub async fn open_update(&self, id: i64) -> Result<Option<BotUpdate>> {
        self.store()?.inbox().by_id(self.bot, id).await?.map(|update| self.opened_update(update)).transpose()
    }

    /// To call before an update has an effect that must not happen twice; `false` if that was done before, so that the
    /// effect may have happened.
    pub async fn begin_update(&self, id: i64) -> Result<bool> {
        self.store()?.inbox().begin(self.bot, id).await
    }

    /// Gives an update that has not ended another content, so that a secret in it need not wait for its end.
    pub async fn rewrite_update(&self, id: i64, content: String) -> Result<()> {
        let content = self.sealed(UPDATE, id, &content)?;
        self.store()?.inbox().rewrite(self.bot, id, content).await
    }

    /// Ends an update together with what is to be sent for it and what its person is asked now; `false`, and nothing is
    /// stored, if it had ended.
    pub async fn finish_update(&self, id: i64, posts: Vec<NewPost>, question: Option<Question>) -> Result<bool> {
        let (posts, question) = (self.sealed_posts(posts)?, self.sealed_question(question)?);
        self.store()?.inbox().finish(self.bot, id, posts, question).await
    }

    /// Returns the last question to a person in a chat, also for a day after it was answered.
    pub async fn question(&self, chat: i64, person: i64) -> Result<Option<Question>> {
        let Some(question) = self.store()?.outbox().question(self.bot, chat, person, chrono::Utc::now()).await? else {
            return Ok(None);
        };
        let content = question.content.map(|content| self.opened(QUESTION, chat, &content)).transpose()?;
        Ok(Some(Question { content, ..question }))
    }

    /// Stores something to send before an update ends, or that no update asked for, and what a person is asked now.
    pub async fn post(&self, posts: Vec<NewPost>, question: Option<Question>) -> Result<()> {
        let (posts, question) = (self.sealed_posts(posts)?, self.sealed_question(question)?);
        self.store()?.outbox().post(self.bot, posts, question).await
    }

    /// Returns the posts that wait to be sent, oldest first; only what came after this, if something is given.
    pub async fn waiting_posts(&self, after: Option<PostId>) -> Result<Vec<WaitingPost>> {
        self.store()?.outbox().waiting(self.bot, after).await
    }

    /// Something that waits to be sent.
    pub async fn waiting_post(&self, id: PostId) -> Result<Option<Post>> {
        let Some(post) = self.store()?.outbox().by_id(id).await? else { return Ok(None) };
        let content = self.opened(POST, post.chat, &post.content)?;
        Ok(Some(Post { content, ..post }))
    }

    /// Leaves something, and what comes behind it in its chat, until another moment.
    pub async fn postpone(&self, id: PostId, until: Timestamp) -> Result<()> {
        self.store()?.outbox().postpone(id, until).await
    }

    /// The file that goes with something to send.
    pub async fn attachment(&self, id: PostId) -> Result<Option<Attachment>> {
        let Some(attachment) = self.store()?.outbox().attachment(id).await? else { return Ok(None) };
        let place = self.place(0);
        let opened = self.desk.secrets().unseal_mail(ATTACHMENT, place, &Sealed::new(attachment.bytes));
        let bytes = opened.ok_or_else(not_opened)?.to_vec();
        Ok(Some(Attachment { bytes, ..attachment }))
    }

    /// Records that something was sent, as which message, or that it never can be.
    pub async fn close_post(&self, id: PostId, message: Option<i64>) -> Result<()> {
        self.store()?.outbox().close(id, message).await
    }

    /// Returns the record of a button, also of an expired one.
    pub async fn button(&self, id: &str) -> Result<Option<Button>> {
        let Some(button) = self.store()?.outbox().button(self.bot, id).await? else { return Ok(None) };
        let content = self.opened(BUTTON, button.chat, &button.content)?;
        Ok(Some(Button { content, ..button }))
    }
}

/// The purpose for which the bot's mail is sealed.
const UPDATE: &str = "a bot's update";
const QUESTION: &str = "a bot's question";
const POST: &str = "a bot's post";
const ATTACHMENT: &str = "a bot's attachment";
const BUTTON: &str = "a bot's button";

/// Messages to the bot and from the bot may hold secrets. It is stored sealed.
impl BotMail {
    /// Where something is stored: for this bot, under this number.
    fn place(&self, number: i64) -> Uuid {
        Uuid::from_u64_pair(self.bot.0.cast_unsigned(), number.cast_unsigned())
    }

    fn sealed(&self, purpose: &str, number: i64, text: &str) -> Result<String> {
        let sealed = self.desk.secrets().seal_mail(purpose, self.place(number), text.as_bytes())?;
        Ok(STANDARD_NO_PAD.encode(sealed.as_bytes()))
    }

    fn opened(&self, purpose: &str, number: i64, stored: &str) -> Result<String> {
        let sealed = STANDARD_NO_PAD.decode(stored).map_err(|_| not_opened())?;
        let opened = self.desk.secrets().unseal_mail(purpose, self.place(number), &Sealed::new(sealed));
        String::from_utf8(opened.ok_or_else(not_opened)?.to_vec()).map_err(|_| not_opened())
    }

    fn opened_update(&self, update: BotUpdate) -> Result<BotUpdate> {
        let content = self.opened(UPDATE, update.id, &update.content)?;
        Ok(BotUpdate { content, ..update })
    }

    fn sealed_question(&self, question: Option<Question>) -> Result<Option<Question>> {
        let Some(question) = question else { return Ok(None) };
        let content = question.content.map(|content| self.sealed(QUESTION, question.chat, &content)).transpose()?;
        Ok(Some(Question { content, ..question }))
    }

    pub(in crate::ops) fn sealed_posts(&self, posts: Vec<NewPost>) -> Result<Vec<NewPost>> {
        posts.into_iter().map(|post| self.sealed_post(post)).collect()
    }

    fn sealed_post(&self, post: NewPost) -> Result<NewPost> {
        let NewPost { chat, content, attachment, buttons, place } = post;
        let seal = |button: NewButton| {
            let content = self.sealed(BUTTON, chat, &button.content)?;
            Ok(NewButton { content, ..button })
        };
        let attachment = match attachment {
            Some(Attachment { name, bytes }) => {
                let sealed = self.desk.secrets().seal_mail(ATTACHMENT, self.place(0), &bytes)?;
                Some(Attachment { name, bytes: sealed.as_bytes().to_vec() })
            }
            None => None,
        };
        let buttons = buttons.into_iter().map(seal).collect::<Result<_>>()?;
        Ok(NewPost { chat, content: self.sealed(POST, chat, &content)?, attachment, buttons, place })
    }
}

fn not_opened() -> Error {
    Error::internal("opening a bot's mail", "it was not sealed by this desk for this place")
}
