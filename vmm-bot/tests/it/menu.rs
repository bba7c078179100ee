//! Menus by role and place, whatever happens to accounts and groups, while the bot runs or not.

use vmm_core::UserUpdate;
use vmm_core::model::{Role, UserName};
use vmm_testkit::fake::telegram::{Fault, Person};

use crate::app::App;
use crate::bot_group::allow;

fn names(person: &Person) -> Vec<String> {
    person.menu().into_iter().map(|(name, _)| name).collect()
}

/// Waits until a person has a command in the menu, or has it no more.
async fn has(app: &App, person: &Person, command: &str, wanted: bool) {
    let what = format!("/{command} is {wanted} in the menu");
    app.telegram.until(&what, |_| names(person).iter().any(|name| name == command) == wanted).await;
}

async fn update(app: &App, name: &str, update: UserUpdate) {
    let name = UserName::new(name).unwrap();
    app.desk.vmm.update_user(&app.desk.admin, &name, update, None).await.unwrap();
}

fn role(role: Role) -> UserUpdate {
    UserUpdate { role: Some(role), ..UserUpdate::default() }
}

fn disabled(disabled: bool) -> UserUpdate {
    UserUpdate { disabled: Some(disabled), ..UserUpdate::default() }
}

#[tokio::test]
async fn everybody_sees_what_they_can_do() {
    let app = App::new().await;
    let mallory = app.telegram.person("Mallory");
    has(&app, &mallory, "start", true).await;
    assert_eq!(names(&mallory), ["start", "help"]);
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    has(&app, &alice, "ssh", true).await;
    has(&app, &root, "requests", true).await;
    let (to_alice, to_root) = (names(&alice), names(&root));
    let more: Vec<_> = to_root.iter().filter(|name| !to_alice.contains(name)).map(String::as_str).collect();
    assert_eq!(more, ["definition", "reclaim", "requests", "jobs", "groups"]);
    assert!(to_alice.contains(&"unlink".to_owned()) && !to_alice.contains(&"allow".to_owned()), "{to_alice:?}");
    assert!(alice.menu().iter().all(|(_, description)| !description.is_empty()));

    let group = app.telegram.group("ops");
    let seat = group.seat(&alice);
    assert_eq!(names(&seat), ["vms", "vm", "monitor", "scripts", "runs", "cancel", "help"]);
    allow(&group, &root).await;
    has(&app, &seat, "ssh", true).await;
    let here = names(&seat);
    assert!(here.iter().all(|name| name != "password" && name != "forget" && name != "requests"), "{here:?}");
    group.seat(&root).says("/disallow");
    has(&app, &seat, "ssh", false).await;
    assert_eq!(names(&seat).len(), 7);
}

#[tokio::test]
async fn a_menu_follows_its_account() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    has(&app, &alice, "vms", true).await;
    update(&app, "alice", role(Role::Admin)).await;
    has(&app, &alice, "requests", true).await;
    update(&app, "alice", role(Role::User)).await;
    has(&app, &alice, "requests", false).await;
    update(&app, "alice", disabled(true)).await;
    has(&app, &alice, "vms", false).await;
    assert_eq!(names(&alice), ["start", "help"]);
    update(&app, "alice", disabled(false)).await;
    has(&app, &alice, "vms", true).await;
    let phone = app.linked("Alice's phone", &app.desk.user).await;
    has(&app, &phone, "vms", true).await;
    has(&app, &alice, "vms", false).await;
    phone.says("/unlink");
    has(&app, &phone, "vms", false).await;
    // Once all is told, nothing is told again.
    let told = app.telegram.call_count("setMyCommands") + app.telegram.call_count("deleteMyCommands");
    for _ in 0..3 {
        app.desk.vmm.bot_mail(app.bot()).audience().await.unwrap();
        phone.says("/vms");
        phone.sees("You are not linked to an account yet").await;
    }
    assert_eq!(app.telegram.call_count("setMyCommands") + app.telegram.call_count("deleteMyCommands"), told);
}

#[tokio::test]
async fn what_changed_while_the_bot_was_down_is_told_when_it_is_back() {
    let mut app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let group = app.telegram.group("ops");
    allow(&group, &root).await;
    let seat = group.seat(&alice);
    has(&app, &alice, "vms", true).await;
    has(&app, &seat, "ssh", true).await;
    app.all_told().await;
    app.stop().await;
    update(&app, "alice", disabled(true)).await;
    app.desk.vmm.disallow_group(&app.desk.admin, app.bot(), group.id()).await.unwrap();
    assert!(names(&alice).contains(&"vms".to_owned()), "nobody has told Telegram");
    app.start();
    has(&app, &alice, "vms", false).await;
    has(&app, &seat, "ssh", false).await;
}

#[tokio::test]
async fn a_call_that_was_not_seen_to_end_is_made_again() {
    let mut app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    has(&app, &alice, "vms", true).await;
    app.stop().await;
    // Telegram was told, and the process killed before it was recorded; then the account lost its chat.
    let mail = app.desk.vmm.bot_mail(app.bot());
    mail.begin_menu(alice.id()).await.unwrap();
    app.desk.vmm.unlink_chat(&app.desk.user, None).await.unwrap();
    app.start();
    has(&app, &alice, "vms", false).await;
    app.desk.until("it is recorded", async || mail.menus().await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn a_flood_is_waited_out_and_a_chat_that_is_unknown_holds_nobody_up() {
    let app = App::new().await;
    let mallory = app.telegram.person("Mallory");
    has(&app, &mallory, "start", true).await;
    for fault in
        [Fault::TooManyRequests { retry_after: 1 }, Fault::ServerError(502), Fault::CutAnswer, Fault::CutBefore]
    {
        app.telegram.fail_next("setMyCommands", fault);
    }
    // An admin has bound a chat that the bot never met.
    let never = app.telegram.person("Never");
    update(&app, "root", UserUpdate { chat_id: Some(Some(never.id())), ..UserUpdate::default() }).await;
    let alice = app.linked("Alice", &app.desk.user).await;
    has(&app, &alice, "vms", true).await;
    assert_eq!(app.telegram.impatient_calls(), 0);
    assert_eq!(names(&never), ["start", "help"]);
    let refused = app
        .telegram
        .calls("setMyCommands")
        .into_iter()
        .filter(|call| call.refused.as_ref().is_some_and(|reason| reason.contains("chat not found")));
    assert_eq!(refused.count(), 1, "it is not asked for all the time");
}
