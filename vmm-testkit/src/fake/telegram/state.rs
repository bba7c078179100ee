//! The state of the server.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::fault::Faults;
use super::message::{CallbackAnswer, Event, Message, StoredFile};
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::scope::{Commands, Scope};
use super::webhook::{Delivery, Webhook};

/// A call that a bot made.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method, as it was written.
    pub method: String,
    /// The parameters, without files.
    pub parameters: Map<String, Value>,
    /// The description of the error that it was answered with; `None` if it was done, or not answered.
    pub refused: Option<String>,
}

pub(super) struct Update {
    pub(super) id: u32,
    pub(super) kind: String,
    pub(super) content: Value,
}

impl Update {
    /// The chat that it is about, in which updates keep their order.
    pub(super) fn chat(&self) -> Option<i64> {
        let places = ["/chat/id", "/message/chat/id", "/from/id"];
        places.iter().find_map(|place| self.content.pointer(place)?.as_i64())
    }

    pub(super) fn json(&self) -> Value {
        json!({ "update_id": self.id, &self.kind: self.content })
    }
}

pub(super) struct Chat {
    pub(super) json: Value,
    pub(super) messages: BTreeMap<i32, Message>,
    pub(super) events: Vec<Event>,
    last_message: i32,
    /// True if the bot may write here: it may not begin a private chat.
    pub(super) begun: bool,
    pub(super) blocked: bool,
    /// True if somebody has removed the bot.
    pub(super) kicked: bool,
    /// The supergroup that this has become.
    pub(super) migrated: Option<i64>,
}

impl Chat {
    fn new(json: Value, begun: bool) -> Self {
        let (messages, events) = (BTreeMap::new(), Vec::new());
        Self { json, messages, events, last_message: 0, begun, blocked: false, kicked: false, migrated: None }
    }

    pub(super) fn is_private(&self) -> bool {
        self.json["type"] == "private"
    }

    /// Fails unless the bot is here, and the chat is still this one.
    pub(super) fn refuse_absence(&self) -> Result<(), Refusal> {
        if let Some(new) = self.migrated {
            let refusal = Refusal::bad("group chat was upgraded to a supergroup chat");
            return Err(Refusal { migrated: Some(new), ..refusal });
        }
        if self.kicked {
            let kind = self.json["type"].as_str().unwrap_or_default();
            return Err(Refusal::new(403, format!("Forbidden: bot was kicked from the {kind} chat")));
        }
        Ok(())
    }

    /// Puts a message in, whose number is given here; gives its JSON.
    pub(super) fn add(&mut self, mut message: Message) -> (Message, Value) {
        self.last_message += 1;
        message.id = self.last_message;
        self.messages.insert(message.id, message.clone());
        self.events.push(Event::Sent(message.clone()));
        let json = message.json(&self.json);
        (message, json)
    }
}

/// A chat or a method that must be left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Quiet {
    Chat(i64),
    Method(String),
}

impl Quiet {
    pub(super) fn of(method: &str, chat: Option<i64>) -> Self {
        chat.map_or_else(|| Self::Method(method.to_lowercase()), Self::Chat)
    }
}

pub(super) struct State {
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) people: BTreeMap<i64, Value>,
    pub(super) updates: VecDeque<Update>,
    pub(super) confirmed: Vec<Update>,
    last_update: u32,
    /// The number of the latest `getUpdates`; an earlier one that still waits is ended.
    pub(super) poll: u64,
    pub(super) allowed: Option<Vec<String>>,
    pub(super) webhook: Option<Webhook>,
    /// The number of webhooks that were set so far.
    pub(super) webhooks: usize,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) presses: HashMap<String, Option<CallbackAnswer>>,
    pub(super) files: HashMap<String, StoredFile>,
    pub(super) commands: BTreeMap<Scope, Commands>,
    pub(super) calls: Vec<Call>,
    /// The number of calls of each method, in lower case.
    pub(super) counts: HashMap<String, usize>,
    pub(super) faults: Faults,
    /// Until when a chat takes no call, or a method of those that name none.
    pub(super) quiet: HashMap<Quiet, Instant>,
    pub(super) impatient: usize,
}

