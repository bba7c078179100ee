//! No secret that somebody tells the bot stands in the database or its write-ahead log, at any moment.

use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fixture::PASSWORD;

use crate::app::{App, gives_user, sees_become};
use crate::ssh::{SECRET, Scene};

/// Returns which of these texts are in the database file or in its write-ahead log on the disk.
fn found(app: &App, canaries: &[&str]) -> Vec<String> {
    let path = app.desk.database();
    let mut found = Vec::new();
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
        let holds = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found.extend(canaries.iter().filter(holds).map(|canary| format!("{canary} in vmm.db{suffix}")));
    }
    found
}

#[tokio::test]
async fn no_canary_that_is_told_to_the_bot_is_in_the_records_or_their_log() {
    let scene = Scene::new().await;
    let Scene { app, alice, web_1 } = &scene;
    let new = "canary-new-password";
    let code = app.code(&app.desk.admin).await;
    let canaries = [
        PASSWORD,
        "canary-wrong-password",
        new,
        SECRET,
        "canary-wrong-login",
        "canary-command",
        "canary-output",
        "canary-said",
        &code,
    ];
    app.desk.remote.answer(*web_1, "echo canary-command", Answer::stdout("canary-output\n"));

    alice.says("canary-said");
    alice.sees("I do not understand").await;
    for old in ["canary-wrong-password", PASSWORD] {
        alice.says("/password");
        alice.sees("What is your present password?").await;
        alice.tells(old).await;
        alice.sees("What is the new password?").await;
        alice.tells(new).await;
        alice.sees(if old == PASSWORD { "Your password is changed" } else { "old-password" }).await;
    }
    alice.says("/ssh web-1 echo canary-command");
    gives_user(alice, "nobody").await;
    alice.tells("canary-wrong-login").await;
    sees_become(alice, "web-1  ", "refused").await;
    alice.says("/ssh web-1 echo canary-command");
    gives_user(alice, "debian").await;
    alice.tells(SECRET).await;
    sees_become(alice, "web-1  ", "Exit code 0 after").await;
    let root = app.telegram.person("Root");
    root.says(&format!("/start {code}"));
    root.sees("Welcome").await;
    assert_eq!(found(app, &canaries), [""; 0]);
}
