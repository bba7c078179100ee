//! Whose chat it is, and what they can say.

use super::{Chat, shows};
use crate::app::App;

#[tokio::test]
async fn the_manual_shows_how_a_chat_is_linked() {
    let app = App::new().await;
    let alice = app.telegram.person("Alice");
    alice.says("/vms");
    alice.sees("You are not linked to an account yet").await;
    let code = app.code(&app.desk.user).await;
    alice.says(&format!("/start {code}"));
    alice.sees("Welcome").await;
    alice.says("/unlink");
    alice.sees("is no longer linked to an account").await;
    shows("## A chat for an account", &alice.transcript().replace(&code, "CODE"));
}

#[tokio::test]
async fn the_manual_shows_the_help_of_each_role() {
    let app = App::new().await;
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (mut of_alice, mut of_root) = (Chat::new(&alice), Chat::new(&root));
    for person in [&alice, &root] {
        person.says("/help");
        person.sees("You are").await;
    }
    let (to_all, to_admins) = (of_alice.said(), of_root.said());
    shows("## Commands", &to_all);
    shows("Admins also have these commands:", &without(&to_admins, &to_all));
}

/// The same, with `…` for what stands in another text too.
fn without(said: &str, other: &str) -> String {
    let mut lines: Vec<_> =
        said.lines().map(|line| if other.lines().any(|known| known == line) { "…" } else { line }).collect();
    lines.dedup();
    lines.join("\n") + "\n"
}
