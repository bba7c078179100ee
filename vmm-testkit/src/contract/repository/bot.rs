//! What a [`BotRepository`] promises.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{Duration, SubsecRound, Utc};
use vmm_core::model::{
    Arrival, Attachment, BotId, BotUpdate, NewButton, NewPost, Post, PostPlace, Question, ToldMenu, UserId,
};
use vmm_core::repository::{BotRepository, KEPT_QUESTIONS, MOST_KNOWN_UPDATES, Repository};

use super::{race, unaudited};
use crate::sample::Desk;

const BOT: BotId = BotId(7);

/// Updates are stored once, together with the offset, which follows the chat service also to lower numbers.
pub async fn an_update_is_stored_once(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    assert_eq!(bots.offset(BOT).await.expect("an answer"), None);
    let new = unaudited(&repository, bots.receive(BOT, vec![update(11), update(10), update(11)], Arrival::Asked)).await;
    assert_eq!(new.expect("room"), [11, 10]);
    assert_eq!(bots.offset(BOT).await.expect("an answer"), Some(12));
    assert_eq!(received(bots, vec![update(9), update(10)]).await, [9]);
    assert!(received(bots, Vec::new()).await.is_empty());
    assert_eq!(bots.offset(BOT).await.expect("an answer"), Some(11));
    let open = bots.open_updates(BOT).await.expect("an answer");
    assert_eq!(open, [update(9), update(10), update(11)]);
    assert_eq!(bots.offset(BotId(8)).await.expect("an answer"), None, "another bot's is its own");
    assert!(bots.open_updates(BotId(8)).await.expect("an answer").is_empty());
}

/// What was sent in any order does not move the offset, behind which one that has not come would be lost.
pub async fn an_update_that_was_sent_leaves_no_offset(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    assert_eq!(bots.receive(BOT, vec![update(12)], Arrival::Sent).await.expect("room"), [12]);
    assert_eq!(bots.offset(BOT).await.expect("an answer"), None);
    assert_eq!(received(bots, vec![update(11), update(12)]).await, [11]);
    assert_eq!(bots.offset(BOT).await.expect("an answer"), Some(13));
    assert_eq!(bots.receive(BOT, vec![update(14), update(12)], Arrival::Sent).await.expect("room"), [14]);
    assert_eq!(bots.offset(BOT).await.expect("an answer"), None);
    assert_eq!(bots.open_updates(BOT).await.expect("an answer"), [update(11), update(12), update(14)]);
}

/// An update that has ended is not open, has no content and comes to nothing when it comes again.
pub async fn an_ended_update_stays_ended(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    received(bots, vec![update(1), update(2)]).await;
    assert!(bots.finish_update(BOT, 1, vec![post(5, "first")], None).await.expect("room"));
    assert!(!bots.finish_update(BOT, 1, vec![post(5, "again")], None).await.expect("room"));
    assert!(received(bots, vec![update(1)]).await.is_empty());
    assert_eq!(bots.open_updates(BOT).await.expect("an answer"), [update(2)]);
    assert!(!bots.begin_update(BOT, 1).await.expect("room"));
    let posts = next_posts(bots).await;
    assert_eq!(posts.iter().map(|post| post.content.as_str()).collect::<Vec<_>>(), ["first"]);
}

/// What was said can be replaced while its update is open, and whether that has begun is known.
pub async fn an_update_that_has_begun_can_be_rewritten(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    received(bots, vec![update(1)]).await;
    assert!(bots.begin_update(BOT, 1).await.expect("room"));
    bots.rewrite_update(BOT, 1, "other".to_owned()).await.expect("room");
    let open = bots.open_updates(BOT).await.expect("an answer");
    assert_eq!(open, [BotUpdate { content: "other".to_owned(), begun: true, ..update(1) }]);
    assert_eq!(bots.open_update(BOT, 1).await.expect("an answer").as_ref(), open.first());
    assert_eq!(bots.open_update(BotId(8), 1).await.expect("an answer"), None);
    assert!(bots.finish_update(BOT, 1, Vec::new(), None).await.expect("room"));
    assert_eq!(bots.open_update(BOT, 1).await.expect("an answer"), None);
    bots.rewrite_update(BOT, 1, "late".to_owned()).await.expect("an answer");
}

