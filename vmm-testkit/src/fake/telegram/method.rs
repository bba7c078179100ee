//! The methods of the Bot API that the server knows.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::parameters::Parameters;
use super::person::CallbackAnswer;
use super::state::{Chat, Quiet, State};
use super::{Shared, message, send, updates, webhook};

/// The largest file that `getFile` gives, in bytes.
const GET_FILE: usize = 20 << 20;
/// The longest answer to a press, in characters.
const CALLBACK_TEXT: usize = 200;

/// Why a call is not done.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) retry_after: Option<u32>,
}

impl Refusal {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after: None }
    }

    pub(super) fn bad(reason: &str) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    pub(super) fn too_many(retry_after: u32) -> Self {
        let description = format!("Too Many Requests: retry after {retry_after}");
        Self { code: 429, description, retry_after: Some(retry_after) }
    }
}

pub(super) type Answer = Result<Value, Refusal>;

/// Does a call, unless its chat has to be left alone.
pub(super) async fn call(shared: &Shared, method: &str, parameters: Parameters) -> Answer {
    let method = method.to_lowercase();
    if method == "getupdates" {
        shared.lock().refuse_impatience(&Quiet::of(&method, None))?;
        return updates::get(shared, &parameters).await;
    }
    shared.change(|state| {
        state.refuse_impatience(&Quiet::of(&method, parameters.integer("chat_id")))?;
        match method.as_str() {
            "getme" => Ok(me()),
            "sendmessage" => send::message(state, &parameters),
            "senddocument" => send::document(state, &parameters),
            "sendphoto" => send::photo(state, &parameters),
            "editmessagetext" => send::edit_text(state, &parameters),
            "editmessagereplymarkup" => send::edit_buttons(state, &parameters),
            "deletemessage" => send::delete(state, &parameters),
            "sendchataction" => state.writable(&parameters).map(|_| true.into()),
            "answercallbackquery" => answer_press(state, &parameters),
            "getfile" => file(state, &parameters),
            "setmycommands" => set_commands(state, &parameters),
            "getmycommands" => Ok(commands(state, &parameters)),
            "deletemycommands" => Ok(state.commands.remove(&scope(&parameters)).is_some().into()),
            "setwebhook" => webhook::set(state, &parameters),
            "deletewebhook" => Ok(webhook::delete(state, &parameters)),
            "getwebhookinfo" => Ok(webhook::info(state)),
            _ => Err(Refusal::new(404, "Not Found: method not found")),
        }
    })
}

impl State {
    /// Begins a time in which something must be left alone.
    pub(super) fn quieten(&mut self, what: Quiet, seconds: u32) {
        self.quiet.insert(what, Instant::now() + Duration::from_secs(seconds.into()));
    }

    fn refuse_impatience(&mut self, what: &Quiet) -> Result<(), Refusal> {
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
        if chat.blocked {
            return Err(Refusal::new(403, "Forbidden: bot was blocked by the user"));
        }
        if !chat.begun {
            return Err(Refusal::new(403, "Forbidden: bot can't initiate conversation with a user"));
        }
        Ok(chat)
    }
}

fn me() -> Value {
    let mut me = message::bot();
    for (what, can) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", false),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
    ] {
        me[what] = can.into();
    }
    me
}

fn answer_press(state: &mut State, parameters: &Parameters) -> Answer {
    let text = parameters.text("text");
    if text.chars().count() > CALLBACK_TEXT {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    let press = state.presses.get_mut(parameters.text("callback_query_id"));
    let press = press.filter(|answer| answer.is_none());
    let old = "query is too old and response timeout expired or query ID is invalid";
    let press = press.ok_or(Refusal::bad(old))?;
    *press = Some(CallbackAnswer { text: text.to_owned(), alert: parameters.flag("show_alert") });
    Ok(true.into())
}

fn file(state: &mut State, parameters: &Parameters) -> Answer {
    let file = state.files.get(parameters.text("file_id")).ok_or(Refusal::bad("invalid file_id"))?;
    if file.bytes.len() > GET_FILE {
        return Err(Refusal::bad("file is too big"));
    }
    Ok(json!({
        "file_id": file.id,
        "file_unique_id": format!("u{}", file.id),
        "file_size": file.bytes.len(),
        "file_path": format!("documents/{}", file.id),
    }))
}

fn scope(parameters: &Parameters) -> String {
    match parameters.structure("scope") {
        Ok(Some(scope)) => scope.to_string(),
        _ => json!({ "type": "default" }).to_string(),
    }
}

fn set_commands(state: &mut State, parameters: &Parameters) -> Answer {
    let given = parameters.structure("commands")?.unwrap_or_default();
    let mut commands = Vec::new();
    for command in given.as_array().ok_or(Refusal::bad("can't parse commands list"))? {
        let text = |name: &str| command[name].as_str().unwrap_or_default().to_owned();
        let (name, description) = (text("command"), text("description"));
        let known = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !known || !(1..=32).contains(&name.len()) {
            return Err(Refusal::bad("BOT_COMMAND_INVALID"));
        }
        if !(1..=256).contains(&description.chars().count()) {
            return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
        commands.push((name, description));
    }
    if commands.len() > 100 {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    state.commands.insert(scope(parameters), commands);
    Ok(true.into())
}

fn commands(state: &State, parameters: &Parameters) -> Value {
    let set = state.commands.get(&scope(parameters)).into_iter().flatten();
    set.map(|(command, description)| json!({ "command": command, "description": description })).collect()
}
