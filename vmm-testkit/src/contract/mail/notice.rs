//! The promises of a [`MailStore`] about what happens to requests: every change is an event, and a bot tells each once.

use std::sync::Arc;

use vmm_core::mail::MailStore;
use vmm_core::model::{
    AuditEntry, BotId, JobState, NewPost, PlanHash, PostPlace, RequestEvent, RequestEventKind, RequestState, UserId,
};

use super::{BOT, Records, next_posts};
use crate::contract::repository::{
    approve, approved, assert_conflict, cancel, close, pending, race, running, unaudited,
};
use crate::sample::{self, Desk};

/// Each change of a request's state is one event, with whose deed it was; a change that is refused is none.
pub async fn every_change_is_an_event(Records { repository, mail }: Records) {
    use RequestEventKind::{Approved, Cancelled, Done, Failed, Rejected, Returned, Started, Submitted};

    let desk = Desk::make(&repository).await;
    mail.notices().follow(BOT).await.expect("room");
    let first = approved(&repository, &desk, "req-1", &["web-1"]).await;
    let (id, other) = (first.id.clone(), sample::plan(&desk.os, &["web-2"]));
    for _ in 0..2 {
        repository.requests().return_for_approval(&id, other.clone(), "it shrank").await.expect("it is approved");
    }
    assert_conflict(approve(&repository, &desk, "req-1", PlanHash([0; 32])).await, &["plan"]);
    approve(&repository, &desk, "req-1", other.hash()).await.expect("it is pending");
    for job in running(&repository, "req-1").await {
        repository.jobs().finish(job, JobState::Done, None).await.expect("it is open");
    }
    pending(&repository, &desk, "req-2", &["db-1"]).await;
    close(&repository, &desk, "req-2", RequestState::Rejected).await.expect("it is pending");
    pending(&repository, &desk, "req-3", &["db-1"]).await;
    cancel(&repository, &desk, "req-3").await;
    approved(&repository, &desk, "req-4", &["db-1"]).await;
    repository.requests().fail(&sample::request_id("req-4"), "no image").await.expect("it is approved");
    let events = events(&mail, BOT, 100).await;
    let happened: Vec<_> =
        events.iter().map(|event| (event.request.as_str(), event.kind, event.reason.as_deref())).collect();
    assert_eq!(
        happened,
        [
            ("req-1", Submitted, None),
            ("req-1", Approved, None),
            ("req-1", Returned, Some("it shrank")),
            ("req-1", Approved, None),
            ("req-1", Started, None),
            ("req-1", Done, None),
            ("req-2", Submitted, None),
            ("req-2", Rejected, Some("not now")),
            ("req-3", Submitted, None),
            ("req-3", Cancelled, Some("not now")),
            ("req-4", Submitted, None),
            ("req-4", Approved, None),
            ("req-4", Failed, Some("no image")),
        ]
    );
    let hashes: Vec<_> = events.iter().take(4).map(|event| event.plan_hash).collect();
    assert_eq!(hashes, [first.plan_hash, first.plan_hash, other.hash(), other.hash()]);
    assert!(events.is_sorted_by(|one, next| one.id < next.id && one.at <= next.at), "{events:?}");
}

/// An event knows whose deed it was, as long as the account is there.
pub async fn an_event_knows_whose_deed_it_was(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    let carol = sample::user("carol", vmm_core::model::Role::Admin);
    let carol = repository.users().create(carol, sample::audit("user.create")).await.expect("a free name");
    mail.notices().follow(BOT).await.expect("room");
    let new = sample::request("req-1", desk.user.id, sample::plan(&desk.os, &["web-1"]));
    let hash = new.plan.hash();
    repository.requests().submit(new, sample::no_limits(), by(carol.id)).await.expect("a free id");
    let (id, job) = (sample::request_id("req-1"), sample::start());
    repository.requests().approve(&id, hash, desk.admin.id, job, by(desk.admin.id)).await.expect("it is pending");
    repository.requests().fail(&id, "no image").await.expect("it is approved");
    let actors = async || -> Vec<_> {
        let events = events(&mail, BOT, 100).await;
        events.into_iter().map(|event| (event.actor, event.actor_name)).collect()
    };
    let (admin, nobody) = ((Some(desk.admin.id), Some(desk.admin.name.clone())), (None, None));
    assert_eq!(actors().await, [(Some(carol.id), Some(carol.name)), admin.clone(), nobody.clone()]);
    repository.users().delete(carol.id, None, sample::audit("user.delete")).await.expect("nothing names it");
    assert_eq!(actors().await, [nobody.clone(), admin, nobody]);
}