/// Of many who begin or end an update one does.
pub async fn one_of_32_begins_an_update_and_one_ends_it(repository: Arc<dyn Repository>) {
    received(repository.bots(), vec![update(1)]).await;
    let lost = || vmm_core::Error::conflict(vmm_core::Kind::Job, 1, "another one was first");
    let begun = race(&repository, 32, |repository, _| async move {
        if repository.bots().begin_update(BOT, 1).await? { Ok(()) } else { Err(lost()) }
    });
    assert_eq!(begun.await, 1);
    let ended = race(&repository, 32, |repository, _| async move {
        if repository.bots().finish_update(BOT, 1, vec![post(5, "x")], None).await? { Ok(()) } else { Err(lost()) }
    });
    assert_eq!(ended.await, 1);
    let posts = next_posts(repository.bots()).await;
    repository.bots().close_post(posts[0].id, None).await.expect("room");
    assert!(next_posts(repository.bots()).await.is_empty());
}

/// So many updates are known after they have ended, and no open one is ever forgotten.
pub async fn old_updates_are_forgotten_once_they_have_ended(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    received(bots, vec![update(1), update(2)]).await;
    bots.finish_update(BOT, 2, Vec::new(), None).await.expect("room");
    let many = i64::from(MOST_KNOWN_UPDATES);
    received(bots, (3..=many + 2).map(update).collect()).await;
    received(bots, vec![update(many + 3)]).await;
    assert!(received(bots, vec![update(1)]).await.is_empty(), "still open");
    assert_eq!(received(bots, vec![update(2)]).await, [2], "forgotten");
}

/// Posts of a chat come one after the other, and those of other chats beside them.
pub async fn posts_of_a_chat_keep_their_order(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    unaudited(&repository, bots.post(BOT, vec![post(5, "a"), post(5, "b"), post(6, "c")], None)).await.expect("room");
    let next = next_posts(bots).await;
    assert_eq!(next.iter().map(|p| (p.chat, p.content.as_str())).collect::<Vec<_>>(), [(5, "a"), (6, "c")]);
    let later = (Utc::now() + Duration::minutes(1)).trunc_subsecs(6);
    bots.postpone(next[0].id, later).await.expect("room");
    assert_eq!(next_posts(bots).await[0].attempts, 1);
    let waiting = bots.waiting_posts(BOT, None).await.expect("an answer");
    let moments: Vec<_> = waiting.iter().map(|post| (post.chat, post.due_at == later)).collect();
    assert_eq!(moments, [(5, true), (5, false), (6, false)]);
    assert_eq!(bots.waiting_posts(BOT, Some(waiting[0].id)).await.expect("an answer"), waiting[1..]);
    assert_eq!(bots.waiting_posts(BotId(8), None).await.expect("an answer"), []);
    bots.close_post(next[0].id, Some(100)).await.expect("room");
    assert_eq!(bots.waiting_post(next[0].id).await.expect("an answer"), None);
    assert_eq!(next_posts(bots).await[0].content, "b");
}

/// A button is found with the message that it was sent under, until the message is changed.
pub async fn a_button_belongs_to_its_message(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let bots = repository.bots();
    let with = |id: &str, place| NewPost { buttons: vec![button(id, desk.user.id, 1)], place, ..post(5, "x") };
    bots.post(BOT, vec![with("one", PostPlace::New)], None).await.expect("room");
    assert_eq!(bots.button(BOT, "one").await.expect("an answer").expect("it is there").message, None);
    let sent = next_posts(bots).await[0].id;
    bots.close_post(sent, Some(100)).await.expect("room");
    let found = bots.button(BOT, "one").await.expect("an answer").expect("it is there");
    assert_eq!((found.chat, found.message, found.user, found.content.as_str()), (5, Some(100), desk.user.id, "one!"));
    assert_eq!(bots.button(BotId(8), "one").await.expect("an answer"), None);
    bots.post(BOT, vec![with("two", PostPlace::Change(100))], None).await.expect("room");
    assert_eq!(bots.button(BOT, "one").await.expect("an answer"), None);
    let changed = bots.button(BOT, "two").await.expect("an answer").expect("it is there");
    assert_eq!(changed.message, Some(100));
}

