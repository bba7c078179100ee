//! The promises of a [`MailStore`](vmm_core::mail::MailStore) about posts, their buttons, and questions.

use chrono::{Duration, SubsecRound, Utc};
use vmm_core::mail::KEPT_QUESTIONS;
use vmm_core::model::{Attachment, BotId, NewButton, NewPost, PostPlace, Question, UserId};

use super::{BOT, Records, next_posts, post, received, update};
use crate::contract::repository::unaudited;
use crate::sample::Desk;

/// Posts of a chat come one after the other, and those of other chats beside them.
pub async fn posts_of_a_chat_keep_their_order(Records { repository, mail }: Records) {
    unaudited(&repository, mail.outbox().post(BOT, vec![post(5, "a"), post(5, "b"), post(6, "c")], None))
        .await
        .expect("room");
    let next = next_posts(&mail).await;
    assert_eq!(next.iter().map(|p| (p.chat, p.content.as_str())).collect::<Vec<_>>(), [(5, "a"), (6, "c")]);
    let later = (Utc::now() + Duration::minutes(1)).trunc_subsecs(6);
    mail.outbox().postpone(next[0].id, later).await.expect("room");
    assert_eq!(next_posts(&mail).await[0].attempts, 1);
    let waiting = mail.outbox().waiting(BOT, None).await.expect("an answer");
    let moments: Vec<_> = waiting.iter().map(|post| (post.chat, post.due_at == later)).collect();
    assert_eq!(moments, [(5, true), (5, false), (6, false)]);
    assert_eq!(mail.outbox().waiting(BOT, Some(waiting[0].id)).await.expect("an answer"), waiting[1..]);
    assert_eq!(mail.outbox().waiting(BotId(8), None).await.expect("an answer"), []);
    mail.outbox().close(next[0].id, Some(100)).await.expect("room");
    assert_eq!(mail.outbox().by_id(next[0].id).await.expect("an answer"), None);
    assert_eq!(next_posts(&mail).await[0].content, "b");
}

/// A button is found with the message that it was sent under, until the message is changed.
pub async fn a_button_belongs_to_its_message(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    let with = |id: &str, place| NewPost { buttons: vec![button(id, desk.user.id, 1)], place, ..post(5, "x") };
    mail.outbox().post(BOT, vec![with("one", PostPlace::New)], None).await.expect("room");
    assert_eq!(mail.outbox().button(BOT, "one").await.expect("an answer").expect("it is there").message, None);
    let sent = next_posts(&mail).await[0].id;
    mail.outbox().close(sent, Some(100)).await.expect("room");
    let found = mail.outbox().button(BOT, "one").await.expect("an answer").expect("it is there");
    assert_eq!((found.chat, found.message, found.user, found.content.as_str()), (5, Some(100), desk.user.id, "one!"));
    assert_eq!(mail.outbox().button(BotId(8), "one").await.expect("an answer"), None);
    mail.outbox().post(BOT, vec![with("two", PostPlace::Change(100))], None).await.expect("room");
    assert_eq!(mail.outbox().button(BOT, "one").await.expect("an answer"), None);
    let changed = mail.outbox().button(BOT, "two").await.expect("an answer").expect("it is there");
    assert_eq!(changed.message, Some(100));
}

/// A button that has expired is forgotten in time.
pub async fn an_expired_button_is_forgotten(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    mail.outbox()
        .post(BOT, vec![NewPost { buttons: vec![button("old", desk.user.id, -1)], ..post(5, "x") }], None)
        .await
        .expect("room");
    mail.outbox()
        .post(BOT, vec![NewPost { buttons: vec![button("new", desk.user.id, 1)], ..post(5, "x") }], None)
        .await
        .expect("room");
    assert_eq!(mail.outbox().button(BOT, "old").await.expect("an answer"), None);
    assert!(mail.outbox().button(BOT, "new").await.expect("an answer").is_some());
}

