//! The promises of a [`MailStore`](vmm_core::mail::MailStore) about updates.

use std::sync::Arc;

use vmm_core::mail::MOST_KNOWN_UPDATES;
use vmm_core::model::{Arrival, BotId, BotUpdate};

use super::{BOT, Records, next_posts, post, received, update};
use crate::contract::repository::{race, unaudited};

/// Updates are stored once, together with the offset, which follows the chat service also to lower numbers.
pub async fn an_update_is_stored_once(Records { repository, mail }: Records) {
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), None);
    let new =
        unaudited(&repository, mail.inbox().receive(BOT, vec![update(11), update(10), update(11)], Arrival::Asked))
            .await;
    assert_eq!(new.expect("room"), [11, 10]);
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), Some(12));
    assert_eq!(received(&mail, vec![update(9), update(10)]).await, [9]);
    assert!(received(&mail, Vec::new()).await.is_empty());
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), Some(11));
    let open = mail.inbox().open(BOT).await.expect("an answer");
    assert_eq!(open, [update(9), update(10), update(11)]);
    assert_eq!(mail.inbox().offset(BotId(8)).await.expect("an answer"), None, "another bot's is its own");
    assert!(mail.inbox().open(BotId(8)).await.expect("an answer").is_empty());
}

/// An update that was sent in any order does not move the offset, so that no earlier update that has not arrived is
/// lost.
pub async fn an_update_that_was_sent_leaves_no_offset(Records { mail, .. }: Records) {
    assert_eq!(mail.inbox().receive(BOT, vec![update(12)], Arrival::Sent).await.expect("room"), [12]);
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), None);
    assert_eq!(received(&mail, vec![update(11), update(12)]).await, [11]);
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), Some(13));
    assert_eq!(mail.inbox().receive(BOT, vec![update(14), update(12)], Arrival::Sent).await.expect("room"), [14]);
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), None);
    assert_eq!(mail.inbox().open(BOT).await.expect("an answer"), [update(11), update(12), update(14)]);
}

/// An update that has ended is not open, has no content and comes to nothing when it comes again.
pub async fn an_ended_update_stays_ended(Records { mail, .. }: Records) {
    received(&mail, vec![update(1), update(2)]).await;
    assert!(mail.inbox().finish(BOT, 1, vec![post(5, "first")], None).await.expect("room"));
    assert!(!mail.inbox().finish(BOT, 1, vec![post(5, "again")], None).await.expect("room"));
    assert!(received(&mail, vec![update(1)]).await.is_empty());
    assert_eq!(mail.inbox().open(BOT).await.expect("an answer"), [update(2)]);
    assert!(!mail.inbox().begin(BOT, 1).await.expect("room"));
    let posts = next_posts(&mail).await;
    assert_eq!(posts.iter().map(|post| post.content.as_str()).collect::<Vec<_>>(), ["first"]);
}

/// The content of an update can be replaced while the update is open, and its beginning is known.
pub async fn an_update_that_has_begun_can_be_rewritten(Records { mail, .. }: Records) {
    received(&mail, vec![update(1)]).await;
    assert!(mail.inbox().begin(BOT, 1).await.expect("room"));
    mail.inbox().rewrite(BOT, 1, "other".to_owned()).await.expect("room");
    let open = mail.inbox().open(BOT).await.expect("an answer");
    assert_eq!(open, [BotUpdate { content: "other".to_owned(), begun: true, ..update(1) }]);
    assert_eq!(mail.inbox().by_id(BOT, 1).await.expect("an answer").as_ref(), open.first());
    assert_eq!(mail.inbox().by_id(BotId(8), 1).await.expect("an answer"), None);
    assert!(mail.inbox().finish(BOT, 1, Vec::new(), None).await.expect("room"));
    assert_eq!(mail.inbox().by_id(BOT, 1).await.expect("an answer"), None);
    mail.inbox().rewrite(BOT, 1, "late".to_owned()).await.expect("an answer");
}

/// Of many who begin or end an update one does.
pub async fn one_of_32_begins_an_update_and_one_ends_it(Records { repository, mail }: Records) {
    received(&mail, vec![update(1)]).await;
    let lost = || vmm_core::Error::conflict(vmm_core::Kind::Job, 1, "another one was first");
    let begun = race(&repository, 32, |_, _| {
        let mail = Arc::clone(&mail);
        async move { if mail.inbox().begin(BOT, 1).await? { Ok(()) } else { Err(lost()) } }
    });
    assert_eq!(begun.await, 1);
    let ended = race(&repository, 32, |_, _| {
        let mail = Arc::clone(&mail);
        async move { if mail.inbox().finish(BOT, 1, vec![post(5, "x")], None).await? { Ok(()) } else { Err(lost()) } }
    });
    assert_eq!(ended.await, 1);
    let posts = next_posts(&mail).await;
    mail.outbox().close(posts[0].id, None).await.expect("room");
    assert!(next_posts(&mail).await.is_empty());
}

/// Ended updates are known up to a limit, and no open update is ever forgotten.
pub async fn old_updates_are_forgotten_once_they_have_ended(Records { mail, .. }: Records) {
    received(&mail, vec![update(1), update(2)]).await;
    mail.inbox().finish(BOT, 2, Vec::new(), None).await.expect("room");
    let many = i64::from(MOST_KNOWN_UPDATES);
    received(&mail, (3..=many + 2).map(update).collect()).await;
    received(&mail, vec![update(many + 3)]).await;
    assert!(received(&mail, vec![update(1)]).await.is_empty(), "still open");
    assert_eq!(received(&mail, vec![update(2)]).await, [2], "forgotten");
}
