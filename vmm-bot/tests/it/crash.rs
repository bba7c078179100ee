//! kill -9 of the real program: at every point where it could be halfway, and at random under load.

use std::time::Duration;

use tokio::process::Child;
use tokio::time::Instant;
use vmm_core::ExposeSecret;
use vmm_core::model::{AuditFilter, BotId, Outcome};
use vmm_testkit::fake::telegram::Event;

use crate::app::gives_user;
use crate::faults::{plan, repeated, until_answered};
use crate::program::{Place, terminate};

const PATIENCE: Duration = Duration::from_secs(30);
const PEOPLE: usize = 50;

/// A number that a variable can make larger.
fn number(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

async fn kill(mut child: Child) {
    child.kill().await.unwrap();
}

/// Starts the program so that it halts at this point.
async fn halting(place: &Place, point: &str) -> Child {
    let _ = std::fs::remove_file(place.file("reached"));
    let reached = place.file("reached").display().to_string();
    place.run(&[("VMM_CRASH_AT", point.to_owned()), ("VMM_CRASH_REACHED", reached)]).await
}

async fn reached(place: &Place, point: &str) {
    let end = Instant::now() + PATIENCE;
    while !place.file("reached").exists() {
        assert!(Instant::now() < end, "{point} was not reached\n{}", place.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns how often the audit log has this action.
async fn done(place: &Place, action: &str) -> usize {
    let rows = place.desk.vmm.audit(&place.desk.admin, None, &AuditFilter::default()).await.unwrap();
    rows.items.iter().filter(|row| row.action == action && row.outcome == Outcome::Done).count()
}

async fn start_code(place: &Place) -> String {
    let code = place.desk.vmm.create_link_code(&place.desk.user, None).await.unwrap().code;
    format!("/start {}", code.expose_secret())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_every_point_loses_nothing_and_does_nothing_twice() {
    killed_at_every_point(Place::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_every_point_loses_nothing_that_is_sent_and_does_nothing_twice() {
    killed_at_every_point(Place::with_webhook().await).await;
}

async fn killed_at_every_point(place: Place) {
    for (number, point) in vmm_bot::CRASH_POINTS.iter().enumerate() {
        let alice = place.telegram.person("Alice");
        let child = halting(&place, point).await;
        if *point == "bot.update.begun" {
            // Only what must not be repeated has this point, and it needs somebody who may.
            continue_begun(&place, child).await;
            continue;
        }
        if *point == "bot.notice.told" {
            continue_notice(&place, child).await;
            continue;
        }
        let before = done(&place, "link.use").await;
        alice.says(&start_code(&place).await);
        reached(&place, point).await;
        kill(child).await;
        let child = place.run(&[]).await;
        if *point == "bot.update.acted" {
            // The code is used up, and the account is bound.
            alice.sees("This chat is linked to alice").await;
        } else {
            alice.sees("alice").await;
        }
        alice.says("/vms");
        alice.sees("web-1").await;
        assert_eq!(done(&place, "link.use").await, before + 1, "{point} ({number})");
        let sent = alice.messages().iter().filter(|message| message.text.contains("Welcome")).count();
        let expected = match *point {
            "bot.update.acted" => 0..=0,
            "bot.post.closed" => 1..=1,
            // That it was sent was not recorded, so it is sent again: Telegram cannot be asked.
            "bot.post.sent" => 2..=2,
            // What came behind the point went on until the kill.
            "bot.update.stored" => 0..=2,
            _ => 1..=2,
        };
        assert!(expected.contains(&sent), "{point}: {sent} instead of {expected:?}\n{}", alice.transcript());
        // In order, so that nothing is left that would reach the next point.
        terminate(child).await;
    }
}

/// A machine is to be switched, and the program killed after that was recorded and before it was done.
async fn continue_begun(place: &Place, child: Child) {
    let root = place.telegram.person("Root");
    let code = place.desk.vmm.create_link_code(&place.desk.admin, None).await.unwrap().code;
    root.says(&format!("/start {}", code.expose_secret()));
    root.sees("Welcome, root").await;
    root.says("/vm web-1");
    let card = root.sees("web-1").await;
    root.presses(&card, "Power off").answer().await;
    let question = root.sees_edit(&card, "Power off web-1?").await;
    root.presses(&question, "Yes, power off");
    reached(place, "bot.update.begun").await;
    kill(child).await;
    let child = place.run(&[]).await;
    root.sees_edit(&question, "vmm was stopped before this ended: power off web-1").await;
    assert_eq!(done(place, "vm.power").await, 0);
    terminate(child).await;
}

/// A request is submitted, and the program killed after what is to be sent about it was stored.
async fn continue_notice(place: &Place, child: Child) {
    let root = place.telegram.person("Root");
    let code = place.desk.vmm.create_link_code(&place.desk.admin, None).await.unwrap().code;
    root.says(&format!("/start {}", code.expose_secret()));
    root.sees("Welcome, root").await;
    place.desk.submit("notice", "name,os,memory,disk\nweb-9,debian:12,512,2\n").await;
    reached(place, "bot.notice.told").await;
    kill(child).await;
    let child = place.run(&[]).await;
    place.desk.submit("after", "name,os,memory,disk\nweb-8,debian:12,512,2\n").await;
    root.sees("after waits for an admin").await;
    let told = root.messages().iter().filter(|message| message.text.contains("notice waits")).count();
    // It is stored once, and sent again if the kill came before it was recorded that it was sent.
    assert!((1..=2).contains(&told), "{}", root.transcript());
    terminate(child).await;
}

/// The password is not among what is left behind, nor in the chat.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_kill_9_leaves_behind_is_told_and_its_password_gone() {
    let place = Place::new().await;
    let child = halting(&place, "bot.update.begun").await;
    let alice = place.telegram.person("Alice");
    alice.says(&start_code(&place).await);
    alice.sees("Welcome").await;
    alice.says("/ssh web-1 uptime");
    gives_user(&alice, "debian").await;
    let password = alice.says("s3cret");
    reached(&place, "bot.update.begun").await;
    let (bot, _) = place.telegram.token().split_once(':').unwrap();
    let open = place.desk.vmm.bot_mail(BotId(bot.parse().unwrap())).open_updates().await.unwrap();
    assert!(open.len() == 1 && open[0].content.contains("/ssh web-1 uptime"), "{open:?}");
    assert!(!open[0].content.contains("s3cret"));
    kill(child).await;
    let child = place.run(&[]).await;
    alice.sees_deleted(password).await;
    alice.sees("vmm was stopped before this ended").await;
    assert_eq!(done(&place, "vm.ssh").await, 0);
    terminate(child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_faults_under_load_lose_no_update() {
    killed_under_load(Place::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_faults_under_load_lose_no_update_that_is_sent() {
    killed_under_load(Place::with_webhook().await).await;
}

#[expect(clippy::print_stderr, reason = "how much was covered is part of the result")]
async fn killed_under_load(place: Place) {
    let (updates, kills) = (number("VMM_BOT_UPDATES", 500), number("VMM_BOT_KILLS", 20));
    let mut child = place.run(&[]).await;
    let linking = place.telegram.person("Alice");
    let tally = plan(&place.telegram);
    linking.says(&start_code(&place).await);
    let mut people = Vec::new();
    for index in 0..PEOPLE {
        people.push((place.telegram.person(&format!("Person {index}")), Vec::new()));
    }
    let started = Instant::now();
    for number in 0..updates {
        let (person, questions) = &mut people[number % PEOPLE];
        person.says(&format!("/vm -question{number}"));
        questions.push(format!("\"-question{number}\""));
        if number % (updates / kills) == updates / kills - 1 {
            let sent = place.telegram.call_count("sendMessage");
            let more = |telegram: &vmm_testkit::fake::telegram::FakeTelegram| {
                telegram.call_count("sendMessage") > sent + number % 7
            };
            place.telegram.until("something is sent", more).await;
            kill(child).await;
            child = place.run(&[]).await;
        }
    }
    until_answered(&place.telegram, &people).await;
    kill(child).await;
    let repeated = repeated(&people);
    let tally = tally.lock().unwrap().clone();
    let took = started.elapsed().as_secs();
    eprintln!("{updates} updates, {kills} kills, {took} s, faults {tally:?}: {repeated} answers came more than once");
    assert_eq!(done(&place, "link.use").await, 1);
    let told = linking.unread();
    assert!(told.iter().any(|event| matches!(event, Event::Sent(_))), "{told:?}");
    let lost: usize =
        ["CutAfter", "CutAnswer"].iter().filter_map(|kind| tally.get(&format!("sendmessage {kind}"))).sum();
    assert!(repeated <= lost + kills * 8, "{repeated} repeated, {lost} lost");
}
