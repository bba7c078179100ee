//! Groups that an admin has allowed.

use async_trait::async_trait;

use super::state::State;
use super::store::Store;
use super::table::fits;
use crate::error::{Error, Kind, Result};
use crate::model::{AuditEntry, BotGroup, BotId, NewBotGroup};
use crate::repository::rules::now;
use crate::repository::{BotGroupRepository, MOST_GROUPS, refusal};

#[async_trait]
impl BotGroupRepository for Store {
    async fn allow(&self, group: NewBotGroup, audit: AuditEntry) -> Result<BotGroup> {
        self.change(&audit, |state| insert(state, group))
    }

    async fn by_chat(&self, bot: BotId, chat: i64) -> Result<Option<BotGroup>> {
        Ok(self.read(|state| state.bot_groups.get(&(bot, chat)).cloned()))
    }

    async fn list(&self, bot: Option<BotId>) -> Result<Vec<BotGroup>> {
        let mut groups: Vec<_> = self
            .read(|state| state.bot_groups.values().filter(|group| fits(bot.as_ref(), &group.bot)).cloned().collect());
        groups.sort_by_key(|group| (group.bot, group.allowed_at, group.chat));
        Ok(groups)
    }

    async fn disallow(&self, bot: BotId, chat: i64, audit: AuditEntry) -> Result<()> {
        self.change(&audit, |state| {
            if !state.bot_groups.remove(&(bot, chat)) {
                return Err(Error::not_found(Kind::Group, chat));
            }
            state.bot_buttons.remove_if(|row| row.bot == bot && row.button.chat == chat);
            let people = state.bot_questions.range((bot, chat, i64::MIN)..=(bot, chat, i64::MAX));
            let people: Vec<_> = people.map(|(key, _)| *key).collect();
            state.bot_questions.remove_all(&people);
            Ok(())
        })
    }
}

fn insert(state: &mut State, new: NewBotGroup) -> Result<BotGroup> {
    let NewBotGroup { bot, chat, title, allowed_by } = new;
    let others = state.bot_groups.values().filter(|group| group.bot == bot && group.chat != chat).count();
    if others >= MOST_GROUPS as usize {
        return Err(refusal::too_many_groups(chat));
    }
    let group = BotGroup { bot, chat, title, allowed_by, allowed_at: now() };
    state.bot_groups.insert((bot, chat), group.clone());
    Ok(group)
}
