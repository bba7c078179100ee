//! Groups of a chat service in which people may do through a bot what they may do in private.

use crate::desk::Vmm;
use crate::error::{Error, Result};
use crate::model::{BotGroup, BotId, NewBotGroup};
use crate::policy::{Action, Actor, Target};

use super::mail::BotMail;

/// The longest title that is kept, in characters.
const LONGEST_TITLE: usize = 128;

impl Vmm {
    /// Allows a group: whoever is bound to an account may do there, through this bot, all that is not secret. Everybody
    /// in the group reads what is answered. Of the title is kept what can be shown, at most 128 characters.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin; `Conflict` if the bot has a hundred groups.
    pub async fn allow_group(&self, actor: &Actor, bot: BotId, chat: i64, title: &str) -> Result<BotGroup> {
        let title: String = title.chars().filter(|c| !c.is_control()).take(LONGEST_TITLE).collect();
        let target = Target::new(label(chat, &title));
        self.change(actor, Action::GroupAllow, target, |desk, audit| async move {
            let group = NewBotGroup { bot, chat, title, allowed_by: actor.to_string() };
            desk.repository().groups().allow(group, audit).await
        })
        .await
    }

    /// The allowed groups of a bot, or of all, in the order in which they were allowed.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin.
    pub async fn groups(&self, actor: &Actor, bot: Option<BotId>) -> Result<Vec<BotGroup>> {
        self.read(actor, Action::GroupRead, &Target::none())?.repository().groups().list(bot).await
    }

    /// Ends what a group is allowed. The bot's open buttons and questions in the group stop working.
    ///
    /// # Errors
    /// `Forbidden` for anyone but an admin, whether the group is allowed or not; `NotFound` if it is not allowed.
    pub async fn disallow_group(&self, actor: &Actor, bot: BotId, chat: i64) -> Result<()> {
        self.end_group(actor, bot, chat, String::new()).await
    }

    async fn end_group(&self, actor: &Actor, bot: BotId, chat: i64, why: String) -> Result<()> {
        let looking = async {
            // Who may not end it is not told whether there is one.
            if !self.allows(actor, Action::GroupDisallow, &Target::none()) {
                return Ok(String::new());
            }
            Ok(self.lookup(actor)?.group(bot, chat).await?.title)
        };
        let title = self.find_or_audit_failure(actor, Action::GroupDisallow, label(chat, ""), looking).await?;
        let target = Target::new(label(chat, &title));
        self.change(actor, Action::GroupDisallow, target, |desk, mut audit| async move {
            audit.detail = why.into();
            desk.repository().groups().disallow(bot, chat, audit).await
        })
        .await
    }
}

impl BotMail {
    /// Returns whether an admin has allowed this chat as a group.
    ///
    /// # Errors
    /// `Unavailable` if the database does not answer.
    pub async fn allows_group(&self, chat: i64) -> Result<bool> {
        Ok(self.desk.repository().groups().by_chat(self.bot, chat).await?.is_some())
    }

    /// Ends by itself what a group is allowed, for this reason; `false`, and nothing is recorded, if it is not allowed.
    ///
    /// # Errors
    /// `Unavailable` if the database does not answer.
    pub async fn lose_group(&self, chat: i64, why: &str) -> Result<bool> {
        if !self.allows_group(chat).await? {
            return Ok(false);
        }
        match self.vmm.end_group(&Actor::System, self.bot, chat, why.to_owned()).await {
            Ok(()) => Ok(true),
            // Somebody was quicker.
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn label(chat: i64, title: &str) -> String {
    if title.is_empty() { format!("group {chat}") } else { format!("group {chat} ({title})") }
}
