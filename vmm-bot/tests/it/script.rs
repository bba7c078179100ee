//! Named scripts on many machines.

use std::net::SocketAddr;

use vmm_core::model::{RunFilter, Vm, VmFilter};
use vmm_core::remote::{Credential, Login};
use vmm_testkit::fake::remote::Answer;

use crate::app::{App, gives_login, sees_become};

const SPEC: &str = "name,os,memory,disk,group_name,count\nweb,debian:12,512,2,lab,2\n";
const PASSWORD: &str = "s3cret-of-the-machine";

async fn machines(app: &App) -> Vec<Vm> {
    app.desk.provision("r1", SPEC).await;
    app.desk.vmm.vms(&app.desk.admin, &VmFilter::default()).await.unwrap().items
}

fn answers(app: &App, vm: &Vm, answer: Answer) {
    app.desk.remote.answer(SocketAddr::new(vm.ip.unwrap(), 22), "backup.sh", answer);
}

#[tokio::test]
async fn a_script_is_kept_run_on_a_group_and_run_again_where_it_failed() {
    let app = App::new().await;
    let vms = machines(&app).await;
    // What steers a terminal, or turns the order of what is read around, is not shown.
    answers(&app, &vms[0], Answer::stdout("\x1b[32mall\x1b[0m <well>\n 10 %\r 99 %\rdone\u{202e}\n"));
    answers(&app, &vms[1], Answer::code(3).with_stderr("no space\n"));
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("backup.sh", b"echo well\n", "/script backup sh @lab");
    let card = alice.sees("backup of alice").await;
    assert!(card.text.contains("sh backup.sh, version 1, 10 bytes\nMachines: @lab"), "{}", card.text);
    assert_eq!(card.labels(), ["Run", "Delete"], "its owner and admins delete");

    alice.presses(&card, "Run").answer().await;
    gives_login(&alice, "debian", PASSWORD).await;
    let ended = sees_become(&alice, "backup", "2 of 2 ended").await;
    assert!(ended.text.contains("ok") && ended.text.contains("exit 3"), "{}", ended.text);
    let output = alice.sees("== web-1").await;
    assert_eq!(output.text, "== web-1\nall <well>\ndone\u{fffd}\n== web-2, standard error\nno space");

    answers(&app, &vms[1], Answer::stdout("better\n"));
    alice.presses(&ended, "Rerun failed").answer().await;
    let ended = sees_become(&alice, "backup", "1 of 1 ended").await;
    assert_eq!(ended.labels(), ["Keep for 1 h", "Keep for 8 h", "Forget the login"]);
    alice.sees("== web-2").await;
    alice.says("/runs");
    let runs = alice.sees("Runs").await;
    assert_eq!(runs.labels().len(), 2);
    alice.presses(&runs, runs.labels()[1]).answer().await;
    alice.sees_edit(&runs, "2 of 2 ended").await;
    assert!(!alice.messages().iter().any(|message| message.text.contains(PASSWORD)));
}

/// A login that was given once is not asked for again, unless it differs between the machines.
#[tokio::test]
async fn a_run_takes_a_login_that_is_known_on_all_of_its_machines() {
    let app = App::new().await;
    let vms = machines(&app).await;
    for vm in &vms {
        let address = SocketAddr::new(vm.ip.unwrap(), 22);
        let credential = Credential::Password(PASSWORD.into());
        app.desk.remote.accept_only(address, Login { user: "debian".to_owned(), credential });
        answers(&app, vm, Answer::stdout("well\n"));
        app.desk.remote.answer(address, "uptime", Answer::stdout("up\n"));
    }
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("backup.sh", b"echo well\n", "/script backup sh @lab");
    alice.sees("backup of alice").await;
    for vm in ["web-1", "web-2"] {
        alice.says("/run backup");
        let asked = alice.sees("As which user").await;
        assert!(asked.text.contains("The script will run on web-1, web-2."), "not known on all: {}", asked.text);
        alice.says(&format!("/ssh {vm} uptime"));
        gives_login(&alice, "debian", PASSWORD).await;
        sees_become(&alice, vm, "up").await;
    }
    alice.says("/run backup");
    let ended = sees_become(&alice, "backup", "2 of 2 ended").await;
    let told = alice.presses(&ended, "Keep for 8 h").answer().await;
    assert_eq!(told.text, "I remember your login on 2 machines for 8 h from now.");
    let told = alice.presses(&ended, "Forget the login").answer().await;
    assert_eq!(told.text, "I have forgotten your login on 2 machines.");
    let told = alice.presses(&ended, "Keep for 1 h").answer().await;
    assert_eq!(told.text, "I do not remember your login on 2 machines.");

    // One that a machine refuses is not kept.
    alice.says("/run backup");
    alice.sees("As which user").await;
    alice.says("two words");
    alice.sees("one word").await;
    alice.says("debian");
    alice.sees("What is the password of debian").await;
    alice.tells("/wrong one").await;
    let ended = sees_become(&alice, "backup", "2 of 2 ended").await;
    assert_eq!(ended.labels(), ["Rerun failed"]);
    alice.presses(&ended, "Rerun failed").answer().await;
    gives_login(&alice, "debian", PASSWORD).await;
    sees_become(&alice, "backup", "done, 2 of 2 ended").await;
    assert!(!alice.messages().iter().any(|message| message.text.contains(PASSWORD)));

    // A login is asked for only where something could run.
    alice.says("/run backup web-1 @nowhere");
    alice.sees("no machine is in group nowhere").await;
}

