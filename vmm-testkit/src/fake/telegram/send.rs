//! Messages of the bot: sent, edited, deleted.

use serde_json::Value;

use super::html;
use super::message::{Button, Entity, Event, Message, StoredFile, now};
use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::state::State;

/// The longest text, in UTF-16 units after markup is taken out: never more than what Telegram takes.
const TEXT: usize = 4096;
/// The longest caption, in the same.
const CAPTION: usize = 1024;
/// The largest document, in bytes.
const DOCUMENT: usize = 50 << 20;
/// The largest photo, in bytes.
const PHOTO: usize = 10 << 20;
/// The longest callback data, in bytes.
const CALLBACK_DATA: usize = 64;
/// The number of buttons that a message has at most.
const BUTTONS: usize = 100;

pub(super) fn message(state: &mut State, parameters: &Parameters) -> Answer {
    let (text, entities) = text(parameters, "text", TEXT)?;
    if text.trim().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    put(state, parameters, Message { text, entities, ..Message::of_bot() })
}

pub(super) fn document(state: &mut State, parameters: &Parameters) -> Answer {
    let file = uploaded(state, parameters, "document", DOCUMENT)?;
    let (text, entities) = text(parameters, "caption", CAPTION)?;
    put(state, parameters, Message { text, entities, document: Some(file), ..Message::of_bot() })
}

pub(super) fn photo(state: &mut State, parameters: &Parameters) -> Answer {
    let file = uploaded(state, parameters, "photo", PHOTO)?;
    let is_picture = file.bytes.starts_with(b"\x89PNG\r\n\x1a\n") || file.bytes.starts_with(b"\xff\xd8\xff");
    if !is_picture {
        return Err(Refusal::bad("IMAGE_PROCESS_FAILED"));
    }
    let (text, entities) = text(parameters, "caption", CAPTION)?;
    put(state, parameters, Message { text, entities, photo: Some(file), ..Message::of_bot() })
}

pub(super) fn edit_text(state: &mut State, parameters: &Parameters) -> Answer {
    let (text, entities) = text(parameters, "text", TEXT)?;
    if text.trim().is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    edit(state, parameters, |message| {
        if message.has_file() {
            return Err(Refusal::bad("there is no text in the message to edit"));
        }
        Ok((message.text, message.entities) = (text, entities))
    })
}

pub(super) fn edit_buttons(state: &mut State, parameters: &Parameters) -> Answer {
    edit(state, parameters, |_| Ok(()))
}

fn edit(
    state: &mut State,
    parameters: &Parameters,
    change: impl FnOnce(&mut Message) -> Result<(), Refusal>,
) -> Answer {
    let buttons = buttons(parameters)?;
    let chat = state.writable(parameters)?;
    let id = message_id(parameters)?;
    let old = chat.messages.get(&id).ok_or(Refusal::bad("message to edit not found"))?;
    if !old.from_bot {
        return Err(Refusal::bad("message can't be edited"));
    }
    let mut new = old.clone();
    change(&mut new)?;
    new.buttons = buttons;
    if new == *old {
        let reason = "message is not modified: specified new message content and reply markup are exactly the same as a \
                      current content and reply markup of the message";
        return Err(Refusal::bad(reason));
    }
    new.extra.insert("edit_date".to_owned(), now().into());
    chat.messages.insert(id, new.clone());
    chat.events.push(Event::Edited(new.clone()));
    Ok(new.json(&chat.json))
}

pub(super) fn delete(state: &mut State, parameters: &Parameters) -> Answer {
    let chat = state.writable(parameters)?;
    let id = message_id(parameters)?;
    let message = chat.messages.get(&id).ok_or(Refusal::bad("message to delete not found"))?;
    if !message.from_bot && !chat.is_private() {
        return Err(Refusal::bad("message can't be deleted"));
    }
    chat.messages.remove(&id);
    chat.events.push(Event::Deleted(id));
    Ok(true.into())
}

fn message_id(parameters: &Parameters) -> Result<i32, Refusal> {
    let id = parameters.integer("message_id").ok_or(Refusal::bad("message identifier is not specified"))?;
    i32::try_from(id).map_err(|_| Refusal::bad("message identifier is not specified"))
}

