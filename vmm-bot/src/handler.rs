//! From an update to what is sent for it: who asks, what for, and where.

use async_trait::async_trait;
use chrono::Utc;
use vmm_core::model::{BotUpdate, NewPost, UserId};
use vmm_core::{Actor, BotMail, Error, Part, Result, Vmm};

use crate::command::{self, Command, Misread};
use crate::dialogue::Intent;
use crate::inbox::Handle;
use crate::post::{self, Reply};
use crate::sender::{self, From, Incoming};
use crate::{answer, crash_point, render};

/// To a press that means nothing any more.
const OLD_BUTTON: &str = "This button is from before; ask again.";

pub(crate) struct Handler {
    vmm: Vmm,
    mail: BotMail,
    name: String,
}

impl Handler {
    pub(crate) fn new(vmm: Vmm, mail: BotMail, name: String) -> Self {
        Self { vmm, mail, name }
    }

    /// The account that a person is bound to, if to any.
    async fn actor(&self, from: From) -> Result<Option<Actor>> {
        match self.vmm.chat_actor(from.person).await {
            Ok(actor) => Ok(Some(actor)),
            Err(Error::Unauthenticated) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn text(&self, from: From, text: &str) -> Result<Vec<NewPost>> {
        let command = match command::parse(text, &self.name) {
            Ok(command) => command,
            // In a group people talk to each other.
            Err(Misread::NotForUs | Misread::Unknown) if !from.private => return Ok(Vec::new()),
            Err(Misread::NotForUs | Misread::Unknown) => return Ok(say(from, render::help::unknown(), None)),
            Err(Misread::Wrong(reason)) => return Ok(say(from, Reply::text(render::escape(&reason)), None)),
        };
        if command.private() && !from.private {
            return Ok(say(from, render::help::in_private(&self.name), None));
        }
        let actor = self.actor(from).await?;
        let reply = match (command, &actor) {
            (Command::Link(code), None) => answer::link(&self.vmm, None, &code, from.person).await,
            (_, None) if from.private => Ok(render::help::stranger()),
            // Whoever is in a group can make a bot talk there; a stranger gets nothing.
            (_, None) => return Ok(Vec::new()),
            (command, Some(actor)) => answer::command(&self.vmm, actor, command, from).await,
        };
        Ok(say(from, told(reply)?, actor.as_ref().and_then(Actor::user_id)))
    }

    async fn press(&self, update: i64, from: From, press: &str, message: i64, data: &str) -> Result<Vec<NewPost>> {
        let refuse = |reason: &str| Ok(vec![post::answer(from.chat, press, reason, true)]);
        let Some(actor) = self.actor(from).await? else { return refuse("Your Telegram account is bound to nobody.") };
        let Some(button) = self.mail.button(data).await? else {
            return refuse(OLD_BUTTON);
        };
        if Some(button.user) != actor.user_id() {
            return refuse("This button is for somebody else.");
        }
        // A quick person presses before it is recorded which message was sent.
        let elsewhere = button.chat != from.chat || button.message.is_some_and(|known| known != message);
        if elsewhere || button.expires_at <= Utc::now() {
            return refuse(OLD_BUTTON);
        }
        let Ok(intent) = serde_json::from_str::<Intent>(&button.content) else {
            return refuse("This button is from an older vmm; ask again.");
        };
        if intent.changes() && !from.private {
            return refuse("Only in a private chat.");
        }
        let Ok(number) = i32::try_from(message) else { return refuse(OLD_BUTTON) };
        let reply = match intent {
            Intent::Confirmed { vm, switch } => {
                if self.mail.begin_update(update).await? {
                    crash_point("update", "begun").await;
                    let done = answer::switch(&self.vmm, &actor, &vm, switch).await;
                    crash_point("update", "acted").await;
                    // Trying again would find the update begun: what is told now is all that is known.
                    done.unwrap_or_else(|error| render::error(&error))
                } else {
                    render::power::interrupted(&vm, switch)
                }
            }
            intent => told(answer::press(&self.vmm, &actor, intent, from.private).await)?,
        };
        let user = actor.user_id();
        Ok(vec![post::answer(from.chat, press, "", false), reply.change(from.chat, number, user)])
    }
}

#[async_trait]
impl Handle for Handler {
    async fn handle(&self, update: &BotUpdate) -> Result<Vec<NewPost>> {
        match sender::read(&update.content) {
            Incoming::Text { from, text } => {
                let posts = self.text(from, &text).await;
                crash_point("update", "acted").await;
                posts
            }
            Incoming::Press { from, press, message, data } => self.press(update.id, from, &press, message, &data).await,
            Incoming::StrayPress { person, press } => Ok(vec![post::answer(person, &press, OLD_BUTTON, true)]),
            Incoming::NotOwn { chat } => Ok(vec![render::help::not_own().say(chat, None)]),
            Incoming::Nothing => Ok(Vec::new()),
        }
    }

    fn broke(&self, update: &BotUpdate) -> Vec<NewPost> {
        match sender::read(&update.content) {
            Incoming::Text { from, .. } => say(from, render::broke(), None),
            Incoming::Press { from, press, .. } => {
                vec![post::answer(from.chat, &press, "Something broke; the log of vmm has it.", true)]
            }
            Incoming::StrayPress { .. } | Incoming::NotOwn { .. } | Incoming::Nothing => Vec::new(),
        }
    }
}

fn say(from: From, reply: Reply, user: Option<UserId>) -> Vec<NewPost> {
    vec![reply.say(from.chat, user)]
}

/// An error becomes what is told of it, except one that passes and leaves nothing done.
fn told(reply: Result<Reply>) -> Result<Reply> {
    match reply {
        Err(error @ Error::Unavailable { part: Part::Database, .. }) => Err(error),
        Err(error) => Ok(render::error(&error)),
        Ok(reply) => Ok(reply),
    }
}
