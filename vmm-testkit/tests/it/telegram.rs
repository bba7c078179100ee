//! The stand-in for Telegram, asked by the unmodified teloxide and by hand.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod group;
mod menu;
mod raw;
mod webhook;

use std::time::Duration;

use teloxide::net::Download;
use teloxide::prelude::*;
use teloxide::types::{
    AllowedUpdate, BotCommand, FileId, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, MediaKind, MessageId,
    MessageKind, ParseMode, UpdateKind,
};
use teloxide::{ApiError, RequestError};
use tokio::time::{Instant, timeout};
use vmm_testkit::fake::telegram::{Disguise, Event, FakeTelegram, Fault};

const PATIENCE: Duration = Duration::from_secs(30);

fn bot(telegram: &FakeTelegram) -> Bot {
    Bot::new(telegram.token()).set_api_url(telegram.url().parse().expect("an address"))
}

fn chat(id: i64) -> ChatId {
    ChatId(id)
}

#[tokio::test]
async fn teloxide_starts_up_polls_and_answers() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    assert_eq!(bot.get_webhook_info().await.unwrap().url, None);
    assert_eq!(bot.get_me().await.unwrap().username(), telegram.bot_name());
    let alice = telegram.person("Alice");
    alice.says("/start now");
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::Message(message) = &updates[0].kind else { panic!("{updates:?}") };
    assert_eq!((message.text(), message.chat.id), (Some("/start now"), chat(alice.chat())));
    assert_eq!(message.entities().unwrap()[0].length, "/start".len());
    bot.send_message(message.chat.id, "<b>Hello</b> &amp; welcome").parse_mode(ParseMode::Html).await.unwrap();
    let seen = alice.sees("Hello").await;
    assert_eq!((seen.text.as_str(), seen.part("bold")), ("Hello & welcome", Some("Hello")));
    assert_eq!(alice.transcript(), "Alice: /start now\nvmm: Hello & welcome\n");
}

#[tokio::test]
async fn a_poll_waits_for_an_update_and_confirms_those_before_its_offset() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    assert!(bot.get_updates().timeout(1).await.unwrap().is_empty(), "nothing within the time");
    let alice = telegram.person("Alice");
    let polling = tokio::spawn(bot.get_updates().timeout(30).send());
    telegram.until("the poll has begun", |telegram| telegram.calls("getUpdates").len() == 2).await;
    alice.says("one");
    let first = polling.await.unwrap().unwrap();
    assert_eq!(first.len(), 1);
    for text in ["two", "three"] {
        alice.says(text);
    }
    let again = bot.get_updates().limit(2).await.unwrap();
    assert_eq!((again.len(), again[0].id), (2, first[0].id), "not confirmed, so it comes again");
    let behind = bot.get_updates().offset(first[0].id.as_offset()).await.unwrap();
    assert_eq!(behind.len(), 2);
    assert_eq!(bot.get_updates().offset(-1).await.unwrap()[0].id, behind[1].id);
    assert_eq!(telegram.waiting_updates(), 1);
}

#[tokio::test]
async fn one_polls_at_a_time_and_none_beside_a_webhook() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let first = tokio::spawn(bot.get_updates().timeout(30).send());
    telegram.until("the first polls", |telegram| telegram.calls("getUpdates").len() == 1).await;
    let second = tokio::spawn(bot.get_updates().timeout(30).send());
    let ended = first.await.unwrap();
    assert!(matches!(ended, Err(RequestError::Api(ApiError::TerminatedByOtherGetUpdates))), "{ended:?}");
    bot.set_webhook("https://bot.example.org:8443/hook".parse().unwrap()).await.unwrap();
    assert!(second.await.unwrap().unwrap_err().to_string().contains("terminated by setWebhook"));
    assert!(bot.get_updates().await.unwrap_err().to_string().contains("while webhook is active"));
    bot.delete_webhook().await.unwrap();
    assert!(bot.get_updates().await.unwrap().is_empty());
    let plain = bot.set_webhook("http://bot.example.org/hook".parse().unwrap()).await;
    assert!(plain.unwrap_err().to_string().contains("HTTPS"));
    let port = bot.set_webhook("https://bot.example.org:8080/hook".parse().unwrap()).await;
    assert!(matches!(port, Err(RequestError::Api(ApiError::BadWebhookPort))), "{port:?}");
}

