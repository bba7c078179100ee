//! Groups in which people may do through a bot what they may do in private.

use chrono::{DateTime, Utc};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use vmm_core::model::{BotGroup, BotId};

use crate::api::answer::Done;
use crate::api::tag::Tag;
use crate::error::Failure;
use crate::layer::auth::Caller;

pub(crate) struct BotGroupApi;

/// A group that an admin has allowed.
#[derive(Debug, Object)]
#[oai(rename = "BotGroup")]
struct BotGroupBody {
    /// The bot that it is allowed for, by its id in Telegram.
    bot: i64,
    /// The group, by its id in Telegram.
    chat: i64,
    /// The title of the group when it was allowed.
    title: String,
    /// The admin who allowed the group.
    allowed_by: String,
    allowed_at: DateTime<Utc>,
}

impl From<BotGroup> for BotGroupBody {
    fn from(group: BotGroup) -> Self {
        let BotGroup { bot, chat, title, allowed_by, allowed_at } = group;
        Self { bot: bot.0, chat, title, allowed_by, allowed_at }
    }
}

/// Allowed groups, in the order in which they were allowed.
#[derive(Debug, Object)]
#[oai(rename = "BotGroups")]
struct BotGroupsBody {
    group: Vec<BotGroupBody>,
}

#[OpenApi(tag = "Tag::Session")]
impl BotGroupApi {
    /// List the Telegram groups that an admin has allowed with `/allow`.
    #[oai(path = "/bot/group", method = "get", operation_id = "listBotGroups")]
    async fn list(
        &self,
        caller: Caller,
        /// Only groups of this bot, by its id in Telegram.
        bot: Query<Option<i64>>,
    ) -> Result<Json<BotGroupsBody>, Failure> {
        let login = caller.0;
        let groups = login.vmm.groups(&login.actor, bot.0.map(BotId)).await?;
        Ok(Json(BotGroupsBody { group: groups.into_iter().map(BotGroupBody::from).collect() }))
    }

    /// Disallow a Telegram group. The bot's open buttons and questions in it stop working.
    #[oai(path = "/bot/group", method = "delete", operation_id = "deleteBotGroup")]
    async fn delete(
        &self,
        caller: Caller,
        /// The bot, by its id in Telegram.
        bot: Query<i64>,
        /// The group, by its id in Telegram.
        chat: Query<i64>,
    ) -> Result<Done, Failure> {
        let login = caller.0;
        login.vmm.disallow_group(&login.actor, BotId(bot.0), chat.0).await?;
        Ok(Done::Done)
    }
}
