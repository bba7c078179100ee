//! Menus by scope, as strict as the real ones, and which a person sees.

use teloxide::prelude::*;
use teloxide::types::{BotCommand, BotCommandScope, Recipient};
use vmm_testkit::fake::telegram::FakeTelegram;

use super::{bot, chat};

fn menu(names: &[&str]) -> Vec<BotCommand> {
    names.iter().map(|name| BotCommand::new(*name, "Does something")).collect()
}

#[tokio::test]
async fn the_narrowest_menu_is_seen() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice, bob, group) =
        (bot(&telegram), telegram.person("Alice"), telegram.person("Bob"), telegram.group("ops"));
    let (seat, other) = (group.seat(&alice), group.seat(&bob));
    let sees = |person: &vmm_testkit::fake::telegram::Person| -> Vec<String> {
        person.menu().into_iter().map(|(name, _)| name).collect()
    };
    let to = |id| Recipient::Id(chat(id));
    alice.says("/start");
    let user_id = UserId(u64::try_from(alice.id()).unwrap());
    let scopes = [
        (BotCommandScope::Default, "everybody"),
        (BotCommandScope::AllPrivateChats, "private"),
        (BotCommandScope::AllGroupChats, "groups"),
        (BotCommandScope::Chat { chat_id: to(alice.id()) }, "alice"),
        (BotCommandScope::Chat { chat_id: to(group.id()) }, "here"),
        (BotCommandScope::ChatMember { chat_id: to(group.id()), user_id }, "alice_here"),
    ];
    for (scope, name) in &scopes {
        bot.set_my_commands(menu(&[name])).scope(scope.clone()).await.unwrap();
        assert_eq!(bot.get_my_commands().scope(scope.clone()).await.unwrap()[0].command, *name);
    }
    let seen = [&alice, &bob, &seat, &other].map(sees);
    assert_eq!(seen, [["alice"], ["private"], ["alice_here"], ["here"]]);
    for (scope, _) in scopes.into_iter().skip(1) {
        bot.delete_my_commands().scope(scope).await.unwrap();
    }
    assert_eq!([&alice, &bob, &seat, &other].map(sees), [["everybody"]; 4]);
}

#[tokio::test]
async fn what_telegram_would_refuse_is_refused() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    let long = "a".repeat(33);
    for name in ["", "VMs", "run-it", "läuft", long.as_str()] {
        assert!(bot.set_my_commands(menu(&[name])).await.is_err(), "{name:?}");
    }
    for description in [String::new(), "d".repeat(257)] {
        assert!(bot.set_my_commands([BotCommand::new("vms", &description)]).await.is_err(), "{description:?}");
    }
    let many: Vec<_> = (0..101).map(|number| format!("c{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(bot.set_my_commands(menu(&many)).await.is_err());
    bot.set_my_commands(menu(&many[1..])).await.unwrap();
    assert_eq!(alice.menu().len(), 100);
    // A chat that the bot does not know, or is not in any more.
    let group = telegram.group("ops");
    group.removes_bot();
    for id in [alice.id(), group.id(), 1] {
        let scope = BotCommandScope::Chat { chat_id: Recipient::Id(chat(id)) };
        assert!(bot.set_my_commands(menu(&["vms"])).scope(scope.clone()).await.is_err(), "{id}");
        assert!(bot.delete_my_commands().scope(scope).await.is_err(), "{id}");
    }
}
