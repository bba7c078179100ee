//! Groups: what an admin allows in them, who may then do what, and how it ends.

use std::net::SocketAddr;
use std::time::Duration;

use vmm_core::model::{BotGroup, Outcome, RequestState, Role, ScriptContent, ScriptName};
use vmm_core::{Actor, ScriptDraft, UserDraft, UserUpdate};
use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::telegram::{Disguise, Event, Group, Person};
use vmm_testkit::fixture::PASSWORD;
use vmm_testkit::sample;

use crate::app::{App, sees_become};
use crate::request::newest;
use crate::ssh::{self, SECRET};

const CSV: &[u8] = b"name,os,memory,disk\ndb-1,debian:12,512,2\n";

/// A machine of alice's, the people, and a group that root has allowed.
struct Scene {
    app: App,
    alice: Person,
    root: Person,
    group: Group,
    web_1: SocketAddr,
}

impl Scene {
    async fn new() -> Self {
        let ssh::Scene { app, alice, web_1 } = ssh::Scene::new().await;
        let root = app.linked("Root", &app.desk.admin).await;
        let group = app.telegram.group("ops");
        allow(&group, &root).await;
        Self { app, alice, root, group, web_1 }
    }

    /// Lets the bot know alice's login on the machine.
    async fn gives_login(&self) {
        self.alice.says("/ssh web-1 uptime");
        self.alice.sees("As which user shall I sign in to web-1?").await;
        self.alice.says("debian");
        self.alice.sees("What is the password of debian on web-1?").await;
        self.alice.says(SECRET);
        sees_become(&self.alice, "web-1  ", "Exit code 0").await;
    }

    async fn groups(&self) -> Vec<BotGroup> {
        self.app.desk.vmm.groups(&self.app.desk.admin, Some(self.app.bot())).await.unwrap()
    }

    async fn until_disallowed(&self) {
        self.app.desk.until("the group is not allowed", async || self.groups().await.is_empty()).await;
    }

    /// Returns how often the machine was switched.
    async fn switched(&self) -> usize {
        let rows = self.app.audit("vm.power").await;
        rows.into_iter().filter(|row| row.outcome == Outcome::Done).count()
    }
}

/// Lets an admin allow a group.
pub(crate) async fn allow(group: &Group, admin: &Person) {
    let seat = group.seat(admin);
    seat.unread();
    seat.says("/allow");
    seat.sees("has allowed this group").await;
}

/// Returns the events in the chat until the bot has answered a further question of this person.
async fn meanwhile(person: &Person) -> Vec<Event> {
    person.says("/vm nowhere");
    person.sees("nowhere").await;
    let mut events = Vec::new();
    for message in person.messages() {
        events.push(Event::Sent(message));
    }
    events
}

async fn bob(app: &App) -> (Actor, Person) {
    let draft =
        UserDraft { name: sample::user_name("bob"), password: PASSWORD.into(), chat_id: None, role: Role::User };
    let actor = Actor::from(&app.desk.vmm.create_user(&app.desk.admin, draft).await.unwrap());
    let person = app.linked("Bob", &actor).await;
    (actor, person)
}

