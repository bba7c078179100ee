//! The rights of people: every command × every kind of person and place.

use std::collections::BTreeSet;

use vmm_core::UserUpdate;
use vmm_core::model::Role;
use vmm_core::{Actor, UserDraft};
use vmm_testkit::fake::telegram::{Group, Person};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::App;
use crate::bot_group::allow;

const STRANGER: &str = "You are not linked to an account yet";
const BAD_CODE: &str = "This code is not valid";
const PRIVATE: &str = "Others can read this chat";
const ON: &str = "web-1 is on";
const RUNNING: &str = "web-1 is running";
const NO_TAG: &str = "there is no tag to restore";
const DEFINED: &str = "Nobody has changed the definition of web-1";
const OWN: &str = "You have no open requests";
/// The answer to `/put` without a file.
const PUT: &str = "Send the file as a document";
const NO_JOBS: &str = "No job is stuck";
const AS_WHOM: &str = "As which user";
/// The answer to `/forget` of somebody who has given no login.
const FORGOT: &str = "I do not remember any login of yours";
const NO_LOGIN: &str = "I ask for logins only in private";
const ABOUT: &str = "in the group that you mean";
/// No answer at all.
const SILENCE: &str = "";

/// Each command with its answers to: somebody who is linked to no account or to a disabled one, a user and an admin,
/// each in private; a stranger and a user in a group; a user and an admin in an allowed group. A stranger in an allowed
/// group gets an answer only to a code: that codes are for a private chat.
const ROWS: &[(&str, [&str; 7])] = &[
    ("/start", [STRANGER, "You are alice", "You are root", SILENCE, "You are alice", "You are alice", "You are root"]),
    ("/start bad-code", [BAD_CODE, BAD_CODE, BAD_CODE, PRIVATE, PRIVATE, PRIVATE, PRIVATE]),
    ("/help", [STRANGER, "You are alice", "As an admin", SILENCE, "You are alice", "/ssh NAME", "As an admin"]),
    (
        "/cancel",
        [
            STRANGER,
            "no question is open",
            "no question is open",
            SILENCE,
            "no question is open",
            "no question is open",
            "no question is open",
        ],
    ),
    ("/vms", [STRANGER, "web-1", "web-1", SILENCE, "web-1", "web-1", "web-1"]),
    ("/vm web-1", [STRANGER, ON, ON, SILENCE, ON, ON, ON]),
    ("/monitor web-1", [STRANGER, RUNNING, RUNNING, SILENCE, RUNNING, RUNNING, RUNNING]),
    ("/definition web-1", [STRANGER, DEFINED, DEFINED, PRIVATE, PRIVATE, DEFINED, DEFINED]),
    ("/reclaim web-1", [STRANGER, "alice may not", NO_TAG, PRIVATE, PRIVATE, "alice may not", NO_TAG]),
    ("/request", [STRANGER, OWN, OWN, PRIVATE, PRIVATE, OWN, OWN]),
    ("/request r1", [STRANGER, "r1 is done", "r1 is done", PRIVATE, PRIVATE, "r1 is done", "r1 is done"]),
    ("/requests", [STRANGER, OWN, "There are no open requests", PRIVATE, PRIVATE, OWN, "There are no open requests"]),
    ("/jobs", [STRANGER, NO_JOBS, NO_JOBS, PRIVATE, PRIVATE, NO_JOBS, NO_JOBS]),
    ("/scripts", [STRANGER, "no scripts", "no scripts", SILENCE, "no scripts", "no scripts", "no scripts"]),
    ("/runs", [STRANGER, "no runs", "no runs", SILENCE, "no runs", "no runs", "no runs"]),
    ("/run backup", [STRANGER, "backup", "backup", PRIVATE, PRIVATE, "backup", "backup"]),
    ("/script backup", [STRANGER, "its caption", "its caption", PRIVATE, PRIVATE, "its caption", "its caption"]),
    (
        "/password",
        [
            STRANGER,
            "What is your present password?",
            "What is your present password?",
            PRIVATE,
            PRIVATE,
            PRIVATE,
            PRIVATE,
        ],
    ),
    ("/ssh web-1 uptime", [STRANGER, AS_WHOM, AS_WHOM, PRIVATE, PRIVATE, NO_LOGIN, NO_LOGIN]),
    ("/get web-1 /etc/hosts", [STRANGER, AS_WHOM, AS_WHOM, PRIVATE, PRIVATE, NO_LOGIN, NO_LOGIN]),
    ("/put web-1 /tmp", [STRANGER, PUT, PUT, PRIVATE, PRIVATE, PUT, PUT]),
    ("/forget", [STRANGER, FORGOT, FORGOT, PRIVATE, PRIVATE, PRIVATE, PRIVATE]),
    ("/allow", [STRANGER, ABOUT, ABOUT, SILENCE, "alice may not", "alice may not", "root has allowed this group"]),
    (
        "/disallow",
        [STRANGER, ABOUT, ABOUT, SILENCE, "alice may not", "alice may not", "this group is no longer allowed"],
    ),
    ("/groups", [STRANGER, "alice may not", "Allowed groups", PRIVATE, PRIVATE, PRIVATE, PRIVATE]),
    (
        "/revoke",
        [
            STRANGER,
            "still has the link to this chat",
            "still has the link to this chat",
            PRIVATE,
            PRIVATE,
            PRIVATE,
            PRIVATE,
        ],
    ),
    (
        "/unlink",
        [
            STRANGER,
            "is no longer linked to an account",
            "is no longer linked to an account",
            PRIVATE,
            PRIVATE,
            PRIVATE,
            PRIVATE,
        ],
    ),
];

