//! The promises of a [`BotGroupRepository`](vmm_core::repository::BotGroupRepository).

use std::sync::Arc;

use vmm_core::Result;
use vmm_core::model::{BotGroup, BotId, NewBotGroup};
use vmm_core::repository::{MOST_GROUPS, Repository};

use super::{assert_conflict, audited, unaudited};
use crate::sample;

const BOT: BotId = BotId(7);

/// A group is allowed for one bot, under the title that was said last.
pub async fn a_group_is_allowed_for_one_bot(repository: Arc<dyn Repository>) {
    let groups = repository.groups();
    let first = audited(&repository, 1, allow(&repository, -5, "ops")).await.expect("room");
    assert_eq!((first.bot, first.chat, first.title.as_str(), first.allowed_by.as_str()), (BOT, -5, "ops", "root"));
    let other = allow(&repository, -6, "dev").await.expect("room");
    assert_eq!(groups.by_chat(BOT, -5).await.expect("an answer"), Some(first.clone()));
    assert_eq!(groups.by_chat(BotId(8), -5).await.expect("an answer"), None, "another bot's is its own");
    assert_eq!(groups.list(Some(BOT)).await.expect("an answer"), [first, other.clone()]);
    assert_eq!(groups.list(Some(BotId(8))).await.expect("an answer"), []);
    let again = allow(&repository, -5, "operations").await.expect("room");
    assert_eq!(again.title, "operations");
    assert_eq!(groups.list(None).await.expect("an answer"), [other, again]);
}

/// A bot has a hundred groups at most.
pub async fn a_hundred_groups_are_enough(repository: Arc<dyn Repository>) {
    for chat in 1..=i64::from(MOST_GROUPS) {
        allow(&repository, -chat, "ops").await.expect("room");
    }
    assert_conflict(unaudited(&repository, allow(&repository, -1000, "one more")).await, &["100"]);
    allow(&repository, -1, "one of them again").await.expect("room");
    disallow(&repository, -1).await.expect("it is there");
    allow(&repository, -1000, "one more").await.expect("room");
}

pub(in crate::contract) async fn allow(repository: &Arc<dyn Repository>, chat: i64, title: &str) -> Result<BotGroup> {
    let group = NewBotGroup { bot: BOT, chat, title: title.to_owned(), allowed_by: "root".to_owned() };
    repository.groups().allow(group, sample::audit("group.allow")).await
}

pub(in crate::contract) async fn disallow(repository: &Arc<dyn Repository>, chat: i64) -> Result<()> {
    repository.groups().disallow(BOT, chat, sample::audit("group.disallow")).await
}
