//! Updates as Telegram writes them.

use serde_json::Value;
use vmm_core::model::BotUpdate;

/// Reads what is stored of an update; `None` if it has no number.
pub(crate) fn read(value: &Value) -> Option<BotUpdate> {
    let Some(id) = value["update_id"].as_i64() else {
        tracing::warn!("an update without a number was left out");
        return None;
    };
    let chat =
        ["/message/chat/id", "/callback_query/message/chat/id", "/callback_query/from/id", "/my_chat_member/chat/id"]
            .iter()
            .find_map(|path| value.pointer(path)?.as_i64());
    Some(BotUpdate { id, chat, content: value.to_string(), begun: false })
}
