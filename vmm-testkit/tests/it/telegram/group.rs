//! Groups that the bot is removed from, or that become others, and answers to messages in them.

use teloxide::prelude::*;
use teloxide::types::UpdateKind;
use teloxide::{ApiError, RequestError};
use vmm_testkit::fake::telegram::FakeTelegram;

use super::{bot, chat};

#[tokio::test]
async fn a_bot_is_told_that_it_comes_and_goes() {
    let telegram = FakeTelegram::start().await;
    let (bot, group) = (bot(&telegram), telegram.group("ops"));
    group.removes_bot();
    let refused = bot.send_message(chat(group.id()), "hi").await;
    assert!(matches!(refused, Err(RequestError::Api(ApiError::BotKickedFromSupergroup))), "{refused:?}");
    group.adds_bot();
    bot.send_message(chat(group.id()), "hi").await.unwrap();
    let updates = bot.get_updates().await.unwrap();
    let changes = updates.iter().map(|update| match &update.kind {
        UpdateKind::MyChatMember(change) => {
            (change.chat.id.0, change.old_chat_member.kind.is_present(), change.new_chat_member.kind.is_present())
        }
        other => panic!("{other:?}"),
    });
    assert_eq!(changes.collect::<Vec<_>>(), [(group.id(), true, false), (group.id(), false, true)]);
}

#[tokio::test]
async fn a_group_that_becomes_a_supergroup_is_another_chat() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice, group) = (bot(&telegram), telegram.person("Alice"), telegram.basic_group("ops"));
    let new = group.migrates();
    let refused = bot.send_message(chat(group.id()), "hi").await;
    assert!(matches!(refused, Err(RequestError::MigrateToChatId(to)) if to == chat(new.id())), "{refused:?}");
    let sent = bot.send_message(chat(new.id()), "hi").await.unwrap();
    let message = new.seat(&alice).latest().unwrap();
    new.seat(&alice).replies(&message, "hello");
    let updates = bot.get_updates().await.unwrap();
    let messages = updates.iter().map(|update| match &update.kind {
        UpdateKind::Message(message) => message,
        other => panic!("{other:?}"),
    });
    let messages: Vec<_> = messages.collect();
    assert_eq!(messages[0].migrate_to_chat_id(), Some(&chat(new.id())));
    assert_eq!(messages[1].migrate_from_chat_id(), Some(&chat(group.id())));
    let answered = messages[2].reply_to_message().unwrap();
    assert!(answered.id == sent.id && answered.from.as_ref().unwrap().is_bot);
}