#[tokio::test]
async fn an_admin_allows_a_group_and_nobody_else_does() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let group = app.telegram.group("ops <team>");
    let (in_group, public_root) = (group.seat(&alice), group.seat(&root));
    let groups = async || app.desk.vmm.groups(&app.desk.admin, None).await.unwrap();
    // Nobody who is not an admin, and no admin who has not just said it.
    group.seat(&app.telegram.person("Mallory")).says("/allow");
    in_group.says("/allow");
    in_group.sees("alice may not allow groups").await;
    for disguise in Disguise::ALL {
        public_root.says_as(*disguise, "/allow");
    }
    root.says("/allow");
    root.sees("in the group that you mean").await;
    assert_eq!(meanwhile(&in_group).await.len(), 2, "{}", in_group.transcript());
    assert!(groups().await.is_empty());
    let denied: Vec<_> = app.audit("group.allow").await.into_iter().map(|row| (row.actor, row.outcome)).collect();
    assert_eq!(denied, [("alice".to_owned(), Outcome::Denied)]);

    public_root.says("/allow");
    let told = public_root.sees("root has allowed this group").await;
    assert!(told.text.contains("All members, also those who join later, can read what I answer"), "{}", told.text);
    let known = groups().await;
    let [BotGroup { bot, chat, title, allowed_by, .. }] = &known[..] else { panic!("{known:?}") };
    assert_eq!((*bot, *chat, title.as_str(), allowed_by.as_str()), (app.bot(), group.id(), "ops <team>", "root"));
    let row = app.audit("group.allow").await.remove(0);
    assert_eq!((row.actor.as_str(), row.outcome), ("root", Outcome::Done));
    assert!(row.target.contains(&group.id().to_string()) && row.target.contains("ops <team>"), "{}", row.target);

    // It ends in the same way: there, or by the list in private.
    in_group.says("/disallow");
    in_group.sees("alice may not disallow groups").await;
    alice.says("/groups");
    alice.sees("alice may not see allowed groups").await;
    for disguise in Disguise::ALL {
        public_root.says_as(*disguise, "/disallow");
    }
    public_root.says("/groups");
    public_root.sees("in private").await;
    assert_eq!(groups().await.len(), 1);
    public_root.says("/disallow");
    public_root.sees("Done: this group is no longer allowed").await;
    public_root.says("/disallow");
    public_root.sees("is not allowed").await;
    assert!(groups().await.is_empty());
    allow(&group, &root).await;
    root.says("/groups");
    let list = root.sees("Allowed groups").await;
    assert!(list.text.contains("ops <team>, by root"), "{}", list.text);
    root.presses(&list, "Disallow ops <team>").answer().await;
    root.sees_edit(&list, "No group is allowed").await;
    assert!(groups().await.is_empty());
}

#[tokio::test]
async fn in_an_allowed_group_everybody_does_what_they_may_and_presses_what_is_theirs() {
    let scene = Scene::new().await;
    let (alice, root) = (scene.group.seat(&scene.alice), scene.group.seat(&scene.root));
    let mallory = scene.group.seat(&scene.app.telegram.person("Mallory"));
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    assert!(card.button("Power off").is_some() && card.button("Run a command").is_some(), "{:?}", card.labels());
    for (person, word) in [(&root, "somebody else"), (&mallory, "not linked to an account")] {
        let answer = person.presses(&card, "Power off").answer().await;
        assert!(answer.alert && answer.text.contains(word), "{answer:?}");
    }
    alice.presses(&card, "Power off").answer().await;
    let question = alice.sees_edit(&card, "Power off web-1?").await;
    for (person, word) in [(&root, "somebody else"), (&mallory, "not linked to an account")] {
        let answer = person.presses(&question, "Yes, power off").answer().await;
        assert!(answer.alert && answer.text.contains(word), "{answer:?}");
    }
    assert_eq!(scene.switched().await, 0);
    alice.presses(&question, "Yes, power off").answer().await;
    alice.sees_edit(&question, "was powered off").await;
    assert_eq!(scene.switched().await, 1);

    // What is said by nobody, or by nobody who is known, is nothing here either.
    let before = alice.messages().len();
    for said in ["/vms", "/ssh web-1 uptime", "/requests", "/run backup", "/disallow"] {
        mallory.says(said);
        for disguise in Disguise::ALL {
            alice.says_as(*disguise, said);
        }
    }
    mallory.uploads("machines.csv", CSV, "/script backup");
    assert_eq!(meanwhile(&alice).await.len(), before + 1, "{}", alice.transcript());
    let (actor, bob) = bob(&scene.app).await;
    let bob = scene.group.seat(&bob);
    bob.says("/vm web-1");
    let card = bob.sees("web-1 is off").await;
    bob.presses(&card, "Start").answer().await;
    let question = bob.sees_edit(&card, "Start web-1?").await;
    bob.presses(&question, "Yes, start").answer().await;
    bob.sees_edit(&question, "bob may not switch another person's machine").await;
    bob.says("/vm web-1");
    let card = bob.sees("web-1 is off").await;
    let name = match &actor {
        Actor::User { name, .. } => name.clone(),
        other => panic!("{other}"),
    };
    let update = UserUpdate { disabled: Some(true), ..UserUpdate::default() };
    scene.app.desk.vmm.update_user(&scene.app.desk.admin, &name, update, None).await.unwrap();
    let answer = bob.presses(&card, "Refresh").answer().await;
    assert!(answer.alert && answer.text.contains("not linked to an account"), "{answer:?}");
    let before = alice.messages().len();
    bob.says("/vms");
    assert_eq!(meanwhile(&alice).await.len(), before + 1, "{}", alice.transcript());
    assert_eq!(scene.switched().await, 1);
}

