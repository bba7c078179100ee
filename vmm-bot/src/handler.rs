//! From an update to what is sent for it: who asks, what for, and where.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use futures_util::FutureExt;
use vmm_core::model::{self, BotUpdate, NewPost};
use vmm_core::{Actor, Error, Part, Result};

use crate::command::{self, Command, Misread};
use crate::dialogue::{Intent, Question};
use crate::inbox::{Handle, Handled};
use crate::parts::{Answer, Ask, Asked, Parts};
use crate::post::{self, Reply};
use crate::sender::{self, Document, From, Incoming};
use crate::{answer, crash_point, render};

/// To a press that means nothing any more.
const OLD_BUTTON: &str = "This button is from before; ask again.";

pub(crate) struct Handler {
    parts: Arc<Parts>,
}

/// What a person was asked last, and whether it is too late for an answer; only a secret one is remembered for so long.
struct Pending {
    question: Question,
    late: bool,
}

impl Pending {
    /// Whether it is answered by what begins like a command and is none. A password may; it would stay in the chat.
    fn takes(&self, misread: &Misread) -> bool {
        match misread {
            Misread::Unknown => self.question.is_secret() || self.question.takes_slash(),
            Misread::Wrong(_) => self.question.is_secret() && !self.late,
            Misread::NotForUs => true,
        }
    }
}

