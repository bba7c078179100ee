//! Scripts on many machines.

use std::net::SocketAddr;

use vmm_testkit::fake::remote::Answer;
use vmm_testkit::fake::telegram::{Message, Person};

use super::{Chat, settled, shows};
use crate::app::{App, gives_login, sees_become};
use crate::ssh::SECRET;

#[tokio::test]
async fn the_manual_shows_scripts() {
    let app = App::new().await;
    let vms = app.desk.provision("r1", "name,os,memory,disk,group_name,count\nweb,debian:12,512,2,shop,3\n").await;
    let answers = |at: usize, answer: Answer| {
        app.desk.remote.answer(SocketAddr::new(vms[at].ip.unwrap(), 22), "backup.sh", answer);
    };
    answers(0, Answer::stdout("saved\n"));
    answers(1, Answer::code(3).with_stderr("no space\n"));
    answers(2, Answer::hangs());
    let (alice, root) = (app.linked("Alice", &app.desk.user).await, app.linked("Root", &app.desk.admin).await);
    let (mut of_alice, mut of_root) = (Chat::new(&alice), Chat::new(&root));
    alice.uploads("backup.sh", b"tar -c /srv | ssh store\n", "/script \"nightly backup\" sh @shop");
    alice.sees("nightly backup of alice").await;
    alice.says("/run \"nightly backup\"");
    gives_login(&alice, "debian", SECRET).await;
    let live = two_have_ended(&alice).await;
    alice.presses(&live, "Cancel").answer().await;
    let ended = alice.sees_edit(&live, "cancelled, 3 of 3 ended").await;
    alice.sees("== web-1").await;
    let saved: String = (1..=200).map(|number| format!("saved /srv/{number}\n")).collect();
    answers(1, Answer::stdout(saved));
    alice.presses(&ended, "Rerun failed").answer().await;
    sees_become(&alice, "nightly backup", "done, 1 of 1 ended").await;
    alice.sees_document("run-2.txt").await;
    alice.says("/runs");
    alice.sees("Runs").await;
    shows("## Scripts on many machines", &settled(&of_alice.said()).replace(SECRET, "THE PASSWORD"));

    root.says("/scripts");
    let list = root.sees("Scripts").await;
    root.presses(&list, "nightly backup").answer().await;
    let card = root.sees_edit(&list, "nightly backup of alice").await;
    root.presses(&card, "Delete").answer().await;
    let question = root.sees_edit(&card, "Delete nightly backup?").await;
    root.presses(&question, "Yes, delete").answer().await;
    root.sees_edit(&question, "was deleted").await;
    shows("To delete a script, an admin opens its card:", &of_root.said());
}

/// Waits until the table of a run has all that comes to an end by itself.
async fn two_have_ended(person: &Person) -> Message {
    let mut live = person.sees("nightly backup").await;
    while !["2 of 3 ended", "ok", "exit 3", "running"].iter().all(|words| live.text.contains(words)) {
        live = person.sees_edit(&live, "").await;
    }
    live
}