#[tokio::test]
async fn a_login_is_never_asked_for_in_a_group_and_used_there_once_it_is_known() {
    let scene = Scene::new().await;
    let alice = scene.group.seat(&scene.alice);
    alice.uploads("backup.sh", b"echo well\n", "/script backup sh web-1");
    alice.sees("backup of alice").await;
    for said in ["/ssh web-1 uptime", "/get web-1 /etc/hosts", "/run backup"] {
        alice.says(said);
        let told = alice.sees("I ask for logins only in private").await;
        // Nothing is asked: what is said then is said to nobody.
        let before = alice.messages().len();
        alice.replies(&told, "debian");
        assert_eq!(meanwhile(&alice).await.len(), before + 1, "{said}\n{}", alice.transcript());
    }
    for said in ["/password", "/forget", "/unlink", "/start some-code"] {
        alice.says(said);
        alice.sees("Others can read this chat").await;
    }
    scene.gives_login().await;
    alice.says("/ssh web-1 uptime");
    let done = sees_become(&alice, "web-1  uptime", "Exit code 0").await;
    assert_eq!(done.part("pre"), Some("up 3 days"), "{}", done.text);
    // One that is stored with a script is taken too.
    let script = ScriptDraft {
        name: ScriptName::new("stored").unwrap(),
        file: "backup.sh".parse().unwrap(),
        command: Some("sh".parse().unwrap()),
        content: Some(ScriptContent::new("echo well\n").unwrap()),
        targets: vec!["web-1".parse().unwrap()],
        user: Some("debian".to_owned()),
        password: Some(SECRET.into()),
    };
    scene.app.desk.vmm.create_script(&scene.app.desk.user, script).await.unwrap();
    scene.app.desk.remote.answer(scene.web_1, "backup.sh", Answer::stdout("all well\n"));
    alice.says("/run stored");
    sees_become(&alice, "stored", "1 of 1 ended").await;
    alice.sees("all well").await;
    // The login is alice's, also in the group.
    let root = scene.group.seat(&scene.root);
    root.says("/ssh web-1 uptime");
    root.sees("I ask for logins only in private").await;
    let answer = root.presses(&done, "Run it again").answer().await;
    assert!(answer.text.contains("somebody else"), "{answer:?}");
    assert!(!alice.transcript().contains("w0rd"));
}