/// A bot begins at the present, and each bot tells for itself.
pub async fn a_bot_begins_at_the_present(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    pending(&repository, &desk, "req-1", &["web-1"]).await;
    assert_eq!(events(&mail, BOT, 100).await, [], "it follows none");
    unaudited(&repository, mail.notices().follow(BOT)).await.expect("room");
    assert_eq!(mail.inbox().offset(BOT).await.expect("an answer"), None, "it has read no update");
    assert_eq!(events(&mail, BOT, 100).await, []);
    pending(&repository, &desk, "req-2", &["web-2"]).await;
    mail.notices().follow(BOT).await.expect("a repeat");
    mail.notices().follow(BotId(8)).await.expect("room");
    pending(&repository, &desk, "req-3", &["web-3"]).await;
    let ids = async |bot, limit| -> Vec<_> {
        events(&mail, bot, limit).await.iter().map(|event| event.request.to_string()).collect()
    };
    assert_eq!(ids(BOT, 100).await, ["req-2", "req-3"]);
    assert_eq!(ids(BOT, 1).await, ["req-2"]);
    assert_eq!(ids(BotId(8), 100).await, ["req-3"]);
}

/// The posts about an event are stored together with the record that it was told, once, whoever tells it.
pub async fn an_event_is_told_once(Records { repository, mail }: Records) {
    let desk = Desk::make(&repository).await;
    mail.notices().follow(BOT).await.expect("room");
    for (id, name) in [("req-1", "web-1"), ("req-2", "web-2")] {
        pending(&repository, &desk, id, &[name]).await;
    }
    let found = events(&mail, BOT, 100).await;
    let (first, last) = (found[0].id, found[1].id);
    let told = race(&repository, 32, |_, _| {
        let mail = Arc::clone(&mail);
        async move {
            let lost = vmm_core::Error::conflict(vmm_core::Kind::Request, 1, "another one told");
            if mail.notices().tell(BOT, first, vec![post("first")]).await? { Ok(()) } else { Err(lost) }
        }
    });
    assert_eq!(told.await, 1);
    assert_eq!(events(&mail, BOT, 100).await, [found[1].clone()]);
    assert!(unaudited(&repository, mail.notices().tell(BOT, last, vec![post("second")])).await.expect("room"));
    assert!(!mail.notices().tell(BOT, first, vec![post("again")]).await.expect("room"));
    assert!(!mail.notices().tell(BotId(8), last, vec![post("of nobody")]).await.expect("room"), "it follows none");
    assert_eq!(events(&mail, BOT, 100).await, []);
    let mut sent = Vec::new();
    while let Some(next) = next_posts(&mail).await.pop() {
        mail.outbox().close(next.id, None).await.expect("room");
        sent.push(next.content);
    }
    assert_eq!(sent, ["first", "second"]);
}

/// A message that is there, or about to be, is changed; where there is none, nothing is sent.
pub async fn only_a_known_message_is_changed(Records { mail, .. }: Records) {
    let at = |chat, place| NewPost { chat, place, ..post("card") };
    let (live, known) =
        (PostPlace::Live { name: "card".to_owned(), message: None }, PostPlace::Known("card".to_owned()));
    mail.outbox().post(BOT, vec![at(5, live), at(5, known.clone()), at(6, known.clone())], None).await.expect("room");
    let first = next_posts(&mail).await;
    assert_eq!(first.iter().map(|post| (post.chat, post.superseded)).collect::<Vec<_>>(), [(5, true)]);
    mail.outbox().close(first[0].id, None).await.expect("room");
    let second = next_posts(&mail).await;
    mail.outbox().close(second[0].id, Some(100)).await.expect("room");
    mail.outbox().post(BOT, vec![at(5, known.clone()), at(6, known)], None).await.expect("room");
    let third = next_posts(&mail).await;
    assert_eq!(third.iter().map(|post| (post.chat, post.message)).collect::<Vec<_>>(), [(5, Some(100))]);
}

async fn events(mail: &Arc<dyn MailStore>, bot: BotId, limit: u32) -> Vec<RequestEvent> {
    mail.notices().events(bot, limit).await.expect("an answer")
}

fn by(user: UserId) -> AuditEntry {
    AuditEntry { user: Some(user), ..sample::audit("request.change") }
}

fn post(content: &str) -> NewPost {
    NewPost { chat: 5, content: content.to_owned(), attachment: None, buttons: Vec::new(), place: PostPlace::New }
}
