//! The recipients of notices about requests, and previews of requests.

use vmm_core::model::{BotId, RequestEventKind, RequestState, Role, Subject, User};
use vmm_core::{Actor, BotMail, Error, RequestDraft, RequestNews, UserDraft, UserUpdate};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

const CSV: &str = "name,os,vcpu,memory,disk\nweb-1,debian:12,2,512,2\n";

/// A desk whose people can be reached: root, alice and the admin carol. The admin dave has no chat, and erin is
/// disabled.
async fn desk() -> (TestDesk, BotMail) {
    let desk = TestDesk::new().await;
    for (name, chat, disabled) in [
        ("root", Some(1), false),
        ("alice", Some(2), false),
        ("carol", Some(3), false),
        ("dave", None, false),
        ("erin", Some(5), true),
    ] {
        let name = sample::user_name(name);
        if !["root", "alice"].contains(&name.as_str()) {
            let draft = UserDraft { name: name.clone(), password: PASSWORD.into(), chat_id: None, role: Role::Admin };
            desk.vmm.create_user(&desk.admin, draft).await.expect("a free name");
        }
        let update = UserUpdate { chat_id: Some(chat), disabled: Some(disabled), ..UserUpdate::default() };
        desk.vmm.update_user(&desk.admin, &name, update, None).await.expect("it is there");
    }
    let mail = desk.vmm.bot_mail(BotId(7));
    mail.follow_requests().await.expect("room");
    (desk, mail)
}

/// Returns the news since the last call, each recorded as told with nothing to send.
async fn news(mail: &BotMail) -> Vec<RequestNews> {
    let mut all = Vec::new();
    while let Some(news) = mail.request_news().await.expect("an answer") {
        assert!(mail.tell(news.event.id, Vec::new()).await.expect("room"));
        all.push(news);
    }
    all
}

fn names<'a>(users: impl IntoIterator<Item = &'a User>) -> Vec<&'a str> {
    users.into_iter().map(|user| user.name.as_str()).collect()
}

#[tokio::test]
async fn who_is_concerned_and_can_be_reached_hears_of_a_request() {
    let (desk, mail) = desk().await;
    let request = desk.submit("r1", CSV).await;
    let submitted = news(&mail).await;
    let [submitted] = &submitted[..] else { panic!("{submitted:?}") };
    assert_eq!((submitted.event.kind, &submitted.request), (RequestEventKind::Submitted, &request));
    assert_eq!(names(&submitted.requester), ["alice"]);
    assert_eq!(names(&submitted.deciders), ["carol", "root"]);
    assert_eq!(submitted.event.actor, desk.user.user_id());
    let room = submitted.room.expect("the host answers");
    assert_eq!((room.vcpus, room.vcpus_taken, room.memory_taken), (request.plan.seen.vcpus, 0, 0));
    desk.approve(&request).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
    let after = news(&mail).await;
    let kinds: Vec<_> = after.iter().map(|news| news.event.kind).collect();
    assert_eq!(kinds, [RequestEventKind::Approved, RequestEventKind::Started, RequestEventKind::Done]);
    let actors: Vec<_> = after.iter().map(|news| news.event.actor).collect();
    assert_eq!(actors, [desk.admin.user_id(), None, None]);
    assert!(after.iter().all(|news| news.room.is_none() && news.request.state == RequestState::Done));
    assert_eq!(news(&mail).await, []);
}

#[tokio::test]
async fn the_progress_of_approved_requests_is_seen_by_those_who_asked_and_approved() {
    let (mut desk, mail) = desk().await;
    desk.stop_worker().await;
    let request = desk.submit("r1", CSV).await;
    assert_eq!(mail.request_progress().await.expect("an answer"), []);
    desk.approve(&request).await;
    let progress = mail.request_progress().await.expect("an answer");
    let [only] = &progress[..] else { panic!("{progress:?}") };
    assert_eq!(names(&only.watchers), ["alice", "root"]);
    assert_eq!(only.jobs.iter().map(|job| &job.subject).collect::<Vec<_>>(), [&Subject::Request(request.id.clone())]);
    desk.start_worker();
    desk.settled(&request.id).await;
    assert_eq!(mail.request_progress().await.expect("an answer"), []);
}

#[tokio::test]
async fn a_preview_shows_what_a_submission_would_make_and_makes_nothing() {
    let (desk, _) = desk().await;
    let id = sample::request_id("r1");
    let draft = |spec: &str| RequestDraft {
        id: id.clone(),
        requester: None,
        description: String::new(),
        spec: spec.to_owned(),
    };
    let preview = desk.vmm.preview_request(&desk.user, &draft(CSV)).await.expect("a good CSV");
    assert!(matches!(desk.vmm.request(&desk.user, &id).await, Err(Error::NotFound { .. })));
    let submitted = desk.submit("r1", CSV).await;
    assert_eq!(preview.plan.as_ref(), Some(&submitted.plan));
    let again = RequestDraft { id: sample::request_id("r2"), ..draft("name,os,vcpu\nweb-1,debian:12,0\n") };
    let wrong = desk.vmm.preview_request(&desk.user, &again).await.expect("an answer for each row");
    assert_eq!((wrong.plan, wrong.problems.total()), (None, 2), "{:?}", wrong.problems);
    let other = RequestDraft { id: sample::request_id("r2"), ..draft("name,os\nweb-2,debian:12\n") };
    let room = desk.vmm.preview_request(&desk.user, &other).await.expect("a good CSV").room;
    assert_eq!((room.vcpus_taken, room.memory_taken), (2, 512), "what waits counts");
    let too_long = draft(&"x".repeat((1 << 20) + 1));
    assert!(matches!(desk.vmm.preview_request(&desk.user, &too_long).await, Err(Error::Invalid(_))));
    for actor in [Actor::Anonymous, desk.user.clone()] {
        let for_another = RequestDraft { requester: Some(sample::user_name("carol")), ..draft(CSV) };
        let refused = desk.vmm.preview_request(&actor, &for_another).await;
        assert!(matches!(refused, Err(Error::Unauthenticated | Error::Forbidden { .. })), "{refused:?}");
    }
}
