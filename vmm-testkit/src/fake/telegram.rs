//! A Bot API server inside this process, over real HTTP on loopback, with people who talk to the bot.
//!
//! It is as strict as the real one in what a bot meets every day: unknown chats, HTML that does not parse, texts of
//! more than 4096 and captions of more than 1024 characters, callback data of more than 64 bytes, edits that change
//! nothing, two pollers at once, polling beside a webhook, a flood limit that somebody does not wait out. What it does
//! not know it refuses. Faults come by script: [`FakeTelegram::fail_next`] and [`FakeTelegram::plan_faults`].
//!
//! To a webhook it posts updates as the real one does, those of one chat in order, until each is answered with 2xx. One
//! on loopback may be of plain HTTP and on any port, as where a Bot API server of one's own runs.
//!
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use vmm_testkit::fake::telegram::FakeTelegram;
//!
//! let telegram = FakeTelegram::start().await;
//! let alice = telegram.person("Alice");
//! alice.says("/start");
//! // A bot would do this; teloxide is given `telegram.url()` with `Bot::set_api_url`.
//! let call = format!("{}bot{}/sendMessage", telegram.url(), telegram.token());
//! let text = serde_json::json!({ "chat_id": alice.id(), "text": "<b>Hello</b>, Alice", "parse_mode": "HTML" });
//! reqwest::Client::new().post(call).json(&text).send().await.unwrap();
//! let message = alice.sees("Hello").await;
//! assert_eq!(message.text, "Hello, Alice");
//! # });
//! ```

mod delivery;
mod fault;
mod group;
mod html;
mod menu;
mod message;
mod method;
mod parameters;
mod person;
mod refusal;
mod scope;
mod send;
mod server;
mod state;
mod updates;
mod webhook;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use fault::Fault;
pub use group::Group;
pub use message::{Button, CallbackAnswer, Entity, Event, Message, StoredFile};
pub use person::{Disguise, Person, Press};
pub use state::Call;
use state::State;
pub use webhook::Delivery;

/// The bot's id, which is also what its token begins with.
const BOT_ID: i64 = 7_000_000_001;
/// The token of the bot on this server. It looks like a real one, so that what hides tokens hides it.
const TOKEN: &str = "7000000001:AAFakeTelegramTokenOfNoUseAtAll_0123";
/// The bot's name.
const BOT_NAME: &str = "vmm_desk_bot";

/// The server. All clones are the same one; it ends with the last of them.
#[derive(Clone)]
pub struct FakeTelegram {
    shared: Arc<Shared>,
    running: Arc<Running>,
}

struct Shared {
    state: Mutex<State>,
    /// Woken after every change of the state.
    changed: watch::Sender<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes all who wait for something.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.lock());
        self.changed.send_replace(());
        value
    }
}

struct Running {
    url: String,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl FakeTelegram {
    /// Starts a server on a free port of loopback.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared { state: Mutex::new(State::new()), changed: watch::Sender::new(()) });
        let (url, server) = server::start(Arc::clone(&shared)).await;
        let tasks = [server, delivery::start(Arc::clone(&shared))];
        Self { shared, running: Arc::new(Running { url, tasks }) }
    }

    /// Returns the address that a bot uses in place of `https://api.telegram.org/`.
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// Returns the token of the bot.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The bot's name, without `@`.
    pub fn bot_name(&self) -> &'static str {
        BOT_NAME
    }

    /// A new person, in a private chat with the bot. The bot may write there once the person has.
    pub fn person(&self, name: &str) -> Person {
        let id = self.shared.change(|state| state.add_person(name));
        Person::new(self.clone(), id, id)
    }

    /// A new supergroup that the bot is in.
    pub fn group(&self, title: &str) -> Group {
        let id = self.shared.change(|state| state.add_group(title, "supergroup"));
        Group::new(self.clone(), id)
    }

    /// A new basic group that the bot is in, which can become a supergroup.
    pub fn basic_group(&self, title: &str) -> Group {
        let id = self.shared.change(|state| state.add_group(title, "group"));
        Group::new(self.clone(), id)
    }

    /// A new channel that the bot is in.
    pub fn channel(&self, title: &str) -> Group {
        let id = self.shared.change(|state| state.add_group(title, "channel"));
        Group::new(self.clone(), id)
    }

    /// Lets the bot have an update with this content, like `{"message": {…}}`; gives its id.
    pub fn deliver(&self, kind: &str, content: Value) -> u32 {
        self.shared.change(|state| state.push(kind, content))
    }

    /// Lets the next call of a method go wrong; of several, each once and in order.
    pub fn fail_next(&self, method: &str, fault: Fault) {
        self.shared.change(|state| state.faults.next.push((method.to_lowercase(), fault)));
    }

    /// Returns the number of those faults that have not come yet.
    pub fn planned_faults(&self) -> usize {
        self.shared.lock().faults.next.len()
    }

    /// Asks before every call whether and how it goes wrong: gets the method in lower case and the number of the call,
    /// from 0. A post of an update is a call of the method `webhook`.
    pub fn plan_faults(&self, plan: impl FnMut(&str, usize) -> Option<Fault> + Send + 'static) {
        self.shared.change(|state| state.faults.plan = Some(Box::new(plan)));
    }

    /// Ends what [`plan_faults`](Self::plan_faults) began.
    pub fn no_more_faults(&self) {
        self.shared.change(|state| state.faults.plan = None);
    }

    /// Every call so far of this method, or of all for an empty name.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let all = self.shared.lock().calls.clone();
        all.into_iter().filter(|call| method.is_empty() || call.method.eq_ignore_ascii_case(method)).collect()
    }

    /// Returns the number of calls so far of this method.
    pub fn call_count(&self, method: &str) -> usize {
        self.shared.lock().counts.get(&method.to_lowercase()).copied().unwrap_or_default()
    }

    /// Every try so far to post an update to a webhook.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().deliveries.clone()
    }

    /// Returns the number of updates that wait for the bot, unconfirmed.
    pub fn waiting_updates(&self) -> usize {
        self.shared.lock().updates.len()
    }

    /// Returns the number of times that the bot called in the time that it was told to wait.
    pub fn impatient_calls(&self) -> usize {
        self.shared.lock().impatient
    }

    /// The commands that the bot has set, as name and description, by the JSON of their scope.
    pub fn commands(&self, scope: &str) -> Vec<(String, String)> {
        let scope = serde_json::from_str(scope).ok().and_then(|scope| scope::Scope::read(&scope).ok());
        scope.and_then(|scope| self.shared.lock().commands.get(&scope).cloned()).unwrap_or_default()
    }

    /// The bytes of a file that was sent here, by its `file_id`.
    pub fn file(&self, id: &str) -> Option<Vec<u8>> {
        self.shared.lock().files.get(id).map(|file| file.bytes.clone())
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// When it is not so in time.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            while !condition(self) {
                // The sender lives as long as this server.
                let _ = changed.changed().await;
            }
        };
        if tokio::time::timeout(person::PATIENCE, waiting).await.is_err() {
            panic!("timed out: {what}");
        }
    }
}

impl std::fmt::Debug for FakeTelegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeTelegram").field("url", &self.running.url).finish_non_exhaustive()
    }
}
