//! From an update to what is sent for it: who asks, what for, and where.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use futures_util::FutureExt;
use vmm_core::model::{self, BotUpdate, NewPost};
use vmm_core::{Actor, Error, Part, Result};

use crate::crash::crash_point;
use crate::talk::command::{self, Command, Misread};
use crate::talk::context::Context;
use crate::talk::dialogue::{Intent, Question};
use crate::talk::exchange::{Answer, Ask, Asked, work_name};
use crate::talk::reply::{Place, Reply};
use crate::talk::scope::Scope;
use crate::talk::sender::{self, From, Incoming, Written};
use crate::talk::{answer, render};
use crate::transport::file::Document;
use crate::transport::inbox::{Handle, Handled};
use crate::transport::post;

/// The reply to a press of an expired button.
const OLD_BUTTON: &str = "This button has expired. Send the command again.";

pub(crate) struct Handler {
    context: Arc<Context>,
}

/// The last question to a person, and whether it is too late to answer. Only a secret question is remembered for so
/// long.
struct Pending {
    question: Question,
    late: bool,
}

impl Pending {
    /// Returns whether a misread command counts as the answer. A password may begin like a command, and would stay in
    /// the chat.
    fn takes(&self, misread: &Misread) -> bool {
        match misread {
            Misread::Unknown => self.question.is_secret() || self.question.takes_slash(),
            Misread::Wrong(_) => self.question.is_secret() && !self.late,
            Misread::NotForUs => true,
        }
    }
}

