//! What answering needs: the desk, the mail, and what is only in this process.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use teloxide::Bot;
use tokio::sync::Notify;
use vmm_core::model::{BotId, UserId};
use vmm_core::{Actor, BotMail, Result, Vmm};

use crate::dialogue::Question;
use crate::post::{self, Place, Reply};
use crate::running::{Running, Ticket};
use crate::scope::ChatKind;
use crate::secrets::Secrets;
use crate::sender::{self, Document, From};
use crate::{crash_point, render};

/// What answering needs.
pub(crate) struct Parts {
    pub(crate) vmm: Vmm,
    pub(crate) mail: BotMail,
    pub(crate) bot: Bot,
    /// The bot, as the desk knows it.
    pub(crate) id: BotId,
    /// The bot's name in Telegram.
    pub(crate) name: String,
    /// What people have told and that is not written down.
    pub(crate) secrets: Secrets,
    /// Work that goes on after its update was answered.
    pub(crate) running: Running,
    /// The shortest time between two changes of a message that shows how far something is.
    pub(crate) pause: Duration,
    /// To wake the outbox.
    pub(crate) wake: Arc<Notify>,
}

/// Who asks, and in which update.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The account of the person.
    pub(crate) actor: Actor,
    pub(crate) from: From,
    /// What the group is called, as far as that is known.
    pub(crate) title: String,
    /// The number of the update.
    pub(crate) update: i64,
    /// Whether a process that was killed has begun what is asked.
    pub(crate) begun: bool,
    /// The message that was written, or whose button was pressed.
    pub(crate) message: i32,
    /// Whether a button was pressed.
    pub(crate) pressed: bool,
}

impl Asked {
    /// The account of the person.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.actor.user_id()
    }
}

/// What an update leads to. All of it is stored together.
#[derive(Default)]
pub(crate) struct Answer {
    /// What is said, and where.
    pub(crate) replies: Vec<(Place, Reply)>,
    /// Messages that go away, such as one that holds a secret.
    pub(crate) deletes: Vec<i32>,
    /// What the person is asked from now on.
    pub(crate) ask: Ask,
    /// What is said to the press itself; it has to be clicked away if the flag is set.
    pub(crate) toast: Option<(String, bool)>,
    /// What goes on after that. Its answer ends the update.
    pub(crate) work: Option<BoxFuture<'static, Answer>>,
}

/// What a person is asked from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ask {
    /// After a command or an answer nothing, after a press what was asked before.
    #[default]
    Unsaid,
    /// This; the next text that is no command answers it.
    This(Question),
}

impl std::convert::From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::at(Place::Here, reply)
    }
}

impl Answer {
    /// A reply at this place.
    pub(crate) fn at(place: Place, reply: Reply) -> Self {
        Self { replies: vec![(place, reply)], ..Self::default() }
    }

    /// A reply that asks this.
    pub(crate) fn asking(reply: Reply, question: Question) -> Self {
        Self { ask: Ask::This(question), ..Self::from(reply) }
    }

    /// The same as a new message, also after a press.
    pub(crate) fn asking_anew(reply: Reply, question: Question) -> Self {
        Self { ask: Ask::This(question), ..Self::at(Place::New, reply) }
    }

    /// A short word to who has pressed a button.
    pub(crate) fn toast(text: impl Into<String>) -> Self {
        Self { toast: Some((text.into(), false)), ..Self::default() }
    }

    /// With another reply behind the others.
    pub(crate) fn and(mut self, place: Place, reply: Reply) -> Self {
        self.replies.push((place, reply));
        self
    }

    /// With this message gone.
    pub(crate) fn deleting(mut self, message: i32) -> Self {
        self.deletes.push(message);
        self
    }
}

impl Parts {
    /// What kind of chat somebody speaks in at this moment.
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
    /// the live message of the work, which its name names; `interrupted` takes its place if a process was killed over it.
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

/// The name of the live message of an update's work.
pub(crate) fn work_name(update: i64) -> String {
    format!("work-{update}")
}
