//! What a [`BotGroupRepository`](vmm_core::repository::BotGroupRepository) promises.

use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::Result;
use vmm_core::model::{BotGroup, BotId, NewBotGroup, NewButton, NewPost, PostPlace, Question};
use vmm_core::repository::{MOST_GROUPS, Repository};

use super::{assert_conflict, assert_not_found, audited, unaudited};
use crate::sample::{self, Desk};

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

/// A group that is not allowed any more is as one that never was, and with it go the bot's buttons and questions there.
pub async fn what_a_group_is_allowed_ends(repository: Arc<dyn Repository>) {
    let (desk, bots) = (Desk::make(&repository).await, repository.bots());
    for chat in [-5, -6] {
        allow(&repository, chat, "ops").await.expect("room");
        let expires_at = Utc::now() + Duration::hours(1);
        let button = NewButton { id: format!("in {chat}"), user: desk.user.id, content: "{}".to_owned(), expires_at };
        let (content, place) = ("a question".to_owned(), PostPlace::New);
        let post = NewPost { chat, content, attachment: None, buttons: vec![button], place };
        let question = Question { chat, person: 9, content: Some("why".to_owned()), expires_at };
        bots.post(BOT, vec![post], Some(question)).await.expect("room");
    }
    audited(&repository, 1, disallow(&repository, -5)).await.expect("it is there");
    assert_eq!(repository.groups().by_chat(BOT, -5).await.expect("an answer"), None);
    assert_eq!(bots.button(BOT, "in -5").await.expect("an answer"), None);
    assert_eq!(bots.question(BOT, -5, 9, Utc::now()).await.expect("an answer"), None);
    assert!(bots.button(BOT, "in -6").await.expect("an answer").is_some());
    assert!(bots.question(BOT, -6, 9, Utc::now()).await.expect("an answer").is_some());
    assert_not_found(unaudited(&repository, disallow(&repository, -5)).await);
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

async fn allow(repository: &Arc<dyn Repository>, chat: i64, title: &str) -> Result<BotGroup> {
    let group = NewBotGroup { bot: BOT, chat, title: title.to_owned(), allowed_by: "root".to_owned() };
    repository.groups().allow(group, sample::audit("group.allow")).await
}

async fn disallow(repository: &Arc<dyn Repository>, chat: i64) -> Result<()> {
    repository.groups().disallow(BOT, chat, sample::audit("group.disallow")).await
}
