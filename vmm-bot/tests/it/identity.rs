//! Ways to pretend to be somebody else, each refused.

use chrono::{TimeDelta, Utc};
use vmm_core::model::{BotId, NewButton, NewPost, Outcome, PostPlace};
use vmm_core::{UserDraft, UserUpdate};
use vmm_testkit::fake::telegram::{Disguise, Event, FakeTelegram, Person};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::App;

/// Waits until everything that was said so far is answered, by asking for one thing more.
async fn settle(telegram: &FakeTelegram, person: &Person) -> Vec<String> {
    person.says("/help");
    let mut texts = Vec::new();
    let last = person.sees("You are").await;
    telegram.until("all is confirmed", |telegram| telegram.waiting_updates() == 0).await;
    for message in person.messages() {
        if message.id < last.id {
            texts.push(message.text);
        }
    }
    texts
}

#[tokio::test]
async fn what_its_sender_has_not_just_written_has_no_rights() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.unread();
    let before = alice.messages().len();
    // In private: every disguise asks for what would unlink alice.
    for disguise in Disguise::ALL {
        alice.says_as(*disguise, "/unlink");
    }
    let told = settle(&app.telegram, &alice).await.split_off(before);
    assert!(told.iter().all(|text| text.contains("yourself")), "{told:?}");
    let group = app.telegram.group("ops");
    let seat = group.seat(&alice);
    for disguise in Disguise::ALL {
        seat.says_as(*disguise, "/vms");
    }
    seat.says("/vms");
    seat.sees("no machines").await;
    let answers = seat.messages().len();
    assert_eq!(answers, 1, "{}", seat.transcript());
    assert!(app.audit("link.delete").await.is_empty());
    assert_eq!(app.desk.vmm.chat_actor(alice.id()).await.unwrap(), app.desk.user);
}

#[tokio::test]
async fn a_button_is_for_one_person_one_message_and_one_moment() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let ask = async |person: &Person| {
        person.says("/vm web-1");
        let card = person.sees("web-1 is on").await;
        person.presses(&card, "Power off");
        person.sees_edit(&card, "Power off web-1?").await
    };
    let (question, other) = (ask(&alice).await, ask(&alice).await);
    let yes = question.button("Yes, power off").unwrap().data.clone();
    assert!(!yes.contains("web") && yes.len() <= 64, "it means nothing to anybody: {yes}");
    let mallory = app.telegram.person("Mallory");
    let group = app.telegram.group("ops");
    let (in_group, elsewhere) = (group.seat(&alice), group.seat(&root));
    in_group.says("/vm web-1");
    let public = in_group.sees("web-1 is on").await;
    // Who presses, under which message, what it tells the bot, and what is answered.
    let cases = [
        (&mallory, &question, yes.as_str(), "has expired"),
        (&group.seat(&mallory), &public, yes.as_str(), "not linked to an account"),
        (&root, &public, yes.as_str(), "somebody else"),
        (&alice, &other, yes.as_str(), "has expired"),
        (&in_group, &public, yes.as_str(), "has expired"),
        (&elsewhere, &public, yes.as_str(), "somebody else"),
        (&alice, &question, "", "has expired"),
        (&alice, &question, "AAAAAAAAAAAAAAAAAAAAAA", "has expired"),
        (&alice, &question, "{\"confirmed\":{\"vm\":\"web-1\",\"switch\":\"stop\"}}", "has expired"),
    ];
    for (person, message, data, expected) in cases {
        let answer = person.presses_data(message, data).answer().await;
        assert!(answer.alert && answer.text.contains(expected), "{data:?}: {answer:?}");
    }
    assert!(app.audit("vm.power").await.is_empty());
    // Once a message is another one, its former buttons mean nothing.
    alice.presses(&question, "No").answer().await;
    alice.sees_edit(&question, "web-1 is on").await;
    let late = alice.presses_data(&question, &yes).answer().await;
    assert!(late.text.contains("has expired"), "{late:?}");
    // A confirmation counts once, however often it is pressed.
    let first = alice.presses(&other, "Yes, power off");
    let second = alice.presses(&other, "Yes, power off");
    assert_eq!(first.answer().await.text, "");
    assert!(second.answer().await.text.contains("has expired"));
    let done = app.audit("vm.power").await.into_iter().filter(|row| row.outcome == Outcome::Done);
    assert_eq!(done.count(), 1);
}