#[tokio::test]
async fn only_wanted_kinds_of_updates_come() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    let alice = telegram.person("Alice");
    bot.get_updates().allowed_updates([AllowedUpdate::Message]).await.unwrap();
    alice.says_as(Disguise::Edited, "edited");
    alice.says("said");
    let updates = bot.get_updates().await.unwrap();
    assert_eq!(updates.len(), 1);
    assert!(matches!(updates[0].kind, UpdateKind::Message(_)));
}

#[tokio::test]
async fn every_disguise_is_understood_and_keeps_its_marks() {
    let telegram = FakeTelegram::start().await;
    let (bot, group) = (bot(&telegram), telegram.group("ops"));
    let alice = group.seat(&telegram.person("Alice"));
    for disguise in Disguise::ALL {
        alice.says_as(*disguise, "/vms");
    }
    let updates = bot.get_updates().await.unwrap();
    assert_eq!(updates.len(), Disguise::ALL.len());
    for (update, disguise) in updates.iter().zip(Disguise::ALL) {
        let marks = serde_json::to_string(update).unwrap();
        let mark = match disguise {
            Disguise::Forwarded | Disguise::ForwardedFromHidden | Disguise::ForwardedFromChannel => "forward_origin",
            Disguise::ViaBot => "via_bot",
            Disguise::AnonymousAdmin | Disguise::AsChannel => "sender_chat",
            Disguise::LinkedChannel => "is_automatic_forward",
            Disguise::Edited => "edited_message",
            Disguise::ChannelPost => "channel_post",
            Disguise::EditedChannelPost => "edited_channel_post",
            Disguise::Business => "business_connection_id",
            Disguise::ByBot => "\"is_bot\":true",
        };
        assert!(marks.contains(mark), "{disguise:?}: {marks}");
        assert!(!matches!(update.kind, UpdateKind::Error(_)), "{disguise:?}");
    }
}

#[tokio::test]
async fn buttons_are_pressed_once_answered_once_and_edited_in_place() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    alice.says("/start");
    let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("More", "page-2")]]);
    let sent = bot.send_message(chat(alice.id()), "page 1").reply_markup(keyboard.clone()).await.unwrap();
    let seen = alice.sees("page 1").await;
    let press = alice.presses(&seen, "More");
    let updates = bot.get_updates().await.unwrap();
    let Some(UpdateKind::CallbackQuery(query)) = updates.last().map(|update| &update.kind) else { panic!() };
    assert_eq!(query.data.as_deref(), Some("page-2"));
    assert_eq!(query.regular_message().unwrap().id, sent.id);
    bot.answer_callback_query(query.id.clone()).text("turned").await.unwrap();
    assert_eq!(press.answer().await.text, "turned");
    assert!(bot.answer_callback_query(query.id.clone()).await.is_err(), "answered already");
    bot.edit_message_text(sent.chat.id, sent.id, "page 2").reply_markup(keyboard.clone()).await.unwrap();
    assert_eq!(alice.sees_edit(&seen, "page 2").await.labels(), ["More"]);
    let same = bot.edit_message_text(sent.chat.id, sent.id, "page 2").reply_markup(keyboard).await;
    assert!(matches!(same, Err(RequestError::Api(ApiError::MessageNotModified))), "{same:?}");
    bot.edit_message_reply_markup(sent.chat.id, sent.id).await.unwrap();
    assert!(alice.sees_edit(&seen, "page 2").await.buttons.is_empty());
    bot.delete_message(sent.chat.id, sent.id).await.unwrap();
    alice.sees_deleted(seen.id).await;
    let gone = bot.edit_message_text(sent.chat.id, sent.id, "page 3").await;
    assert!(matches!(gone, Err(RequestError::Api(ApiError::MessageToEditNotFound))), "{gone:?}");
}