impl Handler {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// The account that a person is bound to, if to any.
    async fn actor(&self, from: From) -> Result<Option<Actor>> {
        match self.context.vmm.chat_actor(from.person).await {
            Ok(actor) => Ok(Some(actor)),
            Err(Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn text(&self, update: &BotUpdate, written: &Written, text: &str) -> Result<Handled> {
        let from = written.from;
        let command = match command::parse(text, &self.context.name) {
            Ok(command) => command,
            Err(misread) => return self.reply(update, written, text, misread).await,
        };
        match command.scope() {
            Scope::Private if !from.private => return Ok(say(from, render::help::in_private(&self.context.name))),
            Scope::Trusted if !self.context.kind(from).await?.trusted() => {
                return Ok(say(from, render::bot_group::only_where_allowed(&self.context.name)));
            }
            // The answer to what is about a group says where it belongs.
            Scope::Everywhere | Scope::Trusted | Scope::Private | Scope::Groups => {}
        }
        match (command, self.actor(from).await?) {
            (Command::Link(code), None) => {
                Ok(say(from, told(answer::link::link(&self.context, None, &code, from.person).await)?))
            }
            (_, None) if from.private => Ok(say(from, render::help::stranger())),
            // Whoever is in a group can make a bot talk there; a stranger gets nothing.
            (_, None) => Ok(Handled::default()),
            (command, Some(actor)) => {
                let asked = asked(actor, update, written);
                let answer = told(answer::command(&self.context, &asked, command).await)?;
                Ok(self.handled(&asked, answer, true))
            }
        }
    }

    /// Returns the last question to this person in this chat.
    async fn question(&self, from: From) -> Result<Option<Pending>> {
        let Some(asked) = self.context.mail.question(from.chat, from.person).await? else { return Ok(None) };
        // A question of an older vmm is as one that nobody asked.
        let question = asked.content.and_then(|content| serde_json::from_str::<Question>(&content).ok());
        let late = asked.expires_at <= Utc::now();
        Ok(question.filter(|question| !late || question.is_secret()).map(|question| Pending { question, late }))
    }

    /// A text that is no command: the answer to a question, or nothing.
    async fn reply(&self, update: &BotUpdate, written: &Written, text: &str, misread: Misread) -> Result<Handled> {
        let from = written.from;
        let question = if from.private || self.is_answered(written) { self.question(from).await? } else { None };
        let Some(Pending { question, late }) = question.filter(|question| question.takes(&misread)) else {
            return Ok(match misread {
                Misread::Wrong(reason) => say(from, Reply::text(render::escape(&reason))),
                Misread::NotForUs | Misread::Unknown if from.private => say(from, render::help::unknown()),
                // In a group people talk to each other.
                Misread::NotForUs | Misread::Unknown => Handled::default(),
            });
        };
        let actor = self.actor(from).await?;
        if !from.private && actor.is_none() {
            return Ok(Handled::default());
        }
        let Some(actor) = actor else {
            let mut handled = say(from, render::help::stranger());
            if question.is_secret() {
                handled.posts.insert(0, post::delete(from.chat, written.message));
            }
            return Ok(handled);
        };
        let asked = asked(actor, update, written);
        if late {
            return Ok(self.handled(&asked, Answer::from(render::late(&question)).deleting(asked.message), true));
        }
        if (question.is_private() && !from.private) || !self.context.kind(from).await?.trusted() {
            let refusal = render::bot_group::only_where_allowed(&self.context.name);
            return Ok(self.handled(&asked, refusal.into(), true));
        }
        let answer = told(answer::reply(&self.context, &asked, question, text).await)?;
        Ok(self.handled(&asked, answer, true))
    }

    /// Returns whether a message is a reply to the bot. In a group people talk to each other.
    fn is_answered(&self, written: &Written) -> bool {
        written.answers == Some(self.context.id.0)
    }

    async fn document(
        &self,
        update: &BotUpdate,
        written: &Written,
        document: Document,
        caption: &str,
    ) -> Result<Handled> {
        let from = written.from;
        if !from.private {
            // Files are people's own affair, unless they are meant for the bot.
            let misread = command::parse(caption, &self.context.name).err();
            let commands = !matches!(misread, Some(Misread::NotForUs | Misread::Unknown));
            let meant = commands || self.is_answered(written);
            if !meant || !self.context.kind(from).await?.trusted() {
                return Ok(Handled::default());
            }
        }
        let Some(actor) = self.actor(from).await? else {
            return Ok(if from.private { say(from, render::help::stranger()) } else { Handled::default() });
        };
        let asked = asked(actor, update, written);
        let answer = told(answer::document(&self.context, &asked, document, caption).await)?;
        Ok(self.handled(&asked, answer, true))
    }

    async fn press(&self, update: &BotUpdate, from: From, press: &str, message: i32, data: &str) -> Result<Handled> {
        let refuse = |reason: &str| Ok(vec![post::answer(from.chat, press, reason, true)].into());
        let Some(actor) = self.actor(from).await? else {
            return refuse("You are not linked to an account yet. Send me /start in a private chat.");
        };
        let Some(button) = self.context.mail.button(data).await? else {
            return refuse(OLD_BUTTON);
        };
        if Some(button.user) != actor.user_id() {
            return refuse("This button belongs to somebody else. Send the command yourself.");
        }
        // A quick person presses before it is recorded which message was sent.
        let elsewhere = button.chat != from.chat || button.message.is_some_and(|known| known != i64::from(message));
        if elsewhere || button.expires_at <= Utc::now() {
            return refuse(OLD_BUTTON);
        }
        let Ok(intent) = serde_json::from_str::<Intent>(&button.content) else {
            return refuse("This button is from an older version of vmm. Send the command again.");
        };
        if intent.is_guarded() && !self.context.kind(from).await?.trusted() {
            return refuse("This works only in a private chat, or in a group that an admin has allowed.");
        }
        let BotUpdate { id: update, begun, .. } = *update;
        let asked = Asked { actor, from, title: String::new(), update, begun, message, pressed: true };
        let answer = told(answer::press(&self.context, &asked, intent).await)?;
        let (text, alert) = answer.toast.clone().unwrap_or_default();
        let mut handled = self.handled(&asked, answer, false);
        handled.posts.insert(0, post::answer(from.chat, press, &text, alert));
        Ok(handled)
    }

    /// Returns what is stored for an answer. `said` says that the person wrote something, which closes their open
    /// question.
    fn handled(&self, asked: &Asked, answer: Answer, said: bool) -> Handled {
        let Answer { replies, deletes, ask, toast: _, work } = self.in_place(asked, answer);
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
            Ask::Unsaid if said => Some(question(None, std::time::Duration::ZERO)),
            Ask::Unsaid => None,
        };
        let work = work.map(|work| {
            let (handler, asked) = (Self { context: Arc::clone(&self.context) }, asked.clone());
            async move {
                let answer = handler.ended(&asked, work.await).await;
                handler.handled(&asked, answer, false)
            }
            .boxed()
        });
        Handled { posts, question, work }
    }

    /// An answer as it may stand in its chat: what is asked in a group is nothing that leads to a secret, and is
    /// answered by replying to it.
    fn in_place(&self, asked: &Asked, mut answer: Answer) -> Answer {
        let Ask::This(question) = &answer.ask else { return answer };
        if asked.from.private {
            return answer;
        }
        if question.is_private() {
            return Answer::at(Place::New, render::bot_group::login_in_private(&self.context.name));
        }
        if let Some((place, reply)) = answer.replies.pop() {
            answer.replies.push((place, reply.line("Answer by replying to this message.")));
        }
        answer
    }

    /// Returns the result of work, or a note in its place if the group was disallowed meanwhile.
    async fn ended(&self, asked: &Asked, answer: Answer) -> Answer {
        let instead = match self.context.kind(asked.from).await {
            Ok(kind) if kind.trusted() => return answer,
            Ok(_) => render::bot_group::hidden(),
            Err(error) => render::error(&error),
        };
        Answer::at(Place::Live(work_name(asked.update)), instead)
    }

    /// Ends what a group is allowed, since it is not the same any more.
    async fn lost(&self, chat: i64, why: &str, told: Option<i64>) -> Result<Handled> {
        let lost = self.context.mail.lose_group(chat, why).await?;
        let told = told.filter(|_| lost).map(|to| render::bot_group::migrated().say(to, None));
        Ok(told.into_iter().collect::<Vec<_>>().into())
    }
}

#[async_trait]
impl Handle for Handler {
    async fn handle(&self, update: &BotUpdate) -> Result<Handled> {
        match sender::read(&update.content) {
            Incoming::Text { written, text } => {
                let handled = self.text(update, &written, &text).await;
                crash_point("update", "acted").await;
                handled
            }
            Incoming::Document { written, document, caption } => {
                self.document(update, &written, document, &caption).await
            }
            Incoming::Moved { chat } => self.lost(chat, "the bot has left the group or was added anew", None).await,
            Incoming::Migrated { chat, to } => self.lost(chat, "the group has become another one", Some(to)).await,
            Incoming::Press { from, press, message, data } => self.press(update, from, &press, message, &data).await,
            Incoming::StrayPress { person, press } => Ok(vec![post::answer(person, &press, OLD_BUTTON, true)].into()),
            Incoming::NotOwn { chat } => Ok(vec![render::help::not_own().say(chat, None)].into()),
            Incoming::Nothing => Ok(Handled::default()),
        }
    }

    fn broke(&self, update: &BotUpdate) -> Vec<NewPost> {
        match sender::read(&update.content) {
            Incoming::Text { written, .. } | Incoming::Document { written, .. } => {
                say(written.from, render::broke()).posts
            }
            Incoming::Press { from, press, .. } => {
                vec![post::answer(
                    from.chat,
                    &press,
                    "Something broke in vmm. Please tell an admin: the log of vmm has the details.",
                    true,
                )]
            }
            Incoming::StrayPress { .. } | Incoming::NotOwn { .. } | Incoming::Nothing => Vec::new(),
            Incoming::Moved { .. } | Incoming::Migrated { .. } => Vec::new(),
        }
    }
}

/// Describes a message from somebody who is linked to an account.
fn asked(actor: Actor, update: &BotUpdate, written: &Written) -> Asked {
    let Written { from, message, answers: _, ref title } = *written;
    let BotUpdate { id: update, begun, .. } = *update;
    Asked { actor, from, title: title.clone(), update, begun, message, pressed: false }
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
