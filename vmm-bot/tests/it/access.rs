//! Who may do what: every command × every kind of person and place.

use std::collections::BTreeSet;

use vmm_core::UserUpdate;
use vmm_core::model::Role;
use vmm_core::{Actor, UserDraft};
use vmm_testkit::fake::telegram::Person;
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::App;

const STRANGER: &str = "I do not know you";
const BAD_CODE: &str = "This code is not good";
const PRIVATE: &str = "Not here";
/// No answer at all.
const SILENCE: &str = "";

/// What is said, and the answer to: somebody who is bound to nobody or to a disabled account, a user and an admin, each
/// in private; then a stranger and a user in a group.
const ROWS: &[(&str, [&str; 5])] = &[
    ("/start", [STRANGER, "You are alice", "You are root", SILENCE, "You are alice"]),
    ("/start bad-code", [BAD_CODE, BAD_CODE, BAD_CODE, PRIVATE, PRIVATE]),
    ("/help", [STRANGER, "You are alice", "As an admin", SILENCE, "You are alice"]),
    ("/cancel", [STRANGER, "Never mind", "Never mind", SILENCE, "Never mind"]),
    ("/vms", [STRANGER, "web-1", "web-1", SILENCE, "web-1"]),
    ("/vm web-1", [STRANGER, "web-1 is on", "web-1 is on", SILENCE, "web-1 is on"]),
    ("/monitor web-1", [STRANGER, "web-1 is running", "web-1 is running", SILENCE, "web-1 is running"]),
    ("/request", [STRANGER, "Your open requests", "Your open requests", PRIVATE, PRIVATE]),
    ("/request r1", [STRANGER, "r1 is done", "r1 is done", PRIVATE, PRIVATE]),
    ("/requests", [STRANGER, "Your open requests", "Open requests", PRIVATE, PRIVATE]),
    ("/scripts", [STRANGER, "no scripts", "no scripts", SILENCE, "no scripts"]),
    ("/runs", [STRANGER, "no runs", "no runs", SILENCE, "no runs"]),
    ("/run backup", [STRANGER, "backup", "backup", PRIVATE, PRIVATE]),
    ("/script backup", [STRANGER, "its caption", "its caption", PRIVATE, PRIVATE]),
    ("/password", [STRANGER, "Your present password?", "Your present password?", PRIVATE, PRIVATE]),
    ("/ssh web-1 uptime", [STRANGER, "As which user", "As which user", PRIVATE, PRIVATE]),
    ("/get web-1 /etc/hosts", [STRANGER, "As which user", "As which user", PRIVATE, PRIVATE]),
    ("/put web-1 /tmp", [STRANGER, "Which file?", "Which file?", PRIVATE, PRIVATE]),
    ("/forget", [STRANGER, "no login", "no login", PRIVATE, PRIVATE]),
    ("/unlink", [STRANGER, "speaks for nobody", "speaks for nobody", PRIVATE, PRIVATE]),
];

#[tokio::test]
async fn every_command_answers_whom_it_may_and_nobody_else() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    for (said, answers) in ROWS {
        let stranger = app.telegram.person("Mallory");
        let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
        let disabled = disabled(&app, said).await;
        let group = app.telegram.group("ops");
        // In the group the stranger comes first: what alice gets then shows that the stranger got nothing.
        let (public_stranger, public_alice) = (group.seat(&stranger), group.seat(&alice));
        let [to_stranger, to_alice, to_root, to_public_stranger, to_public_alice] = *answers;
        for (person, answer) in [(&public_stranger, to_public_stranger), (&public_alice, to_public_alice)] {
            person.says(said);
            if answer != SILENCE {
                public_alice.sees(answer).await;
            }
        }
        let heard = [to_public_stranger, to_public_alice].iter().filter(|answer| **answer != SILENCE).count();
        assert_eq!(public_alice.messages().len(), heard, "{said}\n{}", public_alice.transcript());
        for (person, answer) in
            [(&stranger, to_stranger), (&disabled, to_stranger), (&alice, to_alice), (&root, to_root)]
        {
            person.says(said);
            person.sees(answer).await;
        }
    }
}

#[tokio::test]
async fn every_command_of_the_menu_has_a_row() {
    let app = App::new().await;
    let scope = "{\"type\":\"default\"}";
    app.telegram.until("the menu is set", |telegram| !telegram.commands(scope).is_empty()).await;
    let menu: BTreeSet<_> = app.telegram.commands(scope).into_iter().map(|(name, _)| format!("/{name}")).collect();
    let rows: BTreeSet<_> = ROWS.iter().filter_map(|(said, _)| Some(said.split(' ').next()?.to_owned())).collect();
    assert!(menu.is_subset(&rows), "{menu:?} {rows:?}");
}

/// A person who is bound to an account that was disabled since.
async fn disabled(app: &App, said: &str) -> Person {
    let name: String = said.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = sample::user_name(&format!("disabled-{name}"));
    let draft = UserDraft { name: name.clone(), password: PASSWORD.into(), chat_id: None, role: Role::User };
    let actor = Actor::from(&app.desk.vmm.create_user(&app.desk.admin, draft).await.unwrap());
    let person = app.linked("Eve", &actor).await;
    let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
    app.desk.vmm.update_user(&app.desk.admin, &name, update, None).await.unwrap();
    person
}