#[tokio::test]
async fn files_go_both_ways() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    alice.uploads("vms.csv", b"name,os\n", "please");
    let updates = bot.get_updates().await.unwrap();
    let UpdateKind::Message(message) = &updates[0].kind else { panic!() };
    let MessageKind::Common(common) = &message.kind else { panic!() };
    assert!(matches!(common.media_kind, MediaKind::Document(_)));
    assert_eq!(message.caption(), Some("please"));
    let document = message.document().unwrap();
    assert_eq!(document.file_name.as_deref(), Some("vms.csv"));
    let file = bot.get_file(document.file.id.clone()).await.unwrap();
    let mut bytes = Vec::new();
    bot.download_file(&file.path, &mut bytes).await.unwrap();
    assert_eq!(bytes, b"name,os\n");
    assert!(bot.get_file(FileId("nothing".to_owned())).await.is_err());

    let result = InputFile::memory(b"name,ip\n".to_vec()).file_name("result.csv");
    bot.send_document(chat(alice.id()), result).caption("<i>done</i>").parse_mode(ParseMode::Html).await.unwrap();
    let seen = alice.sees_document("result.csv").await;
    assert_eq!((seen.text.as_str(), seen.document.unwrap().bytes.as_slice()), ("done", &b"name,ip\n"[..]));
    let picture = InputFile::memory(b"\x89PNG\r\n\x1a\n...".to_vec()).file_name("load.png");
    bot.send_photo(chat(alice.id()), picture).await.unwrap();
    assert!(alice.sees_photo().await.photo.is_some());
    let no_picture = bot.send_photo(chat(alice.id()), InputFile::memory("text")).await;
    assert!(matches!(no_picture, Err(RequestError::Api(ApiError::ImageProcessFailed))), "{no_picture:?}");
    let empty = bot.send_document(chat(alice.id()), InputFile::memory("")).await;
    assert!(empty.unwrap_err().to_string().contains("non-empty"));
}

#[tokio::test]
async fn limits_are_those_of_telegram() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    let unknown = bot.send_message(chat(4), "hi").await;
    assert!(matches!(unknown, Err(RequestError::Api(ApiError::ChatNotFound))), "{unknown:?}");
    assert!(bot.send_message(chat(alice.id()), "hi").await.is_err(), "a bot may not begin a chat");
    alice.says("/start");
    let to = chat(alice.id());
    let longest = "é".repeat(4096);
    bot.send_message(to, format!("<b>{longest}</b>")).parse_mode(ParseMode::Html).await.unwrap();
    let long = bot.send_message(to, longest + "x").await;
    assert!(matches!(long, Err(RequestError::Api(ApiError::MessageIsTooLong))), "{long:?}");
    let empty = bot.send_message(to, "<b> </b>").parse_mode(ParseMode::Html).await;
    assert!(matches!(empty, Err(RequestError::Api(ApiError::MessageTextIsEmpty))), "{empty:?}");
    let wrong = bot.send_message(to, "1 < 2").parse_mode(ParseMode::Html).await;
    assert!(matches!(wrong, Err(RequestError::Api(ApiError::CantParseEntities(_)))), "{wrong:?}");
    let caption = bot.send_document(to, InputFile::memory("x")).caption("x".repeat(1025)).await;
    assert!(caption.unwrap_err().to_string().contains("caption is too long"));
    let data = |length| InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("x", "d".repeat(length))]]);
    bot.send_message(to, "x").reply_markup(data(64)).await.unwrap();
    let long = bot.send_message(to, "x").reply_markup(data(65)).await;
    assert!(matches!(long, Err(RequestError::Api(ApiError::ButtonDataInvalid))), "{long:?}");
    let edited = bot.edit_message_text(to, MessageId(1), "not mine").await;
    assert!(matches!(edited, Err(RequestError::Api(ApiError::MessageCantBeEdited))), "{edited:?}");
    bot.delete_message(to, MessageId(1)).await.unwrap();
    alice.blocks(true);
    let blocked = bot.send_message(to, "hi").await;
    assert!(matches!(blocked, Err(RequestError::Api(ApiError::BotBlocked))), "{blocked:?}");
    let stranger = Bot::new("1:wrong").set_api_url(telegram.url().parse().unwrap());
    let refused = stranger.get_me().await;
    assert!(matches!(refused, Err(RequestError::Api(ApiError::InvalidToken))), "{refused:?}");
}