/// A button that has expired is forgotten in time.
pub async fn an_expired_button_is_forgotten(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let bots = repository.bots();
    bots.post(BOT, vec![NewPost { buttons: vec![button("old", desk.user.id, -1)], ..post(5, "x") }], None)
        .await
        .expect("room");
    bots.post(BOT, vec![NewPost { buttons: vec![button("new", desk.user.id, 1)], ..post(5, "x") }], None)
        .await
        .expect("room");
    assert_eq!(bots.button(BOT, "old").await.expect("an answer"), None);
    assert!(bots.button(BOT, "new").await.expect("an answer").is_some());
}

/// The first post of a live name makes a message, and those behind it change that; only the last of them counts.
pub async fn a_live_message_is_made_once_and_changed(repository: Arc<dyn Repository>) {
    let desk = Desk::make(&repository).await;
    let bots = repository.bots();
    let live = |content: &str, message| {
        let place = PostPlace::Live { name: "run-1".to_owned(), message };
        NewPost { place, buttons: vec![button(content, desk.user.id, 1)], ..post(5, content) }
    };
    let next = || async { next_posts(bots).await.remove(0) };
    bots.post(BOT, vec![live("a", None), live("b", None)], None).await.expect("room");
    let first = next().await;
    assert_eq!((first.content.as_str(), first.message, first.superseded), ("a", None, true));
    bots.close_post(first.id, None).await.expect("room");
    let second = next().await;
    assert_eq!((second.content.as_str(), second.message, second.superseded), ("b", None, false));
    bots.close_post(second.id, Some(100)).await.expect("room");
    bots.post(BOT, vec![live("c", None)], None).await.expect("room");
    let third = next().await;
    assert_eq!((third.message, third.superseded), (Some(100), false));
    assert!(bots.button(BOT, "b").await.expect("an answer").is_some(), "a quick press on what is still seen");
    bots.close_post(third.id, Some(100)).await.expect("room");
    bots.post(BOT, vec![NewPost { buttons: Vec::new(), ..live("end", None) }], None).await.expect("room");
    for former in ["a", "b", "c"] {
        assert_eq!(bots.button(BOT, former).await.expect("an answer"), None);
    }
    bots.post(BOT, vec![post(6, "elsewhere")], None).await.expect("room");
    let given = NewPost { chat: 7, ..live("d", Some(70)) };
    bots.post(BOT, vec![given], None).await.expect("room");
    let messages = next_posts(bots).await.into_iter().map(|post| post.message);
    assert_eq!(messages.collect::<Vec<_>>(), [Some(100), None, Some(70)]);
}

/// A file goes with its post, and is gone with it.
pub async fn a_file_goes_with_its_post(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    let file = Attachment { name: "log.txt".to_owned(), bytes: vec![0, 159, 146, 150] };
    bots.post(BOT, vec![NewPost { attachment: Some(file.clone()), ..post(5, "x") }, post(6, "y")], None)
        .await
        .expect("room");
    let posts = next_posts(bots).await;
    assert_eq!(bots.attachment(posts[0].id).await.expect("an answer"), Some(file));
    assert_eq!(bots.attachment(posts[1].id).await.expect("an answer"), None);
    bots.close_post(posts[0].id, Some(1)).await.expect("room");
    assert_eq!(bots.attachment(posts[0].id).await.expect("an answer"), None);
}

