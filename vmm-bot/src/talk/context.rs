//! The context of every answer: the desk, the mail, and what only this process knows.

use std::sync::Arc;
use std::time::Duration;

use teloxide::Bot;
use tokio::sync::Notify;
use vmm_core::model::BotId;
use vmm_core::{BotMail, Result, Vmm};

use crate::crash::crash_point;
use crate::talk::exchange::{Answer, Asked, work_name};
use crate::talk::render;
use crate::talk::reply::{Place, Reply};
use crate::talk::running::{Running, Ticket};
use crate::talk::scope::ChatKind;
use crate::talk::secrets::Secrets;
use crate::talk::sender::{self, From};
use crate::transport::file::Document;
use crate::transport::post;

/// The context of every answer.
pub(crate) struct Context {
    pub(crate) vmm: Vmm,
    pub(crate) mail: BotMail,
    pub(crate) bot: Bot,
    /// The bot, as the desk knows it.
    pub(crate) id: BotId,
    /// The bot's name in Telegram.
    pub(crate) name: String,
    /// Secrets that people have told the bot, in memory alone.
    pub(crate) secrets: Secrets,
    /// Work that goes on after its update was answered.
    pub(crate) running: Running,
    /// The shortest time between two changes of a message that shows how far something is.
    pub(crate) pause: Duration,
    /// To wake the outbox.
    pub(crate) wake: Arc<Notify>,
}

impl Context {
    /// Returns the kind of chat in which somebody speaks at this moment.
    ///
    /// # Errors
    /// `Unavailable` if the database does not answer.
    pub(crate) async fn kind(&self, from: From) -> Result<ChatKind> {
        Ok(match from.private {
            true => ChatKind::Private,
            false if self.mail.allows_group(from.chat).await? => ChatKind::AllowedGroup,
            false => ChatKind::Group,
        })
    }

    /// Does something that must not happen twice, unless a process that was killed has begun it: then `interrupted` is
    /// all that can be said.
    pub(crate) async fn once(
        &self,
        asked: &Asked,
        interrupted: impl FnOnce() -> Reply,
        act: impl Future<Output = Result<Answer>>,
    ) -> Result<Answer> {
        if !self.begins(asked).await? {
            return Ok(interrupted().into());
        }
        let done = act.await;
        crash_point("update", "acted").await;
        // Trying again would find the update begun: what is told now is all that is known.
        Ok(done.unwrap_or_else(|error| render::error(&error).into()))
    }

    /// Does something that takes long and must not happen twice, beside what else the chat says. `begun` is shown as
    /// the live message of the work, which its name names; `interrupted` takes its place if a process was killed over
    /// it.
    pub(crate) async fn work<F>(
        &self,
        asked: &Asked,
        begun: Reply,
        interrupted: impl FnOnce() -> Reply,
        act: impl FnOnce(Ticket) -> F,
    ) -> Result<Answer>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let place = Place::Live(work_name(asked.update));
        if !self.begins(asked).await? {
            return Ok(Answer::at(place, interrupted()));
        }
        let Some(ticket) = self.running.begin(asked.from.person, asked.update) else {
            return Ok(render::too_much().into());
        };
        let act = act(ticket);
        let work = async move {
            let answer = act.await;
            crash_point("update", "acted").await;
            answer
        };
        Ok(Answer { work: Some(Box::pin(work)), ..Answer::at(place, begun) })
    }

    /// Records that what an update asks for begins; `false` if a process that was killed has begun it.
    async fn begins(&self, asked: &Asked) -> Result<bool> {
        let first = self.mail.begin_update(asked.update).await?;
        if first {
            crash_point("update", "begun").await;
        }
        Ok(first)
    }

    /// Lets a message that held a secret go away before anything else is done, and puts these words in its place among
    /// what is not answered yet, with this file: what goes on for long would keep it there.
    ///
    /// # Errors
    /// `Unavailable` if the database does not answer.
    pub(crate) async fn hide(&self, asked: &Asked, words: &str, document: Option<&Document>) -> Result<()> {
        self.mail.post(vec![post::delete(asked.from.chat, asked.message)], None).await?;
        self.wake.notify_one();
        let update = self.mail.open_update(asked.update).await?;
        match update.and_then(|update| sender::with_words(&update.content, words, document)) {
            Some(content) => self.mail.rewrite_update(asked.update, content).await,
            None => Ok(()),
        }
    }

    /// Shows something before an update's end, unless it began in a group that is not allowed any more.
    ///
    /// # Errors
    /// `Unavailable` if the database does not answer.
    pub(crate) async fn show(&self, asked: &Asked, place: Place, reply: Reply) -> Result<()> {
        if !self.kind(asked.from).await?.trusted() {
            return Ok(());
        }
        let pressed = asked.pressed.then_some(asked.message);
        self.mail.post(vec![reply.post(asked.from.chat, asked.user(), place, pressed)], None).await?;
        self.wake.notify_one();
        Ok(())
    }
}