/// The kinds of updates that have to be asked for by name.
const NOT_BY_DEFAULT: &[&str] = &["chat_member", "message_reaction", "message_reaction_count"];

impl State {
    pub(super) fn new() -> Self {
        Self {
            chats: BTreeMap::new(),
            people: BTreeMap::new(),
            updates: VecDeque::new(),
            confirmed: Vec::new(),
            last_update: 500_000_000,
            poll: 0,
            allowed: None,
            webhook: None,
            webhooks: 0,
            deliveries: Vec::new(),
            presses: HashMap::new(),
            files: HashMap::new(),
            commands: BTreeMap::new(),
            calls: Vec::new(),
            counts: HashMap::new(),
            faults: Faults::default(),
            quiet: HashMap::new(),
            impatient: 0,
        }
    }

    pub(super) fn add_person(&mut self, name: &str) -> i64 {
        let id = 1_000_001 + i64::try_from(self.people.len()).unwrap_or(0);
        self.people.insert(id, json!({ "id": id, "is_bot": false, "first_name": name }));
        let chat = json!({ "id": id, "type": "private", "first_name": name });
        self.chats.insert(id, Chat::new(chat, false));
        id
    }

    pub(super) fn add_group(&mut self, title: &str, kind: &str) -> i64 {
        let id = -1_000_000_000_001 - i64::try_from(self.chats.len()).unwrap_or(0);
        self.chats.insert(id, Chat::new(json!({ "id": id, "type": kind, "title": title }), true));
        id
    }

    /// Lets the bot have an update, unless it does not want the kind.
    pub(super) fn push(&mut self, kind: &str, content: Value) -> u32 {
        self.last_update += 1;
        let wanted = match &self.allowed {
            Some(allowed) => allowed.iter().any(|allowed| allowed == kind),
            None => !NOT_BY_DEFAULT.contains(&kind),
        };
        if wanted {
            self.updates.push_back(Update { id: self.last_update, kind: kind.to_owned(), content });
        }
        self.last_update
    }

    /// Keeps a file; gives what it is asked for by.
    pub(super) fn keep(&mut self, name: String, bytes: Vec<u8>) -> StoredFile {
        let file = StoredFile { id: format!("file-{}", self.files.len() + 1), name, bytes };
        self.files.insert(file.id.clone(), file.clone());
        file
    }

    /// Lets the bot have the kinds of updates that it asks for from now on, if it does.
    pub(super) fn allow(&mut self, parameters: &Parameters) -> Result<(), Refusal> {
        if let Some(allowed) = parameters.structure("allowed_updates")? {
            let kinds = allowed.as_array().ok_or(Refusal::bad("can't parse allowed_updates"))?;
            let kinds: Vec<_> = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
            self.allowed = (!kinds.is_empty()).then_some(kinds);
        }
        Ok(())
    }

    /// Begins a time in which something must be left alone.
    pub(super) fn quieten(&mut self, what: Quiet, seconds: u32) {
        self.quiet.insert(what, Instant::now() + Duration::from_secs(seconds.into()));
    }

    /// Fails in a time in which this must be left alone, and counts the call.
    pub(super) fn refuse_impatience(&mut self, what: &Quiet) -> Result<(), Refusal> {
        let now = Instant::now();
        self.quiet.retain(|_, until| *until > now);
        let Some(left) = self.quiet.get(what).map(|until| until.duration_since(now)) else { return Ok(()) };
        self.impatient += 1;
        Err(Refusal::too_many(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1)))
    }

    /// The chat of a call, as long as the bot may write there.
    pub(super) fn writable(&mut self, parameters: &Parameters) -> Result<&mut Chat, Refusal> {
        let id = parameters.integer("chat_id").ok_or(Refusal::bad("chat_id is empty"))?;
        let chat = self.chats.get_mut(&id).ok_or(Refusal::bad("chat not found"))?;
        chat.refuse_absence()?;
        if chat.blocked {
            return Err(Refusal::new(403, "Forbidden: bot was blocked by the user"));
        }
        if !chat.begun {
            return Err(Refusal::new(403, "Forbidden: bot can't initiate conversation with a user"));
        }
        Ok(chat)
    }
}
