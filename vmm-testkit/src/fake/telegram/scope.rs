//! The menus of a bot: a list of commands for each scope.

use serde_json::Value;

use super::parameters::Parameters;
use super::refusal::Refusal;

/// For whom a menu is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    Default,
    AllPrivateChats,
    AllGroupChats,
    AllChatAdministrators,
    Chat(i64),
    ChatAdministrators(i64),
    ChatMember(i64, i64),
}

/// A menu: name and description of each command.
pub(super) type Commands = Vec<(String, String)>;

impl Scope {
    /// The scope of a call; none means everybody.
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Refusal> {
        match parameters.structure("scope")? {
            Some(Value::Null) | None => Ok(Self::Default),
            Some(scope) => Self::read(&scope),
        }
    }

    /// The scope in its JSON.
    pub(super) fn read(scope: &Value) -> Result<Self, Refusal> {
        let number = |name: &str| {
            let missing = || Refusal::bad(&format!("can't parse BotCommandScope: field {name:?} must be a number"));
            scope[name].as_i64().ok_or_else(missing)
        };
        match scope["type"].as_str().unwrap_or_default() {
            "default" => Ok(Self::Default),
            "all_private_chats" => Ok(Self::AllPrivateChats),
            "all_group_chats" => Ok(Self::AllGroupChats),
            "all_chat_administrators" => Ok(Self::AllChatAdministrators),
            "chat" => Ok(Self::Chat(number("chat_id")?)),
            "chat_administrators" => Ok(Self::ChatAdministrators(number("chat_id")?)),
            "chat_member" => Ok(Self::ChatMember(number("chat_id")?, number("user_id")?)),
            _ => Err(Refusal::bad("can't parse BotCommandScope: unsupported type specified")),
        }
    }

    /// The chat that the scope is of, if it is of one.
    pub(super) fn chat(self) -> Option<i64> {
        match self {
            Self::Chat(chat) | Self::ChatAdministrators(chat) | Self::ChatMember(chat, _) => Some(chat),
            Self::Default | Self::AllPrivateChats | Self::AllGroupChats | Self::AllChatAdministrators => None,
        }
    }
}