/// A person is asked one thing at a time in a chat; it is stored with an update's end, and known for some time after an
/// answer counts.
pub async fn a_person_is_asked_one_thing_at_a_time(repository: Arc<dyn Repository>) {
    let bots = repository.bots();
    received(bots, (1..=4).map(update).collect()).await;
    let asked = |person, content: Option<&str>, time| Question {
        chat: 5,
        person,
        content: content.map(str::to_owned),
        expires_at: Utc::now() + time,
    };
    let (soon, minute) = (Duration::minutes(5), Duration::minutes(1));
    let question = |person| async move {
        let question = bots.question(BOT, 5, person, Utc::now()).await.expect("an answer");
        question.map(|question| (question.content.unwrap_or_default(), question.expires_at > Utc::now()))
    };
    let is = |content: &str, counts| Some((content.to_owned(), counts));
    bots.finish_update(BOT, 1, Vec::new(), Some(asked(50, Some("who?"), soon))).await.expect("room");
    assert_eq!(question(50).await, is("who?", true));
    assert_eq!(question(51).await, None, "somebody else");
    bots.finish_update(BOT, 2, Vec::new(), Some(asked(50, Some("why?"), soon))).await.expect("room");
    bots.finish_update(BOT, 2, Vec::new(), Some(asked(50, None, soon))).await.expect("room");
    assert_eq!(question(50).await, is("why?", true), "an update that had ended changes nothing");
    bots.finish_update(BOT, 3, Vec::new(), Some(asked(50, Some("late?"), minute - KEPT_QUESTIONS)))
        .await
        .expect("room");
    bots.post(BOT, Vec::new(), Some(asked(51, Some("later?"), -KEPT_QUESTIONS - minute))).await.expect("room");
    assert_eq!(question(50).await, is("late?", false), "what others are asked does not end it");
    assert_eq!(question(51).await, None, "too long ago");
    bots.finish_update(BOT, 4, Vec::new(), Some(asked(50, None, Duration::zero()))).await.expect("room");
    assert_eq!(question(50).await, None);
}

/// Of each chat it is known what the chat service was told of its menu, or that this is not known.
pub async fn what_is_known_of_a_menu_is_kept(repository: Arc<dyn Repository>) {
    let (bots, known) =
        (repository.bots(), |chat, content: Option<&str>| ToldMenu { chat, content: content.map(str::to_owned) });
    unaudited(&repository, bots.begin_menu(BOT, 5)).await.expect("room");
    bots.end_menu(BOT, 6, Some("six".to_owned())).await.expect("room");
    assert_eq!(bots.menus(BOT).await.expect("an answer"), [known(5, None), known(6, Some("six"))]);
    bots.end_menu(BOT, 5, Some("five".to_owned())).await.expect("room");
    bots.begin_menu(BOT, 6).await.expect("room");
    assert_eq!(bots.menus(BOT).await.expect("an answer"), [known(5, Some("five")), known(6, None)]);
    bots.end_menu(BOT, 6, None).await.expect("room");
    bots.end_menu(BOT, 6, None).await.expect("an answer");
    assert_eq!(bots.menus(BOT).await.expect("an answer"), [known(5, Some("five"))]);
    assert_eq!(bots.menus(BotId(8)).await.expect("an answer"), [], "another bot's is its own");
}

async fn received(bots: &dyn BotRepository, updates: Vec<BotUpdate>) -> Vec<i64> {
    bots.receive(BOT, updates, Arrival::Asked).await.expect("room")
}

/// The first post of each chat, in order of their rows.
pub(super) async fn next_posts(bots: &dyn BotRepository) -> Vec<Post> {
    let (mut chats, mut posts) = (HashSet::new(), Vec::new());
    for waiting in bots.waiting_posts(BOT, None).await.expect("an answer") {
        if chats.insert(waiting.chat) {
            posts.extend(bots.waiting_post(waiting.id).await.expect("an answer"));
        }
    }
    posts
}

fn update(id: i64) -> BotUpdate {
    BotUpdate { id, chat: Some(5), content: format!("update {id}"), begun: false }
}

fn post(chat: i64, content: &str) -> NewPost {
    NewPost { chat, content: content.to_owned(), attachment: None, buttons: Vec::new(), place: PostPlace::New }
}

fn button(id: &str, user: UserId, hours: i64) -> NewButton {
    let expires_at = Utc::now() + Duration::hours(hours);
    NewButton { id: id.to_owned(), user, content: format!("{id}!"), expires_at }
}