#[tokio::test]
async fn a_question_in_a_group_is_answered_by_its_person_with_a_reply() {
    let scene = Scene::new().await;
    scene.gives_login().await;
    let (alice, root) = (scene.group.seat(&scene.alice), scene.group.seat(&scene.root));
    alice.says("/ssh web-1");
    let question = alice.sees("Which command is to run").await;
    assert!(question.text.contains("Answer by replying to this message."), "{}", question.text);
    let before = alice.messages().len();
    // Talk, talk to others, another person's answer, and answers that are none.
    alice.says("uptime");
    root.replies(&question, "uptime");
    for disguise in Disguise::ALL {
        alice.says_as(*disguise, "uptime");
    }
    assert_eq!(root.messages().len(), before);
    alice.replies(&question, "uptime");
    sees_become(&alice, "web-1  uptime", "Exit code 0").await;
    assert_eq!(scene.app.audit("vm.ssh").await.len(), 4, "in private and here, each begun and done");

    // Disallowed between question and answer.
    alice.says("/ssh web-1");
    let question = alice.sees("Which command is to run").await;
    root.says("/disallow");
    root.sees("Done: this group is no longer allowed").await;
    let before = alice.messages().len();
    alice.replies(&question, "uptime");
    assert_eq!(meanwhile(&alice).await.len(), before + 1, "{}", alice.transcript());
    // Allowed again, it is still no answer.
    root.says("/allow");
    root.sees("has allowed").await;
    alice.replies(&question, "uptime");
    assert_eq!(meanwhile(&alice).await.len(), before + 3, "{}", alice.transcript());
    assert_eq!(scene.app.audit("vm.ssh").await.len(), 4);
}

#[tokio::test]
async fn a_request_is_made_and_decided_in_an_allowed_group() {
    let scene = Scene::new().await;
    let (alice, root) = (scene.group.seat(&scene.alice), scene.group.seat(&scene.root));
    alice.says("/request");
    let asked = alice.sees("Fill in a row").await;
    assert!(asked.text.contains("as a reply to this message"), "{}", asked.text);
    let before = alice.messages().len();
    alice.uploads("machines.csv", CSV, "not for the bot");
    assert_eq!(meanwhile(&alice).await.len(), before + 1, "{}", alice.transcript());
    alice.replies_with(&asked, "machines.csv", CSV, "for the team");
    let preview = alice.sees("1 row is good in machines.csv").await;
    let answer = root.presses(&preview, "Submit").answer().await;
    assert!(answer.text.contains("somebody else"), "{answer:?}");
    alice.presses(&preview, "Submit").answer().await;
    alice.sees_edit(&preview, "waits for an admin").await;
    let id = newest(&scene.app).await.id;
    // What alice sees has no button to decide, and another's button is no use.
    root.says(&format!("/request {id}"));
    let card = root.sees("waits for an admin").await;
    for label in ["Approve", "Reject"] {
        let answer = alice.presses(&card, label).answer().await;
        assert!(answer.text.contains("somebody else"), "{answer:?}");
    }
    root.presses(&card, "Reject").answer().await;
    let why = root.sees("Why").await;
    alice.replies(&why, "no reason");
    root.replies(&why, "no room");
    root.sees("was rejected by root").await;
    let request = newest(&scene.app).await;
    assert_eq!((request.state, request.reason.as_deref()), (RequestState::Rejected, Some("no room")));
}

#[tokio::test]
async fn a_button_ends_with_what_its_group_is_allowed() {
    let scene = Scene::new().await;
    let (alice, root) = (scene.group.seat(&scene.alice), scene.group.seat(&scene.root));
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    alice.presses(&card, "Power off").answer().await;
    let question = alice.sees_edit(&card, "Power off web-1?").await;
    root.says("/disallow");
    root.sees("Done: this group is no longer allowed").await;
    for again in [false, true] {
        if again {
            root.says("/allow");
            root.sees("has allowed").await;
        }
        let answer = alice.presses(&question, "Yes, power off").answer().await;
        assert!(answer.alert && answer.text.contains("has expired"), "{again}: {answer:?}");
    }
    // A button that was stored by the time, or in another group, has the rights of its place at the press.
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    let other = scene.app.telegram.group("elsewhere");
    let data = card.button("Power off").unwrap().data.clone();
    let answer = other.seat(&scene.alice).presses_data(&card, &data).answer().await;
    assert_eq!(answer.text, "", "the message decides where a press is, and it is in the allowed group");
    alice.sees_edit(&card, "Power off web-1?").await;
    assert_eq!(scene.switched().await, 0);
}

