//! A network that does everything wrong, and a bot that is stopped wherever it stands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use vmm_testkit::fake::telegram::{Event, FakeTelegram, Fault, Person};

use crate::app::{App, Mode};

/// The number of updates, of people, and of stops of the bot meanwhile.
const UPDATES: usize = 500;
const PEOPLE: usize = 50;
const STOPS: usize = 20;

/// The number of faults of each kind.
type Tally = Arc<Mutex<BTreeMap<String, usize>>>;

/// Faults of every kind, decided by the number of the call. Those that cost seconds come seldom.
pub(crate) fn plan(telegram: &FakeTelegram) -> Tally {
    let tally = Tally::default();
    let counted = Arc::clone(&tally);
    telegram.plan_faults(move |method, number| {
        // A multiplicative hash spreads the kinds over the calls.
        let dice = (number as u32).wrapping_mul(2_654_435_769) >> 16 & 0x3ff;
        let fault = match (method, dice) {
            ("getupdates" | "webhook", 0..60) => Fault::Twice,
            ("getupdates", 60..120) => Fault::Reversed,
            ("getupdates", 120..180) => Fault::Again,
            (_, 180..210) => Fault::CutBefore,
            (_, 210..240) => Fault::CutAfter,
            (_, 240..260) => Fault::CutAnswer,
            // Telegram floods nobody that it calls.
            ("webhook", _) => return None,
            (_, 260..264) => Fault::TooManyRequests { retry_after: 1 },
            ("sendmessage", 264..266) => Fault::Hang,
            ("sendmessage", 266..268) => Fault::ServerError(502),
            _ => return None,
        };
        *counted.lock().unwrap().entry(format!("{method} {fault:?}")).or_default() += 1;
        Some(fault)
    });
    tally
}

/// Every question has its answer, in order; gives how many were there more than once.
pub(crate) fn repeated(people: &[(Person, Vec<String>)]) -> usize {
    let mut repeated = 0;
    for (person, questions) in people {
        let mut answers = person.messages().into_iter().map(|message| message.text).peekable();
        for question in questions {
            let answer = answers.next().unwrap_or_default();
            assert!(answer.contains(question.as_str()), "{question}: {answer:?}\n{}", person.transcript());
            while answers.next_if(|next| *next == answer).is_some() {
                repeated += 1;
            }
        }
        assert_eq!(answers.next(), None, "{}", person.transcript());
    }
    repeated
}

/// Waits as long as messages come, until each question is answered.
pub(crate) async fn until_answered(telegram: &FakeTelegram, people: &[(Person, Vec<String>)]) {
    while !all_answered(people) {
        let sent = telegram.call_count("sendMessage");
        let goes_on = |telegram: &FakeTelegram| telegram.call_count("sendMessage") > sent || all_answered(people);
        telegram.until("another message is sent", goes_on).await;
    }
}

/// Returns whether each person has the answer to the last question.
fn all_answered(people: &[(Person, Vec<String>)]) -> bool {
    people.iter().all(|(person, questions)| {
        let last = questions.last().map(String::as_str).unwrap_or_default();
        person.latest().is_some_and(|message| message.text.contains(last))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_update_is_answered_once_whatever_goes_wrong() {
    answers_each_once(Mode::Poll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_update_that_is_sent_is_answered_once_whatever_goes_wrong() {
    answers_each_once(Mode::Webhook).await;
}

#[expect(clippy::print_stderr, reason = "how much was covered is part of the result")]
async fn answers_each_once(mode: Mode) {
    let mut app = App::by(mode).await;
    let mut people = Vec::new();
    for index in 0..PEOPLE {
        people.push((app.telegram.person(&format!("Person {index}")), Vec::new()));
    }
    let tally = plan(&app.telegram);
    for number in 0..UPDATES {
        let (person, questions) = &mut people[number % PEOPLE];
        // What is wrong with a command is told to strangers too, in words of its own.
        person.says(&format!("/vm -question{number}"));
        questions.push(format!("\"-question{number}\""));
        if number % (UPDATES / STOPS) == UPDATES / STOPS - 1 {
            let sent = app.telegram.call_count("sendMessage");
            app.telegram.until("something is sent", |telegram| telegram.call_count("sendMessage") > sent + 3).await;
            app.stop().await;
            app.start_by(mode).await;
        }
    }
    until_answered(&app.telegram, &people).await;
    app.stop().await;
    let repeated = repeated(&people);
    let tally = tally.lock().unwrap().clone();
    let lost: usize =
        ["CutAfter", "CutAnswer"].iter().filter_map(|kind| tally.get(&format!("sendmessage {kind}"))).sum();
    eprintln!("{mode:?}: {UPDATES} updates, {STOPS} stops, faults {tally:?}: {repeated} answers came more than once");
    assert!(tally.values().sum::<usize>() >= 50, "{tally:?}");
    // An answer comes again only if that it came was not learnt, because its connection was cut.
    assert!(repeated <= lost, "{repeated} repeated, {lost} lost");
    // How long to wait was not learnt where the bot was stopped before the answer, and each start may ask once more.
    let floods: usize = tally.iter().filter(|(fault, _)| fault.contains("TooMany")).map(|(_, count)| count).sum();
    let impatient = app.telegram.impatient_calls();
    assert!(impatient <= floods + STOPS, "{impatient} calls came too early, after {floods} floods");
}

#[tokio::test]
async fn a_flood_is_waited_out_for_messages_and_edits() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let alice = app.linked("Alice", &app.desk.user).await;
    for method in ["sendMessage", "editMessageText", "answerCallbackQuery", "getUpdates"] {
        app.telegram.fail_next(method, Fault::TooManyRequests { retry_after: 1 });
    }
    alice.says("/vms");
    let list = alice.sees("Machines").await;
    alice.presses(&list, "web-1").answer().await;
    alice.sees_edit(&list, "web-1 is on").await;
    let refused = app.telegram.calls("").into_iter().filter(|call| call.refused.is_some()).count();
    assert_eq!((refused, app.telegram.impatient_calls()), (4, 0));
}

#[tokio::test]
async fn a_refused_message_does_not_hold_up_the_next() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.blocks(true);
    alice.says("/help");
    app.telegram
        .until("it was tried", |telegram| {
            telegram
                .calls("sendMessage")
                .iter()
                .any(|call| call.refused.as_deref().is_some_and(|r| r.contains("blocked")))
        })
        .await;
    alice.blocks(false);
    alice.says("/vms");
    alice.sees("no machines").await;
    assert!(!alice.unread().iter().any(|event| matches!(event, Event::Sent(_))));
}

#[tokio::test]
async fn an_edit_whose_answer_was_lost_is_not_repeated_for_ever() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.says("/vms");
    let list = alice.sees("Machines").await;
    app.telegram.fail_next("editMessageText", Fault::CutAfter);
    alice.presses(&list, "web-1").answer().await;
    let card = alice.sees_edit(&list, "web-1 is on").await;
    // The next edit comes only after the lost one is settled.
    alice.presses(&card, "All machines").answer().await;
    alice.sees_edit(&list, "Machines").await;
    let edits = app.telegram.calls("editMessageText");
    assert!(edits.iter().any(|call| call.refused.as_deref().is_some_and(|reason| reason.contains("not modified"))));
    assert_eq!(edits.len(), 3);
}
