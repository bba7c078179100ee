//! People hear what happens to requests: once, whoever did it, and whatever was stopped meanwhile.

use vmm_core::RequestDraft;
use vmm_testkit::fake::telegram::{Event, Person};
use vmm_testkit::sample;

use crate::app::App;

const CSV: &str = "name,os,memory,disk\nweb-1,debian:12,512,2\n";

/// Returns the number of messages with these words that the bot has sent in the chat.
fn sent(person: &Person, words: &str) -> usize {
    person.messages().iter().filter(|message| message.text.contains(words)).count()
}

#[tokio::test]
async fn what_others_did_elsewhere_is_told() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    // What is done at once has no progress.
    app.desk.stop_worker().await;
    let request = app.desk.submit("r1", CSV).await;
    root.sees("r1 waits for an admin").await;
    app.desk.approve(&request).await;
    root.sees("machine is ready").await;
    let progress = alice.sees("machine is ready").await;
    app.desk.start_worker();
    alice.sees_edit(&progress, "r1 is done").await;
    alice.sees("r1 is done").await;
    assert_eq!(sent(&alice, "waits for an admin"), 0, "her own deed:\n{}", alice.transcript());
    let request = app.desk.submit("r2", "name,os,memory,disk\nweb-2,debian:12,512,2\n").await;
    root.sees("r2 waits for an admin").await;
    app.desk.vmm.reject_request(&app.desk.admin, &request.id, "no room").await.unwrap();
    assert!(alice.sees("r2 was rejected by root").await.text.contains("no room"));
    let for_alice = RequestDraft {
        id: sample::request_id("r3"),
        requester: Some(sample::user_name("alice")),
        description: String::new(),
        spec: "name,os,memory,disk\nweb-3,debian:12,512,2\n".to_owned(),
    };
    app.desk.vmm.submit_request(&app.desk.admin, for_alice).await.unwrap();
    let card = alice.sees("r3 waits for an admin").await;
    assert_eq!(card.labels(), ["Cancel the request"]);
    alice.presses(&card, "Cancel the request").answer().await;
    alice.sees_edit(&card, "was cancelled by alice").await;
    assert_eq!(sent(&root, "r3"), 0, "his own deed, and alice's on what he was not shown:\n{}", root.transcript());
}

#[tokio::test]
async fn notices_wait_while_the_bot_is_away_and_come_once() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    app.stop().await;
    app.desk.submit("r1", CSV).await;
    let gone = app.desk.submit("r2", "name,os,memory,disk\nweb-2,debian:12,512,2\n").await;
    app.desk.vmm.reject_request(&app.desk.admin, &gone.id, "no room").await.unwrap();
    for _ in 0..3 {
        app.start();
        alice.says("/help");
        alice.sees("You are alice").await;
        app.all_told().await;
        app.stop().await;
    }
    app.start();
    root.sees("r1 waits for an admin").await;
    alice.says("/help");
    alice.sees("You are alice").await;
    assert_eq!((sent(&root, "r1 waits"), sent(&root, "r2")), (1, 0), "{}", root.transcript());
    assert_eq!((sent(&alice, "r1"), sent(&alice, "r2 was rejected")), (0, 1), "{}", alice.transcript());
}

#[tokio::test]
async fn what_is_over_by_the_time_it_is_told_is_told_as_that() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    app.stop().await;
    app.desk.provision("r1", CSV).await;
    app.start();
    alice.sees_document("r1-result.csv").await;
    assert_eq!(
        (sent(&alice, "r1"), sent(&alice, "r1 is done"), sent(&root, "r1")),
        (1, 1, 0),
        "{}",
        alice.transcript()
    );
}

#[tokio::test]
async fn progress_goes_on_in_one_message_after_a_restart() {
    let mut app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    let request = app.desk.submit("r1", CSV).await;
    app.desk.hypervisor.set_addresses(request.plan.vms[0].uuid, Vec::new());
    app.desk.approve(&request).await;
    let progress = alice.sees("0 of 1 machine is ready").await;
    let waiting = alice.sees_edit(&progress, "wait for address").await;
    assert!(waiting.part("pre").unwrap().starts_with("web-1  ▓▓▓▓▓░░  wait for address"), "{}", waiting.text);
    app.stop().await;
    app.start();
    alice.says("/help");
    alice.sees("You are alice").await;
    app.desk.let_be_reached(&request);
    alice.sees_edit(&progress, "r1 is done").await;
    alice.sees("r1 is done").await;
    assert_eq!(sent(&alice, "machine is ready"), 1, "{}", alice.transcript());
    let edits = alice.transcript().matches("wait for address").count();
    assert_eq!(edits, 1, "what is the same is not sent again:\n{}", alice.transcript());
}

#[tokio::test]
async fn who_is_not_linked_or_was_disabled_hears_nothing() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    root.says("/unlink");
    root.sees("is no longer linked to an account").await;
    let request = app.desk.submit("r1", CSV).await;
    app.desk.vmm.reject_request(&app.desk.admin, &request.id, "no room").await.unwrap();
    alice.sees("r1 was rejected").await;
    let unread = root.unread();
    assert!(!unread.iter().any(|event| matches!(event, Event::Sent(_) | Event::Edited(_))), "{unread:?}");
}