#[tokio::test]
async fn what_still_runs_is_not_shown_in_a_group_that_is_not_allowed_any_more() {
    let scene = Scene::new().await;
    scene.gives_login().await;
    let (alice, root) = (scene.group.seat(&scene.alice), scene.group.seat(&scene.root));
    scene.app.desk.remote.answer(scene.web_1, "build", Answer::stdout("s3cret plan\n").taking(Duration::from_secs(1)));
    alice.says("/ssh web-1 build");
    let live = alice.sees("In progress.").await;
    root.says("/disallow");
    root.sees("Done: this group is no longer allowed").await;
    alice.sees_edit(&live, "is not shown").await;
    let after: Vec<_> =
        alice.transcript().split("Done: this group is no longer allowed").skip(1).map(str::to_owned).collect();
    assert!(!after.concat().contains("s3cret plan"), "{}", alice.transcript());
}

#[tokio::test]
async fn a_group_that_the_bot_leaves_or_that_becomes_another_has_no_rights() {
    let scene = Scene::new().await;
    let alice = scene.group.seat(&scene.alice);
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    scene.group.removes_bot();
    scene.until_disallowed().await;
    let row = scene.app.audit("group.disallow").await.remove(0);
    assert_eq!((row.actor.as_str(), row.outcome), ("vmm", Outcome::Done));
    assert!(row.detail.contains("the bot has left"), "{}", row.detail);
    scene.group.adds_bot();
    let answer = alice.presses(&card, "Power off").answer().await;
    assert!(answer.text.contains("has expired"), "{answer:?}");
    alice.says("/ssh web-1 uptime");
    alice.sees("Others can read this chat").await;
    assert_eq!(scene.app.audit("group.disallow").await.len(), 1, "nothing is recorded of a group that is not allowed");
    // That it left while nobody listened is learnt when it comes again.
    allow(&scene.group, &scene.root).await;
    scene.group.adds_bot();
    scene.until_disallowed().await;

    let old = scene.app.telegram.basic_group("team");
    allow(&old, &scene.root).await;
    let before = old.seat(&scene.alice);
    before.says("/vm web-1");
    let card = before.sees("web-1 is on").await;
    let new = old.migrates();
    let after = new.seat(&scene.alice);
    after.sees("has become a supergroup").await;
    assert!(scene.groups().await.is_empty());
    after.says("/ssh web-1 uptime");
    after.sees("Others can read this chat").await;
    let answer = before.presses(&card, "Power off").answer().await;
    assert!(answer.text.contains("has expired"), "{answer:?}");
    assert_eq!(scene.switched().await, 0);
    allow(&new, &scene.root).await;
    assert_eq!(scene.groups().await.len(), 1);
}

/// docs/BOT.md has what is said in this test; `UPDATE_BOT=1` writes it anew.
#[tokio::test]
async fn the_manual_shows_what_is_said_in_an_allowed_group() {
    let app = App::new().await;
    app.desk.provision("r1", "name,os,memory,disk\nweb-1,debian:12,512,2\n").await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let group = app.telegram.group("ops");
    let (here, admin) = (group.seat(&alice), group.seat(&root));
    here.says("/ssh web-1");
    here.sees("Others can read this chat").await;
    admin.says("/allow");
    here.sees("root has allowed this group").await;
    here.says("/vm web-1");
    let card = here.sees("web-1 is on").await;
    here.presses(&card, "Reboot").answer().await;
    let question = here.sees_edit(&card, "Reboot web-1?").await;
    here.presses(&question, "Yes, reboot").answer().await;
    here.sees_edit(&question, "was asked to reboot").await;
    here.says("/ssh web-1 uptime");
    here.sees("I ask for logins only in private").await;
    admin.says("/disallow");
    here.sees("Done: this group is no longer allowed").await;
    crate::manual::shows("## A group that an admin allows", &here.transcript());
}