/// The first post of a live name makes a message, and those behind it change that; only the last of them counts.
pub async fn a_live_message_is_made_once_and_changed(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    let live = |content: &str, message| {
        let place = PostPlace::Live { name: "run-1".to_owned(), message };
        NewPost { place, buttons: vec![button(content, desk.user.id, 1)], ..post(5, content) }
    };
    let next = || async { next_posts(&mail).await.remove(0) };
    mail.outbox().post(BOT, vec![live("a", None), live("b", None)], None).await.expect("room");
    let first = next().await;
    assert_eq!((first.content.as_str(), first.message, first.superseded), ("a", None, true));
    mail.outbox().close(first.id, None).await.expect("room");
    let second = next().await;
    assert_eq!((second.content.as_str(), second.message, second.superseded), ("b", None, false));
    mail.outbox().close(second.id, Some(100)).await.expect("room");
    mail.outbox().post(BOT, vec![live("c", None)], None).await.expect("room");
    let third = next().await;
    assert_eq!((third.message, third.superseded), (Some(100), false));
    assert!(mail.outbox().button(BOT, "b").await.expect("an answer").is_some(), "a quick press on what is still seen");
    mail.outbox().close(third.id, Some(100)).await.expect("room");
    mail.outbox().post(BOT, vec![NewPost { buttons: Vec::new(), ..live("end", None) }], None).await.expect("room");
    for former in ["a", "b", "c"] {
        assert_eq!(mail.outbox().button(BOT, former).await.expect("an answer"), None);
    }
    mail.outbox().post(BOT, vec![post(6, "elsewhere")], None).await.expect("room");
    let given = NewPost { chat: 7, ..live("d", Some(70)) };
    mail.outbox().post(BOT, vec![given], None).await.expect("room");
    let messages = next_posts(&mail).await.into_iter().map(|post| post.message);
    assert_eq!(messages.collect::<Vec<_>>(), [Some(100), None, Some(70)]);
}

/// A file goes with its post, and is gone with it.
pub async fn a_file_goes_with_its_post(Records { mail, .. }: Records) {
    let file = Attachment { name: "log.txt".to_owned(), bytes: vec![0, 159, 146, 150] };
    mail.outbox()
        .post(BOT, vec![NewPost { attachment: Some(file.clone()), ..post(5, "x") }, post(6, "y")], None)
        .await
        .expect("room");
    let posts = next_posts(&mail).await;
    assert_eq!(mail.outbox().attachment(posts[0].id).await.expect("an answer"), Some(file));
    assert_eq!(mail.outbox().attachment(posts[1].id).await.expect("an answer"), None);
    mail.outbox().close(posts[0].id, Some(1)).await.expect("room");
    assert_eq!(mail.outbox().attachment(posts[0].id).await.expect("an answer"), None);
}

/// A person is asked one thing at a time in a chat; it is stored with an update's end, and known for some time after an
/// answer counts.
pub async fn a_person_is_asked_one_thing_at_a_time(Records { mail, .. }: Records) {
    received(&mail, (1..=4).map(update).collect()).await;
    let asked = |person, content: Option<&str>, time| Question {
        chat: 5,
        person,
        content: content.map(str::to_owned),
        expires_at: Utc::now() + time,
    };
    let (soon, minute) = (Duration::minutes(5), Duration::minutes(1));
    let question = async |person| {
        let question = mail.outbox().question(BOT, 5, person, Utc::now()).await.expect("an answer");
        question.map(|question| (question.content.unwrap_or_default(), question.expires_at > Utc::now()))
    };
    let is = |content: &str, counts| Some((content.to_owned(), counts));
    mail.inbox().finish(BOT, 1, Vec::new(), Some(asked(50, Some("who?"), soon))).await.expect("room");
    assert_eq!(question(50).await, is("who?", true));
    assert_eq!(question(51).await, None, "somebody else");
    mail.inbox().finish(BOT, 2, Vec::new(), Some(asked(50, Some("why?"), soon))).await.expect("room");
    mail.inbox().finish(BOT, 2, Vec::new(), Some(asked(50, None, soon))).await.expect("room");
    assert_eq!(question(50).await, is("why?", true), "an update that had ended changes nothing");
    mail.inbox()
        .finish(BOT, 3, Vec::new(), Some(asked(50, Some("late?"), minute - KEPT_QUESTIONS)))
        .await
        .expect("room");
    mail.outbox().post(BOT, Vec::new(), Some(asked(51, Some("later?"), -KEPT_QUESTIONS - minute))).await.expect("room");
    assert_eq!(question(50).await, is("late?", false), "what others are asked does not end it");
    assert_eq!(question(51).await, None, "too long ago");
    mail.inbox().finish(BOT, 4, Vec::new(), Some(asked(50, None, Duration::zero()))).await.expect("room");
    assert_eq!(question(50).await, None);
}

fn button(id: &str, user: UserId, hours: i64) -> NewButton {
    let expires_at = Utc::now() + Duration::hours(hours);
    NewButton { id: id.to_owned(), user, content: format!("{id}!"), expires_at }
}