#[tokio::test]
async fn every_command_answers_whom_it_may_and_nobody_else() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    for (said, answers) in ROWS {
        let stranger = app.telegram.person("Mallory");
        let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
        let disabled = disabled(&app, said).await;
        let [to_stranger, to_alice, to_root, to_public_stranger, to_public_alice, to_allowed_alice, to_allowed_root] =
            *answers;
        let (group, allowed) = (app.telegram.group("talk"), app.telegram.group("ops"));
        hears(&group, said, &[(&stranger, to_public_stranger), (&alice, to_public_alice)]).await;
        allow(&allowed, &root).await;
        let unknown = if said.starts_with("/start ") || to_allowed_alice == PRIVATE { PRIVATE } else { SILENCE };
        let people = [(&stranger, unknown), (&disabled, unknown), (&alice, to_allowed_alice), (&root, to_allowed_root)];
        hears(&allowed, said, &people).await;
        for (person, answer) in
            [(&stranger, to_stranger), (&disabled, to_stranger), (&alice, to_alice), (&root, to_root)]
        {
            person.says(said);
            person.sees(answer).await;
        }
    }
}

/// Lets people say this in a group, one after the other. Who comes last gets an answer, which shows that nobody before
/// got more than theirs.
async fn hears(group: &Group, said: &str, people: &[(&Person, &str)]) {
    let last = group.seat(people.last().expect("somebody").0);
    // The own requests come with a file to fill in.
    let answers = || last.messages().into_iter().filter(|message| !message.text.contains("Fill in a row")).count();
    let before = answers();
    last.unread();
    for (person, answer) in people {
        group.seat(person).says(said);
        if *answer != SILENCE {
            last.sees(answer).await;
        }
    }
    let heard = people.iter().filter(|(_, answer)| *answer != SILENCE).count();
    assert_eq!(answers(), before + heard, "{said}\n{}", last.transcript());
}

#[tokio::test]
async fn every_command_of_help_and_menus_has_a_row() {
    let app = App::new().await;
    let root = app.linked("Root", &app.desk.admin).await;
    let group = app.telegram.group("ops");
    allow(&group, &root).await;
    let seat = group.seat(&root);
    app.telegram.until("the menus are set", |_| root.menu().len() > 10 && seat.menu().len() > 10).await;
    let menus = root.menu().into_iter().chain(seat.menu()).map(|(name, _)| format!("/{name}"));
    let mut known: BTreeSet<_> = menus.collect();
    for person in [&root, &seat] {
        person.says("/help");
        let help = person.sees("You are root").await;
        let lines = help.text.lines().filter(|line| line.starts_with('/'));
        known.extend(lines.filter_map(|line| Some(line.split(' ').next()?.to_owned())));
    }
    let rows: BTreeSet<_> = ROWS.iter().filter_map(|(said, _)| Some(said.split(' ').next()?.to_owned())).collect();
    assert_eq!(known.union(&["/start".to_owned()].into()).cloned().collect::<BTreeSet<_>>(), rows);
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
