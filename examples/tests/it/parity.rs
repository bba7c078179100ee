//! HTTP and the bot say the same to the same person.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::net::TcpListener;
use vmm_bot::Options;
use vmm_core::model::{Role, UserName};
use vmm_core::{Actor, ExposeSecret, RequestDraft, SecretString, UserDraft, UserUpdate};
use vmm_http::{Limits, Server};
use vmm_testkit::fake::telegram::{FakeTelegram, Message, Person};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

const TRIPLES: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Show,
    Reboot,
    Monitor,
}

/// What somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Done,
    Forbidden,
    NotFound,
    Unknown,
}

/// Somebody, in both front ends.
struct Somebody {
    name: &'static str,
    token: String,
    person: Person,
}

const MACHINES: &[&str] = &["alice-1", "alice-2", "bob-1", "bob-2", "root-1", "nowhere"];
const PEOPLE: &[&str] = &["stranger", "dora", "alice", "bob", "root"];

struct Scene {
    desk: TestDesk,
    telegram: FakeTelegram,
    people: Vec<Somebody>,
    address: String,
    client: reqwest::Client,
}

impl Scene {
    async fn new() -> Self {
        let (desk, telegram) = (TestDesk::new().await, FakeTelegram::start().await);
        let mut people = Vec::new();
        for name in PEOPLE {
            people.push(Self::somebody(&desk, &telegram, name).await);
        }
        for owner in ["alice", "bob", "root"] {
            let count = if owner == "root" { 1 } else { 2 };
            let draft = RequestDraft {
                id: sample::request_id(owner),
                requester: Some(owner.parse().unwrap()),
                description: String::new(),
                spec: format!("name,os,memory,count\n{owner},debian:12,512,{count}\n"),
            };
            let request = desk.vmm.submit_request(&desk.admin, draft).await.unwrap().request;
            desk.let_be_reached(&request);
            desk.approve(&request).await;
            desk.settled(&request.id).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = vmm_http::routes(desk.vmm.clone(), Limits::default());
        tokio::spawn(Server::new(listener).run(routes, std::future::pending(), Duration::ZERO));
        let bot = vmm_bot::client(&SecretString::from(telegram.token()), Some(telegram.url())).unwrap();
        tokio::spawn(vmm_bot::run(bot, desk.vmm.clone(), Options::default(), std::future::pending()));
        let scene = Self { desk, telegram, people, address, client: reqwest::Client::new() };
        scene.link().await;
        scene
    }

    /// An account with a login, unless it is a stranger.
    async fn somebody(desk: &TestDesk, telegram: &FakeTelegram, name: &'static str) -> Somebody {
        let person = telegram.person(name);
        if name == "stranger" {
            return Somebody { name, token: String::new(), person };
        }
        if !["alice", "root"].contains(&name) {
            let draft =
                UserDraft { name: sample::user_name(name), password: PASSWORD.into(), chat_id: None, role: Role::User };
            desk.vmm.create_user(&desk.admin, draft).await.unwrap();
        }
        let login = desk.vmm.login(name, PASSWORD.into(), None).await.unwrap();
        Somebody { name, token: login.token.expose_secret().to_owned(), person }
    }

    async fn link(&self) {
        for somebody in self.people.iter().filter(|somebody| somebody.name != "stranger") {
            let name: UserName = somebody.name.parse().unwrap();
            let user = self.desk.vmm.user(&self.desk.admin, &name).await.unwrap();
            let code = self.desk.vmm.create_link_code(&Actor::from(&user), None).await.unwrap().code;
            somebody.person.says(&format!("/start {}", code.expose_secret()));
            somebody.person.sees("Welcome").await;
            if somebody.name == "dora" {
                let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
                self.desk.vmm.update_user(&self.desk.admin, &name, update, None).await.unwrap();
            }
        }
    }

    async fn over_http(&self, somebody: &Somebody, action: Action, vm: &str) -> Verdict {
        let at = |path: &str| format!("{}{path}", self.address);
        let request = match action {
            Action::Show => self.client.get(at(&format!("/db/vm/{vm}"))),
            Action::Monitor => self.client.get(at(&format!("/vm/monitor?vm={vm}"))),
            Action::Reboot => self
                .client
                .post(at(&format!("/vm/power?vm={vm}")))
                .header("content-type", "application/json")
                .body("{\"action\":\"reboot\"}"),
        };
        let request = if somebody.token.is_empty() { request } else { request.bearer_auth(&somebody.token) };
        match request.send().await.unwrap().status().as_u16() {
            200..300 => Verdict::Done,
            401 => Verdict::Unknown,
            403 => Verdict::Forbidden,
            404 => Verdict::NotFound,
            other => panic!("{} gets {other} for {action:?} on {vm}", somebody.name),
        }
    }

    async fn in_chat(&self, somebody: &Somebody, action: Action, vm: &str) -> Verdict {
        let person = &somebody.person;
        let command = if action == Action::Monitor { "/monitor" } else { "/vm" };
        person.says(&format!("{command} {vm}"));
        let shown = person.sees("").await;
        let verdict = told(&shown);
        if verdict != Verdict::Done || action != Action::Reboot {
            return verdict;
        }
        person.presses(&shown, "Reboot").answer().await;
        let question = person.sees_edit(&shown, "Reboot").await;
        person.presses(&question, "Yes, reboot").answer().await;
        told(&person.sees_edit(&question, "").await)
    }
}

/// The verdict of a message.
fn told(message: &Message) -> Verdict {
    let text = &message.text;
    if text.contains("I do not know you") {
        Verdict::Unknown
    } else if text.contains("may not") {
        Verdict::Forbidden
    } else if text.contains("nowhere") {
        Verdict::NotFound
    } else if text.contains("is on") || text.contains("is running") || text.contains("was asked to reboot") {
        Verdict::Done
    } else {
        panic!("what does this mean? {text}")
    }
}

/// The same numbers each time, by a linear congruence (Knuth, MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "how much was covered is part of the result")]
async fn both_front_ends_decide_the_same_for_a_thousand_random_triples() {
    let scene = Scene::new().await;
    let mut dice = Dice(0x5eed);
    let mut verdicts = BTreeMap::<_, usize>::new();
    for _ in 0..TRIPLES {
        let (somebody, vm) = (&scene.people[dice.below(PEOPLE.len())], MACHINES[dice.below(MACHINES.len())]);
        // A look at the load takes half a second, so there are few.
        let action = match dice.below(40) {
            0 => Action::Monitor,
            1..=20 => Action::Show,
            _ => Action::Reboot,
        };
        let (http, chat) = (scene.over_http(somebody, action, vm).await, scene.in_chat(somebody, action, vm).await);
        assert_eq!(http, chat, "{} {action:?} {vm}\n{}", somebody.name, somebody.person.transcript());
        *verdicts.entry((action, http)).or_default() += 1;
    }
    assert_eq!(scene.telegram.call_count("getMe"), 1);
    eprintln!("{TRIPLES} triples of actor, action and machine: {verdicts:?}");
}
