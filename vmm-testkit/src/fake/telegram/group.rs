//! Groups and channels, and how the bot comes and goes.

use serde_json::{Map, Value, json};

use super::message::{self, Message};
use super::{FakeTelegram, Person};

/// A group or channel that the bot is in.
#[derive(Clone, Debug)]
pub struct Group {
    telegram: FakeTelegram,
    id: i64,
}

impl Group {
    pub(super) fn new(telegram: FakeTelegram, id: i64) -> Self {
        Self { telegram, id }
    }

    /// Its id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The person, in this group.
    pub fn seat(&self, person: &Person) -> Person {
        Person::new(self.telegram.clone(), person.id(), self.id)
    }

    /// Somebody removes the bot, which may not write here from then on.
    pub fn removes_bot(&self) {
        self.member("member", "kicked");
    }

    /// Somebody adds the bot again.
    pub fn adds_bot(&self) {
        self.member("left", "member");
    }

    /// The group becomes a supergroup, which is another chat. In the old one nothing can be written any more.
    pub fn migrates(&self) -> Self {
        let new = self.telegram.shared.change(|state| {
            let title = state.chats.get(&self.id).map(|chat| chat.json["title"].clone()).unwrap_or_default();
            let new = state.add_group(title.as_str().unwrap_or_default(), "supergroup");
            if let Some(chat) = state.chats.get_mut(&self.id) {
                chat.migrated = Some(new);
            }
            for (chat, what) in
                [(self.id, json!({ "migrate_to_chat_id": new })), (new, json!({ "migrate_from_chat_id": self.id }))]
            {
                let Value::Object(mut extra) = what else { continue };
                extra.insert("from".to_owned(), somebody());
                let Some(chat) = state.chats.get_mut(&chat) else { continue };
                let json = chat.add(service(extra)).1;
                state.push("message", json);
            }
            new
        });
        Self { telegram: self.telegram.clone(), id: new }
    }

    fn member(&self, before: &str, now: &str) {
        self.telegram.shared.change(|state| {
            let Some(chat) = state.chats.get_mut(&self.id) else { return };
            chat.kicked = now == "kicked";
            let is = |status: &str| {
                let mut member = json!({ "user": message::bot(), "status": status });
                if status == "kicked" {
                    member["until_date"] = 0.into();
                }
                member
            };
            let content = json!({
                "chat": chat.json, "from": somebody(), "date": message::now(),
                "old_chat_member": is(before), "new_chat_member": is(now),
            });
            state.push("my_chat_member", content);
        });
    }
}

fn somebody() -> Value {
    json!({ "id": 99, "is_bot": false, "first_name": "Somebody" })
}

/// A message that Telegram itself writes.
fn service(extra: Map<String, Value>) -> Message {
    Message { from_bot: false, author: "Telegram".to_owned(), extra, ..Message::of_bot() }
}
