//! The methods of the Bot API that the server knows.

use serde_json::{Value, json};

use super::message::CallbackAnswer;
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::state::{Quiet, State};
use super::{Shared, delivery, menu, message, send, updates};

/// The largest file that `getFile` gives, in bytes.
const GET_FILE: usize = 20 << 20;
/// The longest answer to a press, in characters.
const CALLBACK_TEXT: usize = 200;

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
            "setwebhook" => delivery::set(state, &parameters),
            "deletewebhook" => Ok(delivery::delete(state, &parameters)),
            "getwebhookinfo" => Ok(delivery::info(state)),
            _ => Err(Refusal::new(404, "Not Found: method not found")),
        }
    })
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
