//! Tests of the commands about machines.

use vmm_core::host::{DomainState, Hypervisor};
use vmm_core::model::Role;
use vmm_core::{Actor, UserDraft};
use vmm_testkit::fake::telegram::Event;
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::{App, SPEC};

#[tokio::test]
async fn somebody_links_lists_shows_switches_and_unlinks() {
    let app = App::new().await;
    app.desk.provision("r1", SPEC).await;
    let alice = app.telegram.person("Alice");
    alice.says("/vms");
    alice.sees("You are not linked to an account yet").await;
    alice.says("/start wrong-code");
    alice.sees("not valid").await;
    alice.says(&format!("/start {}", app.code(&app.desk.user).await));
    alice.sees("Welcome, alice").await;
    alice.says("/help");
    let help = alice.sees("You are alice").await;
    assert!(help.text.contains("/vms") && !help.text.contains("As an admin"), "{}", help.text);

    alice.says("/vms");
    let list = alice.sees("page 1").await;
    assert!(list.text.contains("web-10") && !list.text.contains("web-11"), "{}", list.text);
    alice.presses(&list, "More »").answer().await;
    let list = alice.sees_edit(&list, "page 2").await;
    assert!(list.text.contains("web-11") && list.button("More »").is_none(), "{}", list.text);
    alice.presses(&list, "« Back").answer().await;
    let list = alice.sees_edit(&list, "page 1").await;
    assert!(list.button("« Back").is_none());
    alice.presses(&list, "web-3").answer().await;
    let card = alice.sees_edit(&list, "web-3 is on").await;
    let labels = ["Shut down", "Reboot", "Power off", "Run a command", "Monitor", "Refresh", "All machines"];
    assert_eq!(card.labels(), labels);

    alice.presses(&card, "Power off").answer().await;
    let question = alice.sees_edit(&card, "Power off web-3?").await;
    assert_eq!(question.labels(), ["Yes, power off", "No"]);
    alice.presses(&question, "No").answer().await;
    let card = alice.sees_edit(&question, "web-3 is on").await;
    alice.presses(&card, "Power off").answer().await;
    let question = alice.sees_edit(&card, "Power off web-3?").await;
    assert!(app.audit("vm.power").await.is_empty());
    alice.presses(&question, "Yes, power off").answer().await;
    let done = alice.sees_edit(&question, "web-3 was powered off").await;
    assert_eq!(app.audit("vm.power").await.len(), 2, "begun and done, once");
    alice.presses(&done, "Show the machine").answer().await;
    assert_eq!(alice.sees_edit(&done, "web-3 is off").await.labels(), ["Start", "Monitor", "Refresh", "All machines"]);

    alice.says("/unlink");
    alice.sees("is no longer linked to an account").await;
    alice.says("/vms");
    alice.sees("You are not linked to an account yet").await;
}

#[tokio::test]
async fn the_policy_decides_who_switches_what() {
    let app = App::new().await;
    let vms = app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let draft =
        UserDraft { name: sample::user_name("bob"), password: PASSWORD.into(), chat_id: None, role: Role::User };
    let bob = Actor::from(&app.desk.vmm.create_user(&app.desk.admin, draft).await.unwrap());
    let (bob, root) = (app.linked("Bob", &bob).await, app.linked("Root", &app.desk.admin).await);
    for (person, expected) in [(&bob, "may not switch another person's machine"), (&root, "was powered off")] {
        person.says("/vm web-1");
        let card = person.sees("web-1 is on").await;
        person.presses(&card, "Power off");
        let question = person.sees_edit(&card, "Power off web-1?").await;
        person.presses(&question, "Yes, power off");
        person.sees_edit(&question, expected).await;
    }
    assert_eq!(app.desk.hypervisor.domains().by_id(vms[0].uuid).await.unwrap().unwrap().state, DomainState::Off);
    root.says("/help");
    assert!(root.sees("You are root").await.text.contains("admin"));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_else() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    for (said, answer) in [
        ("hello", "do not understand"),
        ("/launch", "do not understand"),
        ("/vm", "Which machine?"),
        ("/vm -rf", "name"),
        ("/vm <b>", "name"),
        ("/vm nowhere", "nowhere"),
        ("/vms all of them", "no words"),
        ("/vms", "no machines"),
    ] {
        alice.says(said);
        alice.sees(answer).await;
    }
    let unread = alice.unread();
    assert!(!unread.iter().any(|event| matches!(event, Event::Sent(_))), "one answer each: {unread:?}");
}

#[tokio::test]
async fn a_machine_is_shown_in_a_group_and_switched_in_private_alone() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let alice = app.linked("Alice", &app.desk.user).await;
    let group = app.telegram.group("ops");
    let (alice, stranger) = (group.seat(&alice), group.seat(&app.telegram.person("Mallory")));
    stranger.says("/vms");
    alice.says("just talking");
    alice.says("/vms@other_bot");
    alice.says(&format!("/unlink@{}", app.telegram.bot_name()));
    alice.sees("in private").await;
    alice.says(&format!("/start {}", app.code(&app.desk.admin).await));
    alice.sees("in private").await;
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    assert_eq!(card.labels(), ["Monitor", "Refresh", "All machines"]);
    let press = stranger.presses(&card, "All machines").answer().await;
    assert!(press.alert && press.text.contains("not linked to an account"), "{press:?}");
    alice.presses(&card, "All machines").answer().await;
    alice.sees_edit(&card, "Machines").await;
    assert_eq!(alice.messages().len(), 3, "{}", alice.transcript());
}