#[tokio::test]
async fn a_long_run_is_cancelled_and_the_chat_goes_on_meanwhile() {
    let app = App::new().await;
    for vm in machines(&app).await {
        answers(&app, &vm, Answer::hangs());
    }
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("backup.sh", b"sleep 600\n", "/script backup");
    alice.sees("I ask before each run").await;
    alice.says("/run backup");
    alice.sees("On which machines").await;
    alice.says("web-1, @lab");
    gives_login(&alice, "debian", PASSWORD).await;
    let live = sees_become(&alice, "backup", "running").await;
    alice.says("/vm web-1");
    alice.sees("web-1 is on").await;
    let answer = alice.presses(&live, "Cancel").answer().await;
    assert_eq!(answer.text, "Cancelling …");
    alice.sees_edit(&live, "cancelled").await;
}

#[tokio::test]
async fn a_repeated_run_that_a_stopped_bot_leaves_behind_is_told_and_not_run_again() {
    let mut app = App::new().await;
    let vms = machines(&app).await;
    vms.iter().for_each(|vm| answers(&app, vm, Answer::code(3)));
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("backup.sh", b"exit 3\n", "/script backup sh @lab");
    alice.sees("backup of alice").await;
    alice.says("/run backup");
    gives_login(&alice, "debian", PASSWORD).await;
    sees_become(&alice, "backup", "2 of 2 ended").await;
    vms.iter().for_each(|vm| answers(&app, vm, Answer::hangs()));
    for (known, told) in [(true, "repeating run 1"), (false, "the repetition of a run")] {
        alice.says("/runs");
        let runs = alice.sees("Runs").await;
        alice.presses(&runs, "Run 1").answer().await;
        let card = alice.sees_edit(&runs, "2 of 2 ended").await;
        alice.presses(&card, "Rerun failed").answer().await;
        // It went with the process.
        if !known {
            gives_login(&alice, "debian", PASSWORD).await;
        }
        let live = sees_become(&alice, "backup", "running").await;
        app.stop().await;
        app.start();
        alice.sees_edit(&live, &format!("vmm was stopped before this ended: {told}.")).await;
    }
    let runs = app.desk.vmm.script_runs(&app.desk.user, &RunFilter::default()).await.unwrap();
    assert_eq!(runs.items.len(), 3);
}

#[tokio::test]
async fn a_script_from_another_editor_is_mended_or_refused_and_that_is_said() {
    let app = App::new().await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.uploads("backup.sh", b"\xef\xbb\xbf#!/bin/sh\r\ncd /tmp\r\n", "/script backup");
    let card = alice.sees("backup of alice").await;
    assert!(card.text.contains("2 line ends were changed from CRLF to LF."), "{}", card.text);
    assert!(card.text.contains("The byte order mark at its beginning was removed."), "{}", card.text);
    let name = vmm_core::model::ScriptName::new("backup").unwrap();
    let (_, content) = app.desk.vmm.script(&app.desk.user, &name, None).await.unwrap();
    assert_eq!(content.as_str(), "#!/bin/sh\ncd /tmp\n");
    alice.uploads("latin.sh", b"printf \"caf\xe9\"\n", "/script latin");
    alice.sees("perhaps Latin-1; save it as UTF-8").await;
}

#[tokio::test]
async fn an_admin_deletes_a_script_and_what_is_wrong_is_said() {
    let app = App::new().await;
    machines(&app).await;
    let root = app.linked("Root", &app.desk.admin).await;
    root.uploads("backup.sh", &[0xff, 0xfe], "/script backup");
    root.sees("is UTF-16").await;
    root.uploads("backup.sh", b"true\n", "/script backup sh;reboot");
    root.sees("command").await;
    root.uploads("backup.sh", b"true\n", "what is this?");
    root.sees("What is this file for?").await;
    root.says("/script backup");
    root.sees("with this command as its caption").await;
    root.says("/run nothing");
    root.sees("no script nothing. /scripts lists them").await;
    root.uploads("backup.sh", b"true\n", "/script “nightly backup” sh web-1");
    root.sees("nightly backup of root").await;
    root.says("/run nightly backup web-1");
    root.sees("in quotes, like /run \"nightly backup\".").await;
    root.says("/run \"nightly backup\" web-1");
    root.sees("The script will run on web-1. As which user shall I sign in there?").await;
    root.uploads("backup.sh", b"true\n", "/script backup sh web-1");
    root.sees("backup of root").await;
    root.says("/scripts");
    let list = root.sees("Scripts").await;
    root.presses(&list, "backup").answer().await;
    let card = root.sees_edit(&list, "backup of root").await;
    root.presses(&card, "Delete").answer().await;
    let question = root.sees_edit(&card, "Delete backup?").await;
    root.presses(&question, "Yes, delete").answer().await;
    root.sees_edit(&question, "backup was deleted").await;
    assert_eq!(app.audit("script.delete").await.len(), 1);
}