impl Handler {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// The account that a person is bound to, if to any.
    async fn actor(&self, from: From) -> Result<Option<Actor>> {
        match self.parts.vmm.chat_actor(from.person).await {
            Ok(actor) => Ok(Some(actor)),
            Err(Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn text(&self, update: i64, from: From, message: i32, text: &str) -> Result<Handled> {
        let question = self.question(from).await?;
        let command = match command::parse(text, &self.parts.name) {
            Err(Misread::NotForUs) => return self.reply(update, from, message, text, question).await,
            Err(misread) if question.as_ref().is_some_and(|question| question.takes(&misread)) => {
                return self.reply(update, from, message, text, question).await;
            }
            // In a group people talk to each other.
            Err(Misread::Unknown) if !from.private => return Ok(Handled::default()),
            Err(Misread::Unknown) => return Ok(say(from, render::help::unknown())),
            Err(Misread::Wrong(reason)) => return Ok(say(from, Reply::text(render::escape(&reason)))),
            Ok(command) => command,
        };
        if command.private() && !from.private {
            return Ok(say(from, render::help::in_private(&self.parts.name)));
        }
        match (command, self.actor(from).await?) {
            (Command::Link(code), None) => {
                Ok(say(from, told(answer::link(&self.parts, None, &code, from.person).await)?))
            }
            (_, None) if from.private => Ok(say(from, render::help::stranger())),
            // Whoever is in a group can make a bot talk there; a stranger gets nothing.
            (_, None) => Ok(Handled::default()),
            (command, Some(actor)) => {
                let asked = Asked { actor, from, update, message, pressed: false };
                let answer = told(answer::command(&self.parts, &asked, command).await)?;
                Ok(self.handled(&asked, answer, question.is_some()))
            }
        }
    }

    /// What this person was asked last in this chat.
    async fn question(&self, from: From) -> Result<Option<Pending>> {
        let Some(asked) = self.parts.mail.question(from.chat, from.person).await? else { return Ok(None) };
        // A question of an older vmm is as one that nobody asked.
        let question = asked.content.and_then(|content| serde_json::from_str::<Question>(&content).ok());
        let late = asked.expires_at <= Utc::now();
        Ok(question.filter(|question| !late || question.is_secret()).map(|question| Pending { question, late }))
    }

    /// A text that is no command: the answer to a question, or nothing.
    async fn reply(
        &self,
        update: i64,
        from: From,
        message: i32,
        text: &str,
        question: Option<Pending>,
    ) -> Result<Handled> {
        let Some(Pending { question, late }) = question else {
            return Ok(if from.private { say(from, render::help::unknown()) } else { Handled::default() });
        };
        let Some(actor) = self.actor(from).await? else {
            let mut handled = say(from, render::help::stranger());
            if question.is_secret() {
                handled.posts.insert(0, post::delete(from.chat, message));
            }
            return Ok(handled);
        };
        let asked = Asked { actor, from, update, message, pressed: false };
        let answer = match late {
            true => Answer::from(render::late(&question)).deleting(message),
            false => told(answer::reply(&self.parts, &asked, question, text).await)?,
        };
        Ok(self.handled(&asked, answer, true))
    }

    async fn document(
        &self,
        update: i64,
        from: From,
        message: i32,
        document: Document,
        caption: &str,
    ) -> Result<Handled> {
        // In a group files are people's own affair.
        if !from.private {
            return Ok(Handled::default());
        }
        let Some(actor) = self.actor(from).await? else { return Ok(say(from, render::help::stranger())) };
        let asked = Asked { actor, from, update, message, pressed: false };
        let pending = self.question(from).await?.is_some();
        let answer = told(answer::document(&self.parts, &asked, document, caption).await)?;
        Ok(self.handled(&asked, answer, pending))
    }

    async fn press(&self, update: i64, from: From, press: &str, message: i32, data: &str) -> Result<Handled> {
        let refuse = |reason: &str| Ok(vec![post::answer(from.chat, press, reason, true)].into());
        let Some(actor) = self.actor(from).await? else { return refuse("Your Telegram account is bound to nobody.") };
        let Some(button) = self.parts.mail.button(data).await? else {
            return refuse(OLD_BUTTON);
        };
        if Some(button.user) != actor.user_id() {
            return refuse("This button is for somebody else.");
        }
        // A quick person presses before it is recorded which message was sent.
        let elsewhere = button.chat != from.chat || button.message.is_some_and(|known| known != i64::from(message));
        if elsewhere || button.expires_at <= Utc::now() {
            return refuse(OLD_BUTTON);
        }
        let Ok(intent) = serde_json::from_str::<Intent>(&button.content) else {
            return refuse("This button is from an older vmm; ask again.");
        };
        if intent.changes() && !from.private {
            return refuse("Only in a private chat.");
        }
        let asked = Asked { actor, from, update, message, pressed: true };
        let answer = told(answer::press(&self.parts, &asked, intent).await)?;
        let (text, alert) = answer.toast.clone().unwrap_or_default();
        let mut handled = self.handled(&asked, answer, false);
        handled.posts.insert(0, post::answer(from.chat, press, &text, alert));
        Ok(handled)
    }

    /// What is stored for an answer. What the person was asked is answered now, if they were asked something.
    fn handled(&self, asked: &Asked, answer: Answer, pending: bool) -> Handled {
        let Answer { replies, deletes, ask, toast: _, work } = answer;
        let (chat, pressed) = (asked.from.chat, asked.pressed.then_some(asked.message));
        let mut posts: Vec<_> = deletes.into_iter().map(|message| post::delete(chat, message)).collect();
        posts.extend(replies.into_iter().map(|(place, reply)| reply.post(chat, asked.user(), place, pressed)));
        let question = |content, time| model::Question {
            chat,
            person: asked.from.person,
            content,
            expires_at: Utc::now() + TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX),
        };
        let question = match ask {
            Ask::This(asked) => Some(question(Some(post::stored(&asked)), asked.lifetime())),
            Ask::Unsaid if pending => Some(question(None, std::time::Duration::ZERO)),
            Ask::Unsaid => None,
        };
        let work = work.map(|work| {
            let (handler, asked) = (Self { parts: Arc::clone(&self.parts) }, asked.clone());
            async move { handler.handled(&asked, work.await, false) }.boxed()
        });
        Handled { posts, question, work }
    }
}

#[async_trait]
impl Handle for Handler {
    async fn handle(&self, update: &BotUpdate) -> Result<Handled> {
        match sender::read(&update.content) {
            Incoming::Text { from, message, text } => {
                let handled = self.text(update.id, from, message, &text).await;
                crash_point("update", "acted").await;
                handled
            }
            Incoming::Document { from, message, document, caption } => {
                self.document(update.id, from, message, document, &caption).await
            }
            Incoming::Press { from, press, message, data } => self.press(update.id, from, &press, message, &data).await,
            Incoming::StrayPress { person, press } => Ok(vec![post::answer(person, &press, OLD_BUTTON, true)].into()),
            Incoming::NotOwn { chat } => Ok(vec![render::help::not_own().say(chat, None)].into()),
            Incoming::Nothing => Ok(Handled::default()),
        }
    }

    fn broke(&self, update: &BotUpdate) -> Vec<NewPost> {
        match sender::read(&update.content) {
            Incoming::Text { from, .. } | Incoming::Document { from, .. } => say(from, render::broke()).posts,
            Incoming::Press { from, press, .. } => {
                vec![post::answer(from.chat, &press, "Something broke; the log of vmm has it.", true)]
            }
            Incoming::StrayPress { .. } | Incoming::NotOwn { .. } | Incoming::Nothing => Vec::new(),
        }
    }
}

/// To somebody who is bound to no account, or about what was not understood.
fn say(from: From, reply: Reply) -> Handled {
    vec![reply.say(from.chat, None)].into()
}

/// An error becomes what is told of it, except one that passes and leaves nothing done.
fn told<T: std::convert::From<Reply>>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(error @ Error::Unavailable { part: Part::Database, .. }) => Err(error),
        Err(error) => Ok(render::error(&error).into()),
        Ok(answer) => Ok(answer),
    }
}