#[tokio::test]
async fn commands_are_set_by_scope() {
    let telegram = FakeTelegram::start().await;
    let bot = bot(&telegram);
    bot.set_my_commands([BotCommand::new("vms", "List machines")]).await.unwrap();
    assert_eq!(telegram.commands("{\"type\":\"default\"}"), [("vms".to_owned(), "List machines".to_owned())]);
    assert_eq!(bot.get_my_commands().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_flood_has_to_be_waited_out() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice, bob) = (bot(&telegram), telegram.person("Alice"), telegram.person("Bob"));
    for person in [&alice, &bob] {
        person.says("/start");
    }
    telegram.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 1 });
    let refused = bot.send_message(chat(alice.id()), "one").await;
    let Err(RequestError::RetryAfter(wait)) = refused else { panic!("{refused:?}") };
    assert_eq!(wait.seconds(), 1);
    let end = Instant::now() + wait.duration();
    bot.send_message(chat(bob.id()), "another chat").await.unwrap();
    assert_eq!(telegram.impatient_calls(), 0);
    assert!(matches!(bot.send_message(chat(alice.id()), "one").await, Err(RequestError::RetryAfter(_))));
    assert_eq!(telegram.impatient_calls(), 1);
    tokio::time::sleep_until(end).await;
    bot.send_message(chat(alice.id()), "one").await.unwrap();
    assert_eq!(alice.messages().len(), 1);
}

#[tokio::test]
async fn faults_come_by_script() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    alice.says("/start");
    let to = chat(alice.id());
    for (fault, done) in [(Fault::CutBefore, false), (Fault::CutAfter, true), (Fault::CutAnswer, true)] {
        telegram.fail_next("sendMessage", fault);
        let result = bot.send_message(to, format!("{fault:?}")).await;
        assert!(matches!(result, Err(RequestError::Network(_))), "{fault:?}: {result:?}");
        let sent = alice.unread();
        assert_eq!(sent.iter().filter(|event| matches!(event, Event::Sent(_))).count(), usize::from(done), "{fault:?}");
    }
    telegram.fail_next("sendMessage", Fault::Hang);
    assert!(timeout(Duration::from_millis(100), bot.send_message(to, "lost").send()).await.is_err());
    assert!(alice.unread().is_empty());
    let calls = telegram.calls("sendMessage").len();
    telegram.plan_faults(move |method, _| (method == "sendmessage").then_some(Fault::CutBefore));
    assert!(bot.send_message(to, "no").await.is_err() && bot.get_me().await.is_ok());
    telegram.no_more_faults();
    bot.send_message(to, "yes").await.unwrap();
    assert_eq!(telegram.calls("sendMessage").len(), calls + 2);
}

#[tokio::test]
async fn updates_come_twice_backward_and_again() {
    let telegram = FakeTelegram::start().await;
    let (bot, alice) = (bot(&telegram), telegram.person("Alice"));
    let ids = async |fault, offset| {
        telegram.fail_next("getUpdates", fault);
        let updates = bot.get_updates().offset(offset).await.unwrap();
        updates.iter().map(|update| i32::try_from(update.id.0).unwrap()).collect::<Vec<_>>()
    };
    let first = i32::try_from(telegram.deliver("unknown", serde_json::json!({}))).unwrap();
    alice.says("two");
    assert_eq!(ids(Fault::Twice, 0).await, [first, first, first + 1, first + 1]);
    assert_eq!(ids(Fault::Reversed, 0).await, [first + 1, first]);
    assert_eq!(ids(Fault::Again, first + 1).await, [first + 1, first]);
}

#[tokio::test]
async fn what_is_expected_and_missing_fails_with_what_was_written() {
    let telegram = FakeTelegram::start().await;
    let alice = telegram.person("Alice");
    alice.says("hello?");
    tokio::time::pause();
    let waiting = tokio::spawn(async move { alice.sees("an answer").await });
    let panic = timeout(2 * PATIENCE, waiting).await.unwrap().unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("an answer") && text.contains("Alice: hello?"), "{text}");
}
