//! A thousand people who ask the bot for the machines at the same moment, over real HTTP from a Telegram in this
//! process.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use vmm_bot::Options;
use vmm_core::SecretString;
use vmm_core::model::{NewUser, Role};
use vmm_core::repository::Repository;
use vmm_testkit::fake::telegram::{FakeTelegram, Person};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

const PEOPLE: usize = 1000;
const MACHINES: usize = 1000;
const RUNS: usize = 5;

pub(crate) async fn run() {
    let mut desk = TestDesk::new().await;
    // In a process of its own, as `vmm-http serve` is.
    desk.stop_worker().await;
    super::list::make_machines(&desk, MACHINES).await;
    let telegram = FakeTelegram::start().await;
    let people = people(&desk, &telegram).await;
    let answers = Answers::default();
    let layer = answers.clone().with_filter(Targets::new().with_target("vmm_bot", Level::DEBUG));
    tracing_subscriber::registry().with(layer).init();
    let bot = vmm_bot::client(&SecretString::from(telegram.token()), Some(telegram.url())).expect("a client");
    let (stop, stopped) = oneshot::channel::<()>();
    let running = vmm_bot::run(bot, desk.vmm.clone(), Options::default(), async { drop(stopped.await) });
    let running = tokio::spawn(running);
    let (mut handled, mut stored, mut all) = (Vec::new(), Vec::new(), Vec::new());
    // The first round warms caches and is not counted.
    for run in 0..=RUNS {
        let began = Instant::now();
        let round = round(&telegram, &people, &answers).await;
        if run > 0 {
            all.push(began.elapsed());
            handled.extend(round.iter().map(|(took, _)| *took));
            stored.extend(round.iter().map(|(_, since)| *since));
        }
    }
    drop(stop);
    running.await.expect("the bot ends").expect("it ends well");
    show("an answer to /vms, from taken up to stored", &mut handled);
    show("the same from the update's arrival", &mut stored);
    super::show("1,000 chats have their answer to /vms", &mut all, None);
    super::show_memory();
}

/// Returns people who are each linked to an account and have written to the bot already.
async fn people(desk: &TestDesk, telegram: &FakeTelegram) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let person = telegram.person(&format!("Person {number}"));
        let user = NewUser { chat_id: Some(person.id()), ..sample::user(&format!("person-{number}"), Role::User) };
        desk.repository.users().create(user, sample::audit("user.create")).await.expect("an account");
        people.push(person);
    }
    people
}

/// Lets everybody ask once; gives how long each update was handled, and how long after its arrival that ended.
async fn round(telegram: &FakeTelegram, people: &[Person], answers: &Answers) -> Vec<(Duration, Duration)> {
    answers.0.lock().expect("no panic").clear();
    let sent = telegram.call_count("sendMessage") + people.len();
    let mut arrived = Vec::new();
    for person in people {
        arrived.push(Instant::now());
        person.says("/vms");
    }
    telegram.until("all are answered", |telegram| telegram.call_count("sendMessage") >= sent).await;
    let mut answers = std::mem::take(&mut *answers.0.lock().expect("no panic"));
    assert_eq!(answers.len(), people.len());
    // Updates have numbers in the order in which people speak.
    answers.sort_unstable_by_key(|answer| answer.update);
    let of = |(answer, arrived): (Answered, Instant)| (answer.took, answer.at - arrived);
    answers.into_iter().zip(arrived).map(of).collect()
}

fn show(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let (median, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    let [median, p99] = [median, p99].map(super::milliseconds);
    println!("{what:<52} {RUNS:>4} {median:>12} {p99:>12} p99");
}

/// The bot's log entries about its answers.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<Vec<Answered>>>);

struct Answered {
    update: u64,
    took: Duration,
    at: Instant,
}

impl<S: Subscriber> Layer<S> for Answers {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut numbers = Numbers::default();
        event.record(&mut numbers);
        if let (Some(update), Some(took)) = (numbers.update, numbers.took_us) {
            let answered = Answered { update, took: Duration::from_micros(took), at: Instant::now() };
            self.0.lock().expect("no panic").push(answered);
        }
    }
}

#[derive(Default)]
struct Numbers {
    update: Option<u64>,
    took_us: Option<u64>,
}

impl Visit for Numbers {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "update" => self.update = Some(value),
            "took_us" => self.took_us = Some(value),
            _ => {}
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_u64(field, value.unsigned_abs());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