#[tokio::test]
async fn a_question_that_was_answered_too_late_means_nothing() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let alice = app.linked("Alice", &app.desk.user).await;
    let bot = app.telegram.token().split(':').next().unwrap().parse().unwrap();
    let mail = app.desk.vmm.bot_mail(BotId(bot));
    for (id, minutes, expected) in [("in-time", 1, ""), ("too-late", -1, "has expired")] {
        let button = NewButton {
            id: id.to_owned(),
            user: app.desk.user.user_id().unwrap(),
            content: "{\"confirmed\":{\"vm\":\"web-1\",\"switch\":\"reboot\"}}".to_owned(),
            expires_at: Utc::now() + TimeDelta::minutes(minutes),
        };
        let content = format!("{{\"text\":{{\"text\":\"{id}\",\"buttons\":[[[\"Yes\",\"{id}\"]]]}}}}");
        let post =
            NewPost { chat: alice.id(), content, attachment: None, buttons: vec![button], place: PostPlace::New };
        mail.post(vec![post], None).await.unwrap();
        alice.says("/help");
        let question = alice.sees(id).await;
        let answer = alice.presses(&question, "Yes").answer().await;
        assert!(answer.text.contains(expected) && answer.alert != expected.is_empty(), "{id}: {answer:?}");
    }
    let done = app.audit("vm.power").await.into_iter().filter(|row| row.outcome == Outcome::Done);
    assert_eq!(done.count(), 1);
}

#[tokio::test]
async fn an_account_speaks_through_one_chat_while_it_is_enabled() {
    let app = App::new().await;
    let name = sample::user_name("bob");
    let draft =
        UserDraft { name: name.clone(), password: PASSWORD.into(), chat_id: None, role: vmm_core::model::Role::User };
    app.desk.vmm.create_user(&app.desk.admin, draft).await.unwrap();
    let actor = app.desk.vmm.actor(&name).await.unwrap();
    let bob = app.linked("Bob", &actor).await;
    // Bound to another person, the first one has no rights any more.
    let phone = app.linked("Bob's phone", &actor).await;
    bob.says("/vms");
    bob.sees("You are not linked to an account yet").await;
    // A chat that is bound stays so.
    phone.says(&format!("/start {}", app.code(&app.desk.admin).await));
    phone.sees("already linked").await;
    // A code is good once, and not for a disabled account.
    let code = app.code(&actor).await;
    let set = async |disabled| {
        let update = UserUpdate { disabled: Some(disabled), ..UserUpdate::default() };
        app.desk.vmm.update_user(&app.desk.admin, &name, update, None).await.unwrap();
    };
    set(true).await;
    phone.says("/vms");
    phone.sees("You are not linked to an account yet").await;
    bob.says(&format!("/start {code}"));
    bob.sees("not valid").await;
    set(false).await;
    phone.says("/vms");
    phone.sees("no machines").await;
    bob.says(&format!("/start {code}"));
    bob.sees("Welcome, bob").await;
    phone.says(&format!("/start {code}"));
    phone.sees("not valid").await;
}

#[tokio::test]
async fn a_code_is_kept_nowhere_it_could_be_read() {
    let app = App::new().await;
    let (alice, code) = (app.telegram.person("Alice"), app.code(&app.desk.user).await);
    alice.says(&format!("/start {code}"));
    alice.sees("Welcome").await;
    app.telegram.until("it is confirmed", |telegram| telegram.waiting_updates() == 0).await;
    let told = alice.unread();
    assert!(told.iter().all(|event| !matches!(event, Event::Sent(message) if message.text.contains(&code))));
    let log = app.audit("link.use").await;
    assert!(log.len() == 1 && !format!("{log:?}").contains(&code));
}
