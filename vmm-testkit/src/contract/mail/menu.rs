//! The promises of a [`MailStore`](vmm_core::mail::MailStore) about menus.

use vmm_core::model::{BotId, ToldMenu};

use super::{BOT, Records};
use crate::contract::repository::unaudited;

/// Of each chat it is known what the chat service was told of its menu, or that this is not known.
pub async fn what_is_known_of_a_menu_is_kept(Records { repository, mail }: Records) {
    let known = |chat, content: Option<&str>| ToldMenu { chat, content: content.map(str::to_owned) };
    unaudited(&repository, mail.menus().begin(BOT, 5)).await.expect("room");
    mail.menus().end(BOT, 6, Some("six".to_owned())).await.expect("room");
    assert_eq!(mail.menus().list(BOT).await.expect("an answer"), [known(5, None), known(6, Some("six"))]);
    mail.menus().end(BOT, 5, Some("five".to_owned())).await.expect("room");
    mail.menus().begin(BOT, 6).await.expect("room");
    assert_eq!(mail.menus().list(BOT).await.expect("an answer"), [known(5, Some("five")), known(6, None)]);
    mail.menus().end(BOT, 6, None).await.expect("room");
    mail.menus().end(BOT, 6, None).await.expect("an answer");
    assert_eq!(mail.menus().list(BOT).await.expect("an answer"), [known(5, Some("five"))]);
    assert_eq!(mail.menus().list(BotId(8)).await.expect("an answer"), [], "another bot's is its own");
}
