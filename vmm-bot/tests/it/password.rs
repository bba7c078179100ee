//! Changing the own password in a private chat.

use std::time::Duration;

use vmm_core::Error;
use vmm_testkit::fake::telegram::Person;
use vmm_testkit::fixture::PASSWORD;

use crate::app::App;

const NEW: &str = "a new <and> better one";

/// Asks for a change of the password, and tells what is asked for.
async fn changes(person: &Person, old: &str, new: &str) {
    person.says("/password");
    person.sees("What is your present password?").await;
    person.tells(old).await;
    person.sees("What is the new password?").await;
    person.tells(new).await;
}

#[tokio::test]
async fn a_password_is_changed_and_leaves_no_trace() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    changes(&alice, PASSWORD, NEW).await;
    alice.sees("Your password is changed").await;
    app.desk.vmm.login("alice", NEW.into(), None, None).await.unwrap();
    let refused = app.desk.vmm.login("alice", PASSWORD.into(), None, None).await;
    assert!(matches!(refused, Err(Error::Unauthenticated)), "{refused:?}");
    alice.says("/vms");
    alice.sees("no machines").await;
    for message in alice.messages() {
        assert!(!message.text.contains(NEW) && !message.text.contains(PASSWORD), "{}", message.text);
    }
    assert_eq!(app.audit("user.password").await.len(), 1);
    for suffix in ["", "-wal"] {
        let file = std::fs::read(format!("{}{suffix}", app.desk.database().display())).unwrap_or_default();
        for secret in [NEW, PASSWORD] {
            let found = file.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret:?} is in vmm.db{suffix}");
        }
    }
}

#[tokio::test]
async fn a_wrong_or_short_password_changes_nothing() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    for (old, new, answer) in [("/wrong one", NEW, "old-password"), (PASSWORD, "short", "10 to 1024 characters")] {
        changes(&alice, old, new).await;
        alice.sees(answer).await;
    }
    app.desk.vmm.login("alice", PASSWORD.into(), None, None).await.unwrap();
}

#[tokio::test]
async fn a_command_leaves_it_and_a_restart_or_time_forgets_it() {
    let mut app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.says("/password");
    alice.sees("What is your present password?").await;
    alice.says("/vms");
    alice.sees("no machines").await;
    alice.says(PASSWORD);
    alice.sees("do not understand").await;
    alice.says("/password");
    alice.sees("What is your present password?").await;
    alice.says(PASSWORD);
    alice.sees("What is the new password?").await;
    app.stop().await;
    app.start();
    alice.tells(NEW).await;
    alice.sees("Send /password to start again").await;
    alice.says("/password");
    alice.sees("What is your present password?").await;
    app.ages_questions(Duration::from_secs(3600));
    alice.tells(PASSWORD).await;
    alice.sees("too late").await;
    app.desk.vmm.login("alice", PASSWORD.into(), None, None).await.unwrap();
}

#[tokio::test]
async fn the_manual_shows_a_new_password() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    let before = alice.transcript();
    changes(&alice, PASSWORD, NEW).await;
    alice.sees("Your password is changed").await;
    let said = alice.transcript();
    let said = said.strip_prefix(&before).unwrap().replace(PASSWORD, "OLD PASSWORD").replace(NEW, "NEW PASSWORD");
    crate::manual::shows("## Your password", &said);
}
