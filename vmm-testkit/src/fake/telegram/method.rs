//! The methods of the Bot API that the server knows.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::parameters::Parameters;
use super::person::CallbackAnswer;
use super::state::{Chat, Quiet, State};
use super::{Shared, menu, message, send, updates, webhook};

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
    pub(super) migrated: Option<i64>,
}

impl Refusal {
    pub(super) fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after: None, migrated: None }
    }

    pub(super) fn bad(reason: &str) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    pub(super) fn too_many(retry_after: u32) -> Self {
        let description = format!("Too Many Requests: retry after {retry_after}");
        Self { retry_after: Some(retry_after), ..Self::new(429, description) }
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
            "setmycommands" => menu::set(state, &parameters),
            "getmycommands" => menu::get(state, &parameters),
            "deletemycommands" => menu::delete(state, &parameters),
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
