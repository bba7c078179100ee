//! The promises of a [`MailStore`](vmm_core::mail::MailStore) about groups.

use chrono::{Duration, Utc};
use vmm_core::model::{NewButton, NewPost, PostPlace, Question};

use super::{BOT, Records};
use crate::contract::repository::bot_group::{allow, disallow};
use crate::contract::repository::{assert_not_found, audited, unaudited};
use crate::sample::Desk;

/// A group that is not allowed any more is as one that never was, and with it go the bot's buttons and questions there.
pub async fn what_a_group_is_allowed_ends(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    for chat in [-5, -6] {
        allow(&repository, chat, "ops").await.expect("room");
        let expires_at = Utc::now() + Duration::hours(1);
        let button = NewButton { id: format!("in {chat}"), user: desk.user.id, content: "{}".to_owned(), expires_at };
        let (content, place) = ("a question".to_owned(), PostPlace::New);
        let post = NewPost { chat, content, attachment: None, buttons: vec![button], place };
        let question = Question { chat, person: 9, content: Some("why".to_owned()), expires_at };
        mail.outbox().post(BOT, vec![post], Some(question)).await.expect("room");
    }
    audited(&repository, 1, disallow(&repository, -5)).await.expect("it is there");
    assert_eq!(repository.groups().by_chat(BOT, -5).await.expect("an answer"), None);
    assert_eq!(mail.outbox().button(BOT, "in -5").await.expect("an answer"), None);
    assert_eq!(mail.outbox().question(BOT, -5, 9, Utc::now()).await.expect("an answer"), None);
    assert!(mail.outbox().button(BOT, "in -6").await.expect("an answer").is_some());
    assert!(mail.outbox().question(BOT, -6, 9, Utc::now()).await.expect("an answer").is_some());
    assert_not_found(unaudited(&repository, disallow(&repository, -5)).await);
}