fn put(state: &mut State, parameters: &Parameters, message: Message) -> Answer {
    let buttons = buttons(parameters)?;
    let reply = parameters.structure("reply_parameters")?.unwrap_or_default();
    let chat = state.writable(parameters)?;
    let reply_to = reply["message_id"].as_i64().and_then(|id| i32::try_from(id).ok());
    let reply_to = match reply_to.filter(|id| !chat.messages.contains_key(id)) {
        Some(_) if reply["allow_sending_without_reply"] == true => None,
        Some(_) => return Err(Refusal::bad("message to be replied not found")),
        None => reply_to,
    };
    let chat_id = chat.json["id"].as_i64().unwrap_or_default();
    Ok(chat.add(Message { buttons, reply_to, chat: chat_id, ..message }).1)
}

fn text(parameters: &Parameters, name: &str, limit: usize) -> Result<(String, Vec<Entity>), Refusal> {
    let source = parameters.text(name);
    let (text, entities) = match parameters.text("parse_mode").to_lowercase().as_str() {
        "" => (source.to_owned(), Vec::new()),
        "html" => html::parse(source).map_err(|error| Refusal::bad(&format!("can't parse entities: {error}")))?,
        _ => return Err(Refusal::bad("unsupported parse_mode; this server knows HTML alone")),
    };
    if text.encode_utf16().count() > limit {
        let what = if name == "text" { "message is too long" } else { "message caption is too long" };
        return Err(Refusal::bad(what));
    }
    Ok((text, entities))
}

fn uploaded(state: &mut State, parameters: &Parameters, name: &str, limit: usize) -> Result<StoredFile, Refusal> {
    if let Some(upload) = parameters.upload(name) {
        if upload.bytes.len() > limit {
            return Err(Refusal::new(413, "Request Entity Too Large"));
        }
        if upload.bytes.is_empty() {
            return Err(Refusal::bad("file must be non-empty"));
        }
        return Ok(state.keep(upload.name, upload.bytes));
    }
    let known = state.files.get(parameters.text(name)).cloned();
    known.ok_or(Refusal::bad("wrong file identifier/HTTP URL specified"))
}

fn buttons(parameters: &Parameters) -> Result<Vec<Vec<Button>>, Refusal> {
    let Some(markup) = parameters.structure("reply_markup")? else { return Ok(Vec::new()) };
    if markup.is_null() || markup["remove_keyboard"] == true || markup["force_reply"] == true {
        return Ok(Vec::new());
    }
    let wrong = || Refusal::bad("can't parse inline keyboard button");
    let mut rows = Vec::new();
    for row in markup["inline_keyboard"].as_array().ok_or(Refusal::bad("object expected as reply markup"))? {
        let row = row.as_array().ok_or_else(wrong)?;
        rows.push(row.iter().map(button).collect::<Result<Vec<_>, _>>()?);
    }
    rows.retain(|row| !row.is_empty());
    if rows.iter().flatten().count() > BUTTONS {
        return Err(Refusal::bad("REPLY_MARKUP_TOO_LONG"));
    }
    Ok(rows)
}

fn button(button: &Value) -> Result<Button, Refusal> {
    let label = button["text"].as_str().unwrap_or_default().to_owned();
    if label.is_empty() {
        return Err(Refusal::bad("can't parse inline keyboard button: Field \"text\" must be of type String"));
    }
    match (button["callback_data"].as_str(), button["url"].as_str()) {
        (Some(data), None) if (1..=CALLBACK_DATA).contains(&data.len()) => Ok(Button { label, data: data.to_owned() }),
        (Some(_), None) => Err(Refusal::bad("BUTTON_DATA_INVALID")),
        (None, Some(url)) if url.contains("://") => Ok(Button { label, data: String::new() }),
        (None, Some(_)) => Err(Refusal::bad("BUTTON_URL_INVALID")),
        _ => {
            let reason = "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
            Err(Refusal::bad(reason))
        }
    }
}
