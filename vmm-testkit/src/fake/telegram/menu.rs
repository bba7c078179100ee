//! The methods about menus, and the menu that a person sees.

use serde_json::{Value, json};

use super::parameters::Parameters;
use super::refusal::{Answer, Refusal};
use super::scope::{Commands, Scope};
use super::state::State;

/// The number of commands that a menu has at most.
const MOST: usize = 100;
/// The longest name of a command, in characters.
const NAME: usize = 32;
/// The longest description, in characters.
const DESCRIPTION: usize = 256;

pub(super) fn set(state: &mut State, parameters: &Parameters) -> Answer {
    let given = parameters.structure("commands")?.unwrap_or_default();
    let given = given.as_array().ok_or(Refusal::bad("can't parse commands list"))?;
    let commands = given.iter().map(command).collect::<Result<Commands, _>>()?;
    if commands.len() > MOST {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let scope = reachable(state, parameters)?;
    state.commands.insert(scope, commands);
    Ok(true.into())
}

pub(super) fn get(state: &State, parameters: &Parameters) -> Answer {
    let set = state.commands.get(&reachable(state, parameters)?).into_iter().flatten();
    Ok(set.map(|(command, description)| json!({ "command": command, "description": description })).collect())
}

pub(super) fn delete(state: &mut State, parameters: &Parameters) -> Answer {
    let scope = reachable(state, parameters)?;
    state.commands.remove(&scope);
    Ok(true.into())
}

/// The scope of a call, whose chat the bot must know and be in.
fn reachable(state: &State, parameters: &Parameters) -> Result<Scope, Refusal> {
    if !parameters.text("language_code").is_empty() {
        return Err(Refusal::bad("this server knows menus without a language alone"));
    }
    let scope = Scope::of(parameters)?;
    let Some(id) = scope.chat() else { return Ok(scope) };
    let chat = state.chats.get(&id).filter(|chat| chat.begun).ok_or(Refusal::bad("chat not found"))?;
    chat.refuse_absence()?;
    Ok(scope)
}

fn command(command: &Value) -> Result<(String, String), Refusal> {
    let text = |name: &str| command[name].as_str().unwrap_or_default().to_owned();
    let (name, description) = (text("command"), text("description"));
    let known = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !known || !(1..=NAME).contains(&name.len()) {
        return Err(Refusal::bad("BOT_COMMAND_INVALID"));
    }
    if !(1..=DESCRIPTION).contains(&description.chars().count()) {
        return Err(Refusal::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok((name, description))
}

impl State {
    /// The menu that this person sees in this chat: the first that is set, from the narrowest scope to the widest.
    pub(super) fn menu(&self, chat: i64, person: i64) -> Commands {
        let private = self.chats.get(&chat).is_some_and(super::state::Chat::is_private);
        let scopes: &[Scope] = if private {
            &[Scope::Chat(chat), Scope::AllPrivateChats, Scope::Default]
        } else {
            &[Scope::ChatMember(chat, person), Scope::Chat(chat), Scope::AllGroupChats, Scope::Default]
        };
        scopes.iter().find_map(|scope| self.commands.get(scope)).cloned().unwrap_or_default()
    }
}
